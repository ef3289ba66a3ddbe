"""Content: what was said and done, as attributes. It is only captured where somebody asked for it.

Records come from a store that lets no registered secret in, so what is exported holds none either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from remit.core import events as ev
from remit.core.messages import Call, Outcome
from remit.core.values import JsonObject, JsonValue
from remit.telemetry.spans import conventions as names
from remit.telemetry.spans.span import Attribute

_PLAIN, _JSON = "text/plain", "application/json"


@dataclass(slots=True)
class Content:
    """Gathers, for one session, what is new in each of its conversations."""

    on: bool
    longest: int
    """Characters of a value; what is longer is cut."""
    _task: list[JsonValue] = field(default_factory=list[JsonValue])
    _news: dict[str, list[JsonValue]] = field(default_factory=dict[str, list[JsonValue]])
    _threads: dict[str, str] = field(default_factory=dict[str, str])
    """The conversation that waits for the outcome of a call."""

    def take(self, event: ev.Event) -> None:
        """Take in what is said to models."""
        if not self.on:
            return
        match event:
            case ev.MessageReceived():
                self._task.append(_user(event.text))
            case ev.ModelAsked(alone=False):
                news = self._news.setdefault(_thread(event.step), [])
                news += [_user(text) for text in (event.say, event.nudge) if text]
            case ev.EffectEnded():
                thread = self._threads.pop(event.outcome.call, None)
                if thread is not None:
                    self._news.setdefault(thread, []).append(_result(event.outcome))
            case ev.RunEnded():
                self._news, self._threads = {}, {}
            case _:
                pass

    def task(self) -> dict[str, Attribute]:
        """Tell what a run is about, when it begins."""
        task, self._task = self._task, []
        if not self.on:
            return {}
        self._news[""] = list(task)
        text = "\n\n".join(str(part["content"]) for message in task for part in _parts(message))
        return self._value(names.INPUT_VALUE, names.INPUT_TYPE, text)

    def asked(self, event: ev.ModelAsked) -> dict[str, Attribute]:
        """Tell what a model was told that it had not been told before."""
        if not self.on:
            return {}
        said = [_user(event.say)] if event.alone else self._news.pop(_thread(event.step), [])
        return self._json(names.INPUT_VALUE, names.INPUT_TYPE, said) | {names.INPUT_MESSAGES: self._cut(_text(said))}

    def answered(self, event: ev.ModelAnswered, finish: str, *, alone: bool) -> dict[str, Attribute]:
        """Tell what a model answered."""
        if not self.on:
            return {}
        if not alone:
            self._threads.update((call.id, _thread(event.step)) for call in event.calls)
        parts: list[JsonValue] = [{"type": "text", "content": event.text}] if event.text else []
        parts += [_wish(call) for call in event.calls]
        message: JsonObject = {"role": "assistant", "parts": parts, "finish_reason": finish}
        if event.calls:
            shown = self._json(names.OUTPUT_VALUE, names.OUTPUT_MIME_TYPE, parts)
        else:
            shown = self._value(names.OUTPUT_VALUE, names.OUTPUT_MIME_TYPE, event.text)
        return shown | {names.OUTPUT_MESSAGES: self._cut(_text([message]))}

    def called(self, call: Call | None) -> dict[str, Attribute]:
        """Tell the arguments of a call."""
        if not self.on or call is None:
            return {}
        shown = self._json(names.INPUT_VALUE, names.INPUT_TYPE, call.args)
        return shown | {names.TOOL_ARGUMENTS: shown[names.INPUT_VALUE]}

    def outcome(self, outcome: Outcome) -> dict[str, Attribute]:
        """Tell what came of a call; of a large one the readable head."""
        if not self.on:
            return {}
        shown = self.output(outcome.output)
        return shown | ({names.TOOL_RESULT: shown[names.OUTPUT_VALUE]} if outcome.status == "ok" else {})

    def output(self, value: JsonValue) -> dict[str, Attribute]:
        """Tell an output."""
        if not self.on:
            return {}
        if isinstance(value, str):
            return self._value(names.OUTPUT_VALUE, names.OUTPUT_MIME_TYPE, value)
        return self._json(names.OUTPUT_VALUE, names.OUTPUT_MIME_TYPE, value)

    def input(self, text: str) -> dict[str, Attribute]:
        """Tell an input."""
        return self._value(names.INPUT_VALUE, names.INPUT_TYPE, text) if self.on else {}

    def words(self, name: str, text: str) -> dict[str, Attribute]:
        """Tell what somebody said of something."""
        return {name: self._cut(text)} if self.on and text else {}

    def _json(self, name: str, media: str, value: JsonValue | Sequence[JsonValue]) -> dict[str, Attribute]:
        text = _text(value)
        return {name: self._cut(text), media: _JSON if len(text) <= self.longest else _PLAIN}

    def _value(self, name: str, media: str, text: str) -> dict[str, Attribute]:
        return {name: self._cut(text), media: _PLAIN}

    def _cut(self, text: str) -> str:
        return text if len(text) <= self.longest else f"{text[: self.longest - 1]}…"


def _thread(step: str) -> str:
    return step.rpartition(".")[0]


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _user(text: str) -> JsonObject:
    return {"role": "user", "parts": [{"type": "text", "content": text}]}


def _wish(call: Call) -> JsonObject:
    return {"type": "tool_call", "id": call.id, "name": call.tool, "arguments": call.args}


def _result(outcome: Outcome) -> JsonObject:
    part: JsonObject = {"type": "tool_call_response", "id": outcome.call, "response": outcome.output}
    return {"role": "tool", "parts": [part]}


def _parts(message: JsonValue) -> list[JsonObject]:
    parts = message["parts"] if isinstance(message, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
