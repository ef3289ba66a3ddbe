"""Secrets: registered values that never enter a journal, in any of the forms in which they travel.

After redaction no registered value is left in any text or key of what was redacted.
"""

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast, get_args, overload

import msgspec

from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.core.limits import Limits
from remit.core.messages import OutcomeStatus, Stop
from remit.core.values import JsonValue
from remit.policy.secrets.forms import base64_digits, encoded, written
from remit.policy.secrets.redaction import Redaction
from remit.policy.secrets.search import Search

SHORTEST = 6
"""Characters: anything shorter would turn up by chance."""

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LITERALS = (ev.VerdictKind, ev.Level, ev.RunStatus, ev.Suspension, OutcomeStatus, Stop)
_WORDS = (
    *(word for literal in _LITERALS for word in get_args(literal)),
    *get_args(Limits.__annotations__["unpriced"]),
    *Limits.__struct_fields__,
)
"""What every journal holds, so that no part of it can be kept out of one."""

_FIXED = "\n".join(_WORDS).encode()

_encode = msgspec.msgpack.Encoder().encode
S = TypeVar("S", bound=msgspec.Struct)

_listening: list["Secrets"] = []


class Secrets:
    """The values to keep out of journals, by name; each becomes `[secret:NAME]`.

    Found are the value itself, its URL-quoted, JSON-escaped and lower-case hexadecimal forms, its base64 form wherever
    in a longer encoded text it stood, also broken into lines of sixteen digits or more, and in JSON a whole number that
    spells it. Not found are other encodings.
    """

    __slots__ = ("_digits", "_marks", "_numbers", "_search", "_values", "version")

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Register values by name."""
        self.version = 0
        """How many values were registered."""
        self._values: set[str] = set()
        self._marks: dict[bytes, bytes] = {}
        self._digits: set[bytes] = set()
        self._numbers: dict[int, str] = {}
        self._search: Search | None = None
        for name, value in (values or {}).items():
            self.register(name, value)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], names: Iterable[str]) -> "Secrets":
        """Register the variables of these names, without those that are unset or empty."""
        return cls({name: environ[name] for name in names if environ.get(name)})

    def register(self, name: str, value: str) -> None:
        """Keep a value out from now on, beside those already registered; one that is registered keeps its name.

        Raise `ConfigError` for a value that is shorter than six characters or part of what every journal holds, and for
        a name that is not made of letters, digits and `_.-`. The message never holds the value.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(f"a secret cannot be named {name!r}; use letters, digits, '_', '.' and '-'")
        if len(value) < SHORTEST:
            raise ConfigError(f"secret {name!r} has {len(value)} characters; less than {SHORTEST} turn up by chance")
        if value not in self._values:
            self._add(name, value)
        for other in _listening:
            if other is not self and value not in other._values:
                # What cannot be kept out there is part of a name or of another mark, which is no secret.
                with suppress(ConfigError):
                    other._add(name, value)

    def _add(self, name: str, value: str) -> None:
        mark = f"[secret:{name}]".encode()
        digits = base64_digits(value)
        forms = written(value) | digits
        marks = dict.fromkeys(forms, mark) | self._marks
        known = b"\n".join({*marks.values()})
        if any(form in _FIXED or form in known for form in forms) or any(form in mark for form in self._marks):
            raise ConfigError(f"secret {name!r} cannot be kept out: a value is part of a word that every journal holds")
        self._values.add(value)
        self._marks, self._search = marks, None
        self._digits |= digits
        if value.isdecimal() and value.isascii() and value[0] != "0" and int(value) < 1 << 64:
            self._numbers[int(value)] = mark.decode()
        self.version += 1

    @overload
    def redact(self, value: str) -> str: ...
    @overload
    def redact(self, value: bytes) -> bytes: ...
    @overload
    def redact(self, value: JsonValue) -> JsonValue: ...
    def redact(self, value: JsonValue | bytes) -> JsonValue | bytes:
        """Replace every registered value; give the same object back when there is none."""
        search = self._search or self._ready()
        if search is None:
            return value
        if isinstance(value, bytes):
            return search.marked(value)
        return _Cleaning(search, self._numbers).value(value)

    def redact_event(self, event: S) -> S:
        """Replace every registered value in an event or another struct; give the same object back for none."""
        if not self.version:
            return event
        search = self._search or self._ready()
        if search is None or not search.holds(_encode(event)):
            return event
        return cast("S", _Cleaning(search, self._numbers).part(event))

    def stream(self) -> Redaction:
        """Begin a text that comes in pieces."""
        return Redaction(self._ready)

    def _ready(self) -> Search | None:
        if self._search is None and self._marks:
            self._search = Search(self._marks, self._digits, [_encode(number) for number in self._numbers])
        return self._search


class _Cleaning:
    """Takes values out of JSON and of structs."""

    __slots__ = ("_numbers", "_search")

    def __init__(self, search: Search, numbers: Mapping[int, str]) -> None:
        self._search, self._numbers = search, numbers

    def value(self, value: JsonValue) -> JsonValue:
        """Clean JSON; one that is not text only after a look at the whole of it."""
        return self._whole(value) if isinstance(value, list | dict) else self._json(value)

    def part(self, value: Any) -> Any:
        """Clean a part of a struct, or a struct."""
        match value:
            case str():
                return self._text(value)
            case list() | dict():
                return self._whole(cast("list[JsonValue]", value))
            case tuple():
                items = cast("tuple[Any, ...]", value)
                parts = tuple(self.part(item) for item in items)
                return parts if any(new is not old for new, old in zip(parts, items, strict=True)) else items
            case msgspec.Struct():
                fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
                changed = {name: new for name, old in fields if (new := self.part(old)) is not old}
                return msgspec.structs.replace(value, **changed) if changed else value
            case _:
                return value

    def _text(self, text: str) -> str:
        body = encoded(text)
        cleaned = self._search.marked(body)
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
        if not self._search.holds(_encode(value)):
            return value
        cleaned = self._json(value)
        left = self._search.left(_encode(cleaned))
        if not left:
            return cleaned
        # Numbers side by side can spell a value out, so nothing of this may stay.
        return {"redacted": left} if isinstance(value, dict) else left


@contextmanager
def overheard() -> Generator[Secrets]:
    """Give secrets that also learn every value which anybody in this process registers while this is open."""
    secrets = Secrets()
    _listening.append(secrets)
    try:
        yield secrets
    finally:
        _listening.remove(secrets)
