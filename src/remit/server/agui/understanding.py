"""Understanding: what an AG-UI client wants, read from its request. What the agent would never see is refused."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from ag_ui.core import ContentPart, Message, ResumeEntry, RunAgentInput, UserMessage
from pydantic import ValidationError

from remit.core.errors import ConfigError
from remit.core.values import JsonValue, digest
from remit.runtime import Said
from remit.runtime.attaching import Attachment, attach
from remit.server.entrance import ProblemError

_LONGEST = 200
"""Characters of an id."""

_TEXT = 500_000
"""Characters of a message."""

_KEY = "agui"


@dataclass(frozen=True, slots=True)
class Told:
    """Something that the user said."""

    id: str
    key: str
    """What makes it safe to send again: the same for the same id and the same content."""
    message: UserMessage

    def said(self) -> Said:
        """Give what the agent is told; raise `ProblemError` for what it cannot be."""
        content = self.message.content
        parts = [content] if isinstance(content, str) else [_part(one) for one in content]
        words = "".join(one for one in parts if isinstance(one, str))
        if len(words) > _TEXT:
            raise ProblemError(422, f"message {self.id!r} has more than {_TEXT:,} characters")
        if not words.strip() and len(parts) == sum(isinstance(one, str) for one in parts):
            raise ProblemError(422, f"message {self.id!r} is empty")
        return content if isinstance(content, str) else parts


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that was understood."""

    thread: str
    run: str
    messages: Sequence[Message]
    """All that the client has of the conversation."""
    newest: tuple[Told, ...]
    """What the user said after the last answer."""
    last: tuple[Told, ...]
    """What the user said last without an answer between, answered since or not."""
    resume: Sequence[ResumeEntry]


def understood(body: bytes, media: str) -> Wanted:
    """Read a request; raise `ProblemError` for what is none, or wants what no agent here can do."""
    if media.partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "the body must be application/json")
    try:
        given = RunAgentInput.model_validate_json(body)
    except ValidationError as error:
        raise _unreadable(error) from None
    _refuse(given)
    last, answered = _last(given.messages)
    return Wanted(
        thread=given.thread_id,
        run=given.run_id,
        messages=given.messages,
        newest=() if answered else last,
        last=last,
        resume=tuple(given.resume or ()),
    )


def id_of(key: str) -> str:
    """Give the id of the message that a key was made of; empty for a key of another front end."""
    kind, _, rest = key.partition(":")
    return rest.partition(":")[2] if kind == _KEY else ""


def thread_key(thread: str) -> str:
    """Give the key that begins the session of a thread."""
    return f"{_KEY}:{thread}"


def _unreadable(error: ValidationError) -> ProblemError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return ProblemError(400, f"the body is no JSON: {first['msg']}")
    place = ".".join(map(str, first["loc"]))
    return ProblemError(422, f"the body is no RunAgentInput of AG-UI: {place}: {first['msg']}")


def _refuse(given: RunAgentInput) -> None:
    for name, value in (("threadId", given.thread_id), ("runId", given.run_id)):
        if not 0 < len(value) <= _LONGEST:
            raise ProblemError(422, f"{name} has 1 to {_LONGEST} characters")
    if given.tools:
        named = ", ".join(repr(tool.name) for tool in given.tools)
        raise ProblemError(
            422, f"tools of a front end cannot be used here ({named}): an agent has the tools it was declared with"
        )
    if given.context or given.state:
        which = "context" if given.context else "state"
        raise ProblemError(422, f"the agent would never see {which!r}; leave it out, or put it into a message")
    if any(message.role in {"system", "developer"} for message in given.messages):
        raise ProblemError(422, "an agent has the instructions it was declared with; leave system messages out")


def _last(messages: Sequence[Message]) -> tuple[tuple[Told, ...], bool]:
    """Give what the user said last, and whether an answer to it is there."""
    found: list[Told] = []
    answered = False
    for message in reversed(messages):
        if isinstance(message, UserMessage):
            found.append(_told(message))
        elif message.role in {"assistant", "tool"}:
            if found:
                break
            answered = True
    return tuple(reversed(found)), answered


def _told(message: UserMessage) -> Told:
    if not 0 < len(message.id) <= _LONGEST:
        raise ProblemError(422, f"the id of a message has 1 to {_LONGEST} characters")
    content: JsonValue = msgspec.json.decode(message.model_dump_json(include={"content"}))
    return Told(message.id, f"{_KEY}:{digest(content)}:{message.id}", message)


def _part(part: ContentPart) -> str | Attachment:
    if part.type == "text":
        return part.text
    source = part.source
    try:
        if source.type == "data":
            return attach(base64.b64decode(source.value, validate=True), media=source.mime_type)
        if source.type == "url" and source.value.startswith("https://"):
            return attach(source.value, media=source.mime_type or "")
    except (ConfigError, binascii.Error, ValueError) as error:
        raise ProblemError(422, f"a part of a message cannot be attached: {error}") from None
    raise ProblemError(422, "what is attached comes as base64 data or at an https:// URL")
