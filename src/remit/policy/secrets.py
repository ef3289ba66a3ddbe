"""Secrets: registered values that never enter a journal, in any of the forms in which they travel.

After redaction no registered value is left in any text or key of what was redacted.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast, get_args, overload
from urllib.parse import quote, quote_plus

import msgspec

from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.core.limits import Limits
from remit.core.messages import OutcomeStatus, Stop
from remit.core.values import JsonValue

SHORTEST = 6
"""Characters: anything shorter would turn up by chance."""

_PASSES = 4
_LONG = 512
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LITERALS = (ev.VerdictKind, ev.Level, ev.RunStatus, ev.Suspension, OutcomeStatus, Stop)
_WORDS = (
    *(word for literal in _LITERALS for word in get_args(literal)),
    *get_args(Limits.__annotations__["unpriced"]),
    *Limits.__struct_fields__,
)
"""What every journal holds, so that no part of it can be kept out of one."""

_encode = msgspec.msgpack.Encoder().encode
E = TypeVar("E", bound=ev.Event)


class Secrets:
    """The values to keep out of journals, by name; each becomes `[secret:NAME]`.

    Found are the value itself, its URL-quoted and JSON-escaped forms, its base64 form wherever in a longer encoded text
    it stood, and in JSON a whole number that spells it. Not found are base64 broken into lines and other encodings.
    """

    __slots__ = ("_any", "_marks", "_needles", "_numbers", "_pattern")

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Register values by name."""
        self._marks: dict[bytes, bytes] = {}
        self._numbers: dict[int, str] = {}
        self._needles: tuple[bytes, ...] = ()
        self._any: re.Pattern[bytes] | None = None
        self._pattern: re.Pattern[bytes] | None = None
        for name, value in (values or {}).items():
            self.register(name, value)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], names: Iterable[str]) -> "Secrets":
        """Register the variables of these names, without those that are unset or empty."""
        return cls({name: environ[name] for name in names if environ.get(name)})

    def register(self, name: str, value: str) -> None:
        """Keep a value out from now on, beside those already registered.

        Raise `ConfigError` for a value that is shorter than six characters or part of what every journal holds, and for
        a name that is not made of letters, digits and `_.-`. The message never holds the value.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(f"a secret cannot be named {name!r}; use letters, digits, '_', '.' and '-'")
        if len(value) < SHORTEST:
            raise ConfigError(f"secret {name!r} has {len(value)} characters; less than {SHORTEST} turn up by chance")
        mark = f"[secret:{name}]".encode()
        marks = dict.fromkeys(_forms(value), mark) | self._marks
        fixed = b"\n".join({*marks.values(), *(word.encode() for word in _WORDS)})
        if any(form in fixed for form in marks):
            raise ConfigError(f"secret {name!r} cannot be kept out: a value is part of a word that every journal holds")
        self._marks = marks
        self._pattern = _either(marks)
        if value.isdecimal() and value.isascii() and value[0] != "0" and int(value) < 1 << 64:
            self._numbers[int(value)] = mark.decode()
        self._needles = (*marks, *(_encode(number) for number in self._numbers))
        self._any = _either(self._needles)

    @overload
    def redact(self, value: str) -> str: ...
    @overload
    def redact(self, value: bytes) -> bytes: ...
    @overload
    def redact(self, value: JsonValue) -> JsonValue: ...
    def redact(self, value: JsonValue | bytes) -> JsonValue | bytes:
        """Replace every registered value; give the same object back when there is none."""
        if isinstance(value, bytes):
            return self._clean(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list | dict):
            return self._whole(value)
        return self._json(value)

    def redact_event(self, event: E) -> E:
        """Replace every registered value in an event; give the same object back when there is none."""
        if self._any is None or not self._holds(_encode(event)):
            return event
        return cast("E", self._part(event))

    def _holds(self, body: bytes) -> bool:
        # This runs for every event. One search for all pays off in short bodies, one search for each in long ones.
        if len(body) < _LONG:
            return self._any is not None and self._any.search(body) is not None
        return any(needle in body for needle in self._needles)

    def _clean(self, body: bytes) -> bytes:
        pattern = self._pattern
        if pattern is None:
            return body
        for _ in range(_PASSES):
            if pattern.search(body) is None:
                return body
            body = pattern.sub(lambda found: self._marks[found[0]], body)
        # A value can be made to arise again from its own mark and what stands beside it; a mark alone is safe.
        found = pattern.search(body)
        return self._marks[found[0]] if found else body

    def _text(self, text: str) -> str:
        body = _bytes(text)
        cleaned = self._clean(body)
        return text if cleaned is body else cleaned.decode("utf-8", "surrogatepass")

    def _json(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self._text(value)
            case list():
                return [self._json(item) for item in value]
            case dict():
                return {self._text(key): self._json(item) for key, item in value.items()}
            case int() if not isinstance(value, bool):
                return self._numbers.get(value, value)
            case _:
                return value

    def _whole(self, value: list[JsonValue] | dict[str, JsonValue]) -> JsonValue:
        if not self._holds(_encode(value)):
            return value
        cleaned = self._json(value)
        body = _encode(cleaned)
        if not self._holds(body):
            return cleaned
        # Numbers side by side can spell a value out, so nothing of this may stay.
        mark = next(mark for form, mark in self._marks.items() if form in body).decode()
        return {"redacted": mark} if isinstance(value, dict) else mark

    def _part(self, value: Any) -> Any:
        match value:
            case str():
                return self._text(value)
            case list() | dict():
                return self._whole(cast("list[JsonValue]", value))
            case tuple():
                items = cast("tuple[Any, ...]", value)
                parts = tuple(self._part(item) for item in items)
                return parts if any(new is not old for new, old in zip(parts, items, strict=True)) else items
            case msgspec.Struct():
                fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
                changed = {name: new for name, old in fields if (new := self._part(old)) is not old}
                return msgspec.structs.replace(value, **changed) if changed else value
            case _:
                return value


def _either(needles: Iterable[bytes]) -> re.Pattern[bytes]:
    # The longest first: where one value begins with another, the whole of it must go.
    return re.compile(b"|".join(re.escape(needle) for needle in sorted(needles, key=len, reverse=True)))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _forms(value: str) -> set[bytes]:
    raw = _bytes(value)
    return {raw, *map(_bytes, _quoted(raw)), *map(_bytes, _escaped(value)), *_base64(raw)}


def _quoted(raw: bytes) -> Iterator[str]:
    for form in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield form
        yield re.sub("%..", lambda code: code[0].lower(), form)


def _escaped(value: str) -> Iterator[str]:
    ascii_only, plain = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    for form in (ascii_only, plain, plain.replace("/", "\\/")):
        yield form
        # JSON as text within JSON, as arguments of calls often are.
        yield json.dumps(form, ensure_ascii=False)[1:-1]


def _base64(raw: bytes) -> Iterator[bytes]:
    """Give the digits that do not depend on what stands before and after, for each place in a group of three bytes."""
    for before in range(3):
        digits = base64.b64encode(bytes(before) + raw)
        sure = digits[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield sure
        yield sure.translate(bytes.maketrans(b"+/", b"-_"))
