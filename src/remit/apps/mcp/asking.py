"""Asking: what a run waits for, put to the person at the client, whose answers are then those of a person."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import mcp_types as types
import msgspec
from mcp.server import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from remit.apps.mcp.port import Sessions
from remit.core.errors import ApprovalError
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.runtime import Shown, awaited, waiting
from remit.telemetry import json_text

_LONGEST = 4000
"""Characters of a question: what cannot be shown whole is not decided here."""
_ROUNDS = 20
_PLAIN = frozenset({"string", "boolean", "integer", "number"})

_DECISION: JsonObject = {
    "type": "object",
    "properties": {
        "approve": {"type": "boolean", "title": "Approve", "description": "Whether exactly this call may be made."},
        "reason": {"type": "string", "title": "Reason", "description": "Why, for the record and for the agent."},
    },
    "required": ["approve"],
}


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that a run waits for."""

    call: str
    kind: Literal["approval", "input"]
    question: str
    schema: JsonObject
    digest: str = ""
    """Of exactly what would be allowed."""


def matters(state: State, sessions: Sessions) -> Iterator[Matter]:
    """Give what a client can put to its person: whole in words, with plain fields, and theirs to decide."""
    for effect in waiting(state):
        assert effect.asked is not None
        if sessions.barred(state, effect):
            continue
        call = f"{effect.call.tool}({json_text(effect.call.args)})"
        question = f"Approve this call: {call}\n{effect.asked.reason}"
        if len(question) <= _LONGEST:
            yield Matter(effect.call.id, "approval", question, _DECISION, effect.asked.digest)
    for effect in awaited(state):
        assert effect.wants is not None
        if sessions.barred(state, effect):
            continue
        question = f"{effect.call.tool} asks: {effect.wants.question}"
        if len(question) <= _LONGEST and _plain(effect.wants.schema):
            yield Matter(effect.call.id, "input", question, effect.wants.schema)


class Asked(msgspec.Struct):
    """What a client gives back with the answers; sealed on its way, so it is what we gave."""

    session: str
    rounds: int = 1
    run: int = 0
    shown: dict[str, str] = {}
    """The digests of the calls that were shown."""


@dataclass(slots=True)
class Asking:
    """One request of a client, and what can be asked of the person who sits there."""

    sessions: Sessions
    context: ServerRequestContext[Any, Any]
    params: types.CallToolRequestParams
    enabled: bool = True
    _problems: dict[str, str] = field(default_factory=dict[str, str])
    _rounds: int = 0

    async def resumed(self) -> Asked | None:
        """Write down the answers that came with the request; give what they are for, if there were any."""
        if self.params.request_state is None:
            return None
        asked = msgspec.json.decode(self.params.request_state, type=Asked)
        self._rounds = asked.rounds
        responses = self.params.input_responses or {}
        decided = False
        for matter in matters(await self.sessions.state(asked.session), self.sessions):
            response = responses.get(matter.call)
            if not isinstance(response, types.ElicitResult):
                continue
            if matter.digest != asked.shown.get(matter.call, ""):
                # Nobody allows what they were not shown.
                self._problems[matter.call] = "It has other arguments by now; look again."
                decided = True
            else:
                decided |= await self._decide(asked.session, matter, response)
        # Who did not want to answer is not asked again.
        self.enabled &= decided
        return asked

    async def ask(self, session: str, run: int) -> types.InputRequiredResult | bool:
        """Ask what the run of a session waits for: give a result that asks, or whether something was decided now."""
        found = list(matters(await self.sessions.state(session), self.sessions))
        self._rounds += 1
        if not found or not self._able() or self._rounds > _ROUNDS:
            return False
        if self.context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            shown = {matter.call: matter.digest for matter in found if matter.digest}
            state = msgspec.json.encode(Asked(session, self._rounds, run, shown)).decode()
            requests: types.InputRequests = {
                matter.call: types.ElicitRequest(params=self._form(matter)) for matter in found
            }
            return types.InputRequiredResult(input_requests=requests, request_state=state)
        if not self.context.session.can_send_request:
            return False
        form = self._form(found[0])
        answer = await self.context.session.elicit_form(form.message, form.requested_schema, self.context.request_id)
        return await self._decide(session, found[0], answer)

    async def _decide(self, session: str, matter: Matter, answer: types.ElicitResult) -> bool:
        """Write an answer down; false when none was given."""
        if answer.action == "cancel":
            return False
        accepted = answer.action == "accept"
        content: JsonObject = msgspec.json.decode(msgspec.json.encode(answer.content or {}))
        try:
            if matter.kind == "input":
                await self.sessions.answer(session, matter.call, content if accepted else None)
            else:
                granted, reason = accepted and content.get("approve") is True, content.get("reason")
                said = reason if isinstance(reason, str) else ""
                shown = Shown(matter.call, matter.digest)
                await self.sessions.decide(session, shown, granted=granted, reason=said)
        except ApprovalError as error:
            # It does not fit, or somebody else was faster; the run knows which when it goes on.
            self._problems[matter.call] = str(error)
        return True

    def _form(self, matter: Matter) -> types.ElicitRequestFormParams:
        problem = self._problems.pop(matter.call, "")
        message = f"{matter.question}\n{problem}" if problem else matter.question
        return types.ElicitRequestFormParams(message=message, requested_schema=matter.schema)

    def _able(self) -> bool:
        declared = self.context.session.client_capabilities
        able = declared.elicitation if declared is not None else None
        # Before there were modes, a client that could ask could ask for this.
        return self.enabled and able is not None and (able.form is not None or able.url is None)


def _plain(schema: JsonObject) -> bool:
    """Say whether all that is asked are fields that every client can show."""
    fields = schema.get("properties")
    return isinstance(fields, dict) and all(_simple(one) for one in fields.values())


def _simple(field: JsonValue) -> bool:
    if not isinstance(field, dict):
        return False
    kind, items = field.get("type"), field.get("items")
    if kind == "array":
        return isinstance(items, dict) and ("enum" in items or "anyOf" in items)
    return kind in _PLAIN or "enum" in field or "oneOf" in field
