"""Asking: what a run waits for, put to the person at the client, whose answers are then those of a person."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import mcp_types as types
import msgspec
from mcp.server import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from remit.core.errors import ApprovalError
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.home import Home
from remit.runtime import awaited, doubted, waiting
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


def matters(state: State) -> Iterator[Matter]:
    """Give what a client can put to its person: whole in words, and with plain fields."""
    for effect in waiting(state):
        assert effect.asked is not None
        call = f"{effect.call.tool}({json_text(effect.call.args)})"
        question = f"Approve this call: {call}\n{effect.asked.reason}"
        if len(question) <= _LONGEST:
            yield Matter(effect.call.id, "approval", question, _DECISION)
    for effect in awaited(state):
        assert effect.wants is not None
        question = f"{effect.call.tool} asks: {effect.wants.question}"
        if len(question) <= _LONGEST and _plain(effect.wants.schema):
            yield Matter(effect.call.id, "input", question, effect.wants.schema)


def how(state: State, session: str) -> str:
    """Say what waits and how somebody at this home decides it."""
    lines = [
        f"{effect.call.tool} ({effect.call.id}) waits for approval: remit approve {session} {effect.call.id}"
        for effect in waiting(state)
    ]
    for effect in awaited(state):
        assert effect.wants is not None
        asks = f"{effect.call.tool} ({effect.call.id}) asks: {effect.wants.question}"
        lines.append(f"{asks}: remit answer {session} {effect.call.id} FIELD=VALUE")
    for effect in doubted(state):
        lines.append(f"{effect.question}: remit settle {session} {effect.call.id}")
    return "\n".join(lines or [f"remit resume {session}"])


class Asked(msgspec.Struct):
    """What a client gives back with the answers; sealed on its way, so it is what we gave."""

    session: str
    rounds: int = 1


@dataclass(slots=True)
class Asking:
    """One request of a client, and what can be asked of the person who sits there."""

    home: Home
    context: ServerRequestContext[Any, Any]
    params: types.CallToolRequestParams
    enabled: bool = True
    _problems: dict[str, str] = field(default_factory=dict[str, str])
    _rounds: int = 0

    async def resumed(self) -> str:
        """Write down the answers that came with the request; give the session they are for, or nothing."""
        if self.params.request_state is None:
            return ""
        asked = msgspec.json.decode(self.params.request_state, type=Asked)
        self._rounds = asked.rounds
        responses = self.params.input_responses or {}
        decided = False
        for matter in matters(await self.home.session(asked.session)):
            response = responses.get(matter.call)
            if isinstance(response, types.ElicitResult):
                decided |= await self._decide(asked.session, matter, response)
        # Who did not want to answer is not asked again.
        self.enabled &= decided
        return asked.session

    async def ask(self, session: str) -> types.InputRequiredResult | bool:
        """Ask what the run of a session waits for: give a result that asks, or whether something was decided now."""
        found = list(matters(await self.home.session(session)))
        self._rounds += 1
        if not found or not self._able() or self._rounds > _ROUNDS:
            return False
        if self.context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            state = msgspec.json.encode(Asked(session, self._rounds)).decode()
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
        accepted, by = answer.action == "accept", self._person()
        content: JsonObject = msgspec.json.decode(msgspec.json.encode(answer.content or {}))
        try:
            if matter.kind == "input":
                await self.home.answer(session, content if accepted else None, matter.call, by=by)
            else:
                granted, reason = accepted and content.get("approve") is True, content.get("reason")
                said = reason if isinstance(reason, str) else ""
                await self.home.approve(session, matter.call, granted=granted, by=by, reason=said)
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

    def _person(self) -> str:
        known = self.context.session.client_params
        name = known.client_info.name if known is not None else ""
        return f"mcp:{''.join(char for char in name if char.isprintable())[:60] or 'client'}"


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
