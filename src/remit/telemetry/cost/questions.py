"""Questions: the model calls of a session with all that is recorded of what was asked, so that they can be compared.

What a journal does not hold are an agent's instructions and the texts of its tools: they count as the same for the same
agent, version and hashes of tools.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from remit.core import events as ev
from remit.core.messages import AssistantMessage, Message, ToolMessage, UserMessage
from remit.core.state import State
from remit.core.values import JsonValue
from remit.telemetry.cost.charges import Charge, Charges

Place = tuple[str, int, str]
"""A conversation: session, run (0 for the one that all runs share) and key."""

_encoder = msgspec.json.Encoder(order="sorted")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model, and what was asked."""

    charge: Charge
    key: bytes
    """The same for questions that mean the same to a model."""
    thread: Place | None
    """The conversation it went on with; `None` when it stood alone."""
    offer: bytes
    """The same while the same tools are on offer."""
    whole: bool
    """Whether the answer could be given again: it came, was not cut off, and could be read."""
    models: Mapping[str, str]
    """The models its agent declares, by role."""


class _Conversation:
    """The hash of a conversation so far; ids of calls are replaced by the order in which they appear."""

    def __init__(self) -> None:
        self._seen = 0
        self._sha = hashlib.sha256()
        self._numbers: dict[str, int] = {}

    def digest(self, messages: Sequence[Message]) -> bytes:
        for message in messages[self._seen :]:
            self._sha.update(_encoder.encode(self._canonical(message)))
        self._seen = len(messages)
        return self._sha.copy().digest()

    def _canonical(self, message: Message) -> list[JsonValue]:
        match message:
            case UserMessage(text=text, parts=parts):
                return ["user", text, [[part.media, part.blob, part.url, part.name] for part in parts]]
            case AssistantMessage(text=text, calls=calls):
                made: list[JsonValue] = [
                    [call.tool, call.args, call.malformed, self._number(call.id)] for call in calls
                ]
                return ["assistant", text, made]
            case ToolMessage(outcome=outcome, tool=tool):
                return ["tool", tool, self._number(outcome.call), outcome.status, outcome.output, outcome.blob]

    def _number(self, call: str) -> int:
        return self._numbers.setdefault(call, len(self._numbers))


class _Asked(msgspec.Struct, frozen=True):
    key: bytes
    thread: Place | None
    offer: bytes


class Questions:
    """Reads the records of one session in their order; it holds the conversation while it does."""

    def __init__(self, session: str) -> None:
        """Begin before the first record."""
        self.charges = Charges(session)
        self._session = session
        self._state = State()
        self._conversations: dict[Place, _Conversation] = {}
        self._asked: dict[str, _Asked] = {}

    def see(self, record: ev.Record) -> tuple[tuple[Charge, ...], tuple[Question, ...]]:
        """Take in the next record; give what came to an end with it, and which of that were questions."""
        event = record.event
        charges = self.charges.see(record)
        self._state.apply(event)
        match event:
            case ev.ModelAsked():
                self._asked[event.step] = self._ask(event)
            case ev.RunEnded():
                self._asked = {}
                self._conversations = {place: known for place, known in self._conversations.items() if not place[1]}
            case ev.ModelAnswered() | ev.ModelFailed():
                asked = self._asked.pop(event.step, None)
                return charges, tuple(self._question(charge, asked, event) for charge in charges if asked is not None)
            case _:
                pass
        return charges, ()

    def _ask(self, event: ev.ModelAsked) -> _Asked:
        state, opened = self._state, self._state.opened
        thread, said = None, b""
        if not event.alone:
            key = event.step.rpartition(".")[0]
            thread = (self._session, state.runs if key else 0, key)
            conversation = self._conversations.setdefault(thread, _Conversation())
            said = conversation.digest(state.thread(key))
        given: list[JsonValue] = (
            [opened.agent, opened.version, opened.tenant, dict(opened.tools), state.limits.max_output] if opened else []
        )
        tools: JsonValue = None if event.tools is None else list(event.tools)
        offer: list[JsonValue] = [given, tools, list(state.revealed)]
        alone: JsonValue = [event.say, event.nudge] if event.alone else None
        asked: list[JsonValue] = [offer, event.role, self.charges.model(event), event.shape, event.sample, alone]
        return _Asked(_hash(asked, said), thread, _hash(offer, b""))

    def _question(self, charge: Charge, asked: _Asked | None, event: ev.ModelAnswered | ev.ModelFailed) -> Question:
        assert asked is not None
        whole = (
            isinstance(event, ev.ModelAnswered)
            and not event.stop
            and not event.problem
            and not any(call.malformed for call in event.calls)
        )
        models = self._state.opened.models if self._state.opened else {}
        return Question(
            charge=charge, key=asked.key, thread=asked.thread, offer=asked.offer, whole=whole, models=models
        )


def _hash(value: JsonValue, said: bytes) -> bytes:
    return hashlib.sha256(said + _encoder.encode(value)).digest()
