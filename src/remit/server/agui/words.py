"""Words: what models say, as messages of AG-UI: piece by piece while it is written, corrected once it is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

from ag_ui.core import (
    BaseEvent,
    ReasoningEndEvent,
    ReasoningMessageContentEvent,
    ReasoningMessageEndEvent,
    ReasoningMessageStartEvent,
    ReasoningStartEvent,
    StepFinishedEvent,
    StepStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
)

from remit.core.events import ModelAnswered, ModelAsked, ModelFailed
from remit.core.ports import Delta
from remit.core.values import JsonValue
from remit.server.agui.transcript import Transcript

OURS = "remit-"
"""How the ids of messages begin that come from here."""


@dataclass(slots=True)
class _Ask:
    name: str
    shown: bool
    """Whether its answer is part of the conversation; what a strategy asks for itself is only a step."""
    heard: bool
    """Whether all that was written of the answer so far was heard here."""
    said: str = ""
    open: bool = False


class Words:
    """The questions to models of one run that are under way, and what was said of their answers."""

    def __init__(self, transcript: Transcript, run: int) -> None:
        """Begin with none."""
        self._transcript, self._run = transcript, run
        self._asks: dict[str, _Ask] = {}
        self.last = ""
        """The last answer of the conversation."""

    def message(self, step: str) -> str:
        """Give the id of the message that the answer of a step is."""
        return f"{OURS}{self._run}-{step}"

    def asked(self, event: ModelAsked, *, live: bool) -> list[BaseEvent]:
        """Begin a step."""
        told = self._left(event.step)
        name = f"{event.role or 'default'} {event.step}"
        self._asks[event.step] = _Ask(name, _main(event), live)
        return [*told, StepStartedEvent(step_name=name)]

    def delta(self, delta: Delta) -> list[BaseEvent]:
        """Pass on a piece of an answer, if it can be told of which."""
        if len(self._asks) != 1:
            # Pieces do not say what they are of; the rest comes with the answer.
            for ask in self._asks.values():
                ask.heard = False
            return []
        step, ask = next(iter(self._asks.items()))
        told: list[BaseEvent] = []
        if delta.fresh:
            told += self._void(step, ask)
            ask.heard = True
        if not (ask.shown and ask.heard and delta.text):
            return told
        return [*told, *self._say(step, ask, delta.text)]

    def answered(self, event: ModelAnswered) -> list[BaseEvent]:
        """Say what was not said yet of an answer, or correct what was, and end its step."""
        ask = self._asks.pop(event.step)
        if not ask.shown:
            return [StepFinishedEvent(step_name=ask.name)]
        told: list[BaseEvent] = []
        if event.text.startswith(ask.said):
            rest = event.text[len(ask.said) :]
            told += self._say(event.step, ask, rest) if rest else ()
            told += self._end(event.step, ask)
        else:
            told += self._end(event.step, ask)
            told.append(self._transcript.correct(self.message(event.step), event.text))
        self.last = event.text
        told += _reasoning(f"{self.message(event.step)}-reasoning", event.reasoning)
        return [*told, StepFinishedEvent(step_name=ask.name)]

    def failed(self, event: ModelFailed) -> list[BaseEvent]:
        """Take back what was said of an answer that will not come, and end its step."""
        return self._left(event.step)

    def over(self) -> list[BaseEvent]:
        """End whatever is under way."""
        return [event for step in tuple(self._asks) for event in self._left(step)]

    def _left(self, step: str) -> list[BaseEvent]:
        ask = self._asks.pop(step, None)
        return [] if ask is None else [*self._void(step, ask), StepFinishedEvent(step_name=ask.name)]

    def _say(self, step: str, ask: _Ask, text: str) -> list[BaseEvent]:
        message = self.message(step)
        told: list[BaseEvent] = [TextMessageContentEvent(message_id=message, delta=text)]
        if not ask.open:
            told.insert(0, TextMessageStartEvent(message_id=message, role="assistant"))
        ask.said, ask.open = ask.said + text, True
        return told

    def _end(self, step: str, ask: _Ask) -> list[BaseEvent]:
        if not ask.open:
            return []
        ask.open = False
        return [TextMessageEndEvent(message_id=self.message(step))]

    def _void(self, step: str, ask: _Ask) -> list[BaseEvent]:
        if not ask.said:
            return []
        told = self._end(step, ask)
        ask.said = ""
        return [*told, self._transcript.correct(self.message(step), "")]


def whole(message: str, text: str) -> list[BaseEvent]:
    """Give a message that is there all at once."""
    return [
        TextMessageStartEvent(message_id=message, role="assistant"),
        TextMessageContentEvent(message_id=message, delta=text),
        TextMessageEndEvent(message_id=message),
    ]


def _main(event: ModelAsked) -> bool:
    return not event.alone and "." not in event.step


def _reasoning(message: str, kept: JsonValue) -> list[BaseEvent]:
    text = "\n\n".join(_thoughts(kept))
    if not text:
        return []
    return [
        ReasoningStartEvent(message_id=message),
        ReasoningMessageStartEvent(message_id=message, role="reasoning"),
        ReasoningMessageContentEvent(message_id=message, delta=text),
        ReasoningMessageEndEvent(message_id=message),
        ReasoningEndEvent(message_id=message),
    ]


def _thoughts(kept: JsonValue) -> Sequence[str]:
    """Find what can be read of the reasoning that wires keep: a text, or pieces with a `thinking` of their own."""
    if not isinstance(kept, dict):
        return ()
    text, order = kept.get("text"), kept.get("order")
    found = (
        [text, *(one.get("thinking") for one in order if isinstance(one, dict))] if isinstance(order, list) else [text]
    )
    return [one for one in found if isinstance(one, str) and one]
