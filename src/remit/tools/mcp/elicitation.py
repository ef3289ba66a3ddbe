"""Elicitation: what a server wants to ask a person, as questions of ours, and their answers as it wants them."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import mcp_types as types
import msgspec

from remit.core.errors import InputRequiredError, RejectedError
from remit.core.ports import Resume
from remit.core.values import JsonObject, JsonValue, digest
from remit.tools.mcp.arguments import SchemaCheck
from remit.tools.mcp.contract import harm, legible, shown

OPENED: JsonObject = {
    "type": "object",
    "properties": {"done": {"type": "boolean", "description": "Whether you did there what you were asked to do."}},
    "required": ["done"],
}
"""What is asked of a person who is sent to a page."""


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a server wants to know."""

    message: str
    schema: JsonObject = {}
    """Of the answer; empty when it is whether a page was visited."""

    @property
    def digest(self) -> str:
        """Tell it from other questions of the same call."""
        return digest([self.message, self.schema])

    @property
    def form(self) -> JsonObject:
        """Give the schema of what a person says."""
        return self.schema or OPENED

    def completed(self, given: JsonObject) -> JsonObject:
        """Fill in what the server suggests for what was left out."""
        return {**_defaults(self.schema), **given}

    def misfit(self, given: JsonObject | None) -> str:
        """Say why an answer is none; empty when it is one, or when a person does not want to give one."""
        return "" if given is None else SchemaCheck(self.form).problem(self.completed(given))

    def response(self, given: JsonObject | None) -> JsonObject:
        """Write an answer as the server wants it."""
        if given is None:
            return {"action": "decline"}
        if not self.schema:
            return {"action": "accept" if given.get("done") else "cancel"}
        return {"action": "accept", "content": self.completed(given)}


def question(params: types.ElicitRequestParams) -> Question:
    """Make a server's question harmless; raise `RejectedError` when it cannot be asked."""
    message = legible(params.message)
    if isinstance(params, types.ElicitRequestURLParams):
        return visit([params])
    why = harm(params.requested_schema)
    if why:
        raise RejectedError(f"the server asks a person what cannot be asked: its schema {why}")
    return Question(message, {"type": "object", "properties": {}, **shown(params.requested_schema)})


def visit(pages: list[types.ElicitRequestURLParams]) -> Question:
    """Ask a person to go to pages of a server and to say when they are done there."""
    lines: list[str] = []
    for page in pages:
        url = legible(page.url)
        if urlsplit(url).scheme not in {"http", "https"}:
            raise RejectedError(f"the server sends a person to {url!r}, which is no page")
        lines.append(f"{legible(page.message)} Open {url}")
    return Question("\n".join([*lines, "Then say whether it is done."]))


class Dialogue(msgspec.Struct, omit_defaults=True):
    """How far a call and its server have come in asking a person; it is kept in the journal between two attempts."""

    todo: dict[str, Question] = {}
    """What is still to be asked; the first of it is asked now."""
    done: dict[str, JsonObject] = {}
    """The responses of this round, as the protocol writes them."""
    state: str | None = None
    """What the server wants to be given back with them."""
    given: dict[str, JsonObject | None] = {}
    """What was answered to questions in the middle of a call, by their digests: it asks them again."""
    amid: bool = False
    """Whether what is asked now came in the middle of a call."""
    rounds: int = 0

    def ask(self, problem: str = "") -> InputRequiredError:
        """Make the error that has the next question asked, and again when an answer did not fit."""
        asked = next(iter(self.todo.values()))
        again = f"{asked.message}\nThe answer did not fit: {problem}" if problem else asked.message
        return InputRequiredError(again, asked.form, msgspec.to_builtins(self))

    def ask_amid(self, asked: Question) -> InputRequiredError:
        """Make the error that has a question of the middle of a call asked."""
        self.todo, self.amid = {asked.digest: asked}, True
        return self.ask()

    def responses(self) -> JsonObject:
        """Give what the call is sent with."""
        sent: JsonObject = {}
        if self.done:
            sent["inputResponses"] = {**self.done}
        if self.state is not None:
            sent["requestState"] = self.state
        return sent


def resumed(resume: Resume | None) -> Dialogue:
    """Go on with a dialogue after an answer; raise `InputRequiredError` while there is more to ask."""
    if resume is None:
        return Dialogue()
    try:
        dialogue = msgspec.convert(resume.memo, Dialogue)
        key, asked = next(iter(dialogue.todo.items()))
    except (msgspec.ValidationError, StopIteration):
        raise RejectedError("what was kept of this call's question cannot be read; make the call again") from None
    problem = asked.misfit(resume.given)
    if problem:
        raise dialogue.ask(problem)
    del dialogue.todo[key]
    if dialogue.amid:
        dialogue.given[key] = resume.given
        dialogue.amid = False
    else:
        dialogue.done[key] = asked.response(resume.given)
    if dialogue.todo:
        raise dialogue.ask()
    return dialogue


def _defaults(schema: Mapping[str, JsonValue]) -> JsonObject:
    fields = schema.get("properties")
    if not isinstance(fields, dict):
        return {}
    return {name: field["default"] for name, field in fields.items() if isinstance(field, dict) and "default" in field}
