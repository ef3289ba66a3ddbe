"""Styles: how values of parameters are written into paths, queries, headers and cookies.

Source: OpenAPI 3.1.1, "Style Values" and appendices C to E; RFC 6570.
"""

from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import quote, quote_plus

import msgspec

from remit.core.values import JsonObject, JsonValue

Style = Literal["matrix", "label", "simple", "form", "spaceDelimited", "pipeDelimited", "deepObject"]
Place = Literal["path", "query", "header", "cookie"]

STYLES: dict[Place, tuple[Style, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
"""The styles of each place, the default first."""

PLACES: dict[str, Place] = {place: place for place in STYLES}


def style_of(place: Place, said: JsonValue) -> Style | None:
    """Read a style by its name; `None` when it is none of this place."""
    by_name: dict[JsonValue, Style] = {style: style for style in STYLES[place]}
    return by_name.get(said) if isinstance(said, str) else None


_BETWEEN: dict[Style, tuple[str, str]] = {"spaceDelimited": (" ", "%20"), "pipeDelimited": ("|", "%7C")}
_RESERVED = ":/?[]@!$'()*,;="
"""What `allowReserved` leaves as it is: not `&`, `#` and `+`, which would end or change the value."""


Write = Callable[[JsonValue], str]


class Writing(msgspec.Struct, frozen=True):
    """How one parameter is written."""

    name: str
    style: Style
    explode: bool
    reserved: bool = False


def text(value: JsonValue) -> str:
    """Write one value as text: `true`, `1.5`, a string as it is, nothing for null, JSON for what has parts."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return msgspec.json.encode(value).decode()


def in_path(writing: Writing, value: JsonValue) -> str:
    """Write a path parameter; raise `ValueError` for what would be another path."""
    match writing.style:
        case "label":
            written = "".join(f".{part}" for part in _label(value, explode=writing.explode))
        case "matrix":
            written = "".join(f";{part}" for part in _matrix(writing, value))
        case _:
            written = ",".join(_simple(value, _quoted, explode=writing.explode))
    if written in {"", ".", ".."}:
        raise ValueError(f"may not be {written!r}, which names another path")
    return written


def in_header(writing: Writing, value: JsonValue) -> str:
    """Write a header's value; raise `ValueError` for what no header can hold."""
    written = ",".join(_simple(value, text, explode=writing.explode))
    return header(written)


def header(value: str) -> str:
    """Give a header's value; raise `ValueError` when it would break out of its line."""
    if any((ord(mark) < 32 and mark != "\t") or ord(mark) == 127 for mark in value):
        raise ValueError("may not hold line breaks or other control characters")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("may hold only Latin letters and signs") from None
    return value.strip()


def in_query(writing: Writing, value: JsonValue) -> list[str]:
    """Write a query parameter as `name=value` pieces; raise `ValueError` for what its style cannot say."""
    return [f"{name}={written}" for name, written in _query(writing, value, _reserved if writing.reserved else _quoted)]


def in_cookie(writing: Writing, value: JsonValue) -> list[str]:
    """Write a cookie parameter as `name=value` pieces."""
    return [f"{name}={written}" for name, written in _query(writing, value, _quoted)]


def in_form(writing: Writing, value: JsonValue) -> list[str]:
    """Write a field of a form as `name=value` pieces."""
    return [f"{name}={written}" for name, written in _query(writing, value, lambda item: quote_plus(text(item)))]


def _quoted(value: JsonValue) -> str:
    return quote(text(value), safe="")


def _reserved(value: JsonValue) -> str:
    return quote(text(value), safe=_RESERVED)


def _simple(value: JsonValue, write: Write, *, explode: bool) -> list[str]:
    match value:
        case list():
            return [write(item) for item in value]
        case dict() if explode:
            return [f"{write(key)}={write(item)}" for key, item in value.items()]
        case dict():
            return [write(part) for pair in value.items() for part in pair]
        case _:
            return [write(value)]


def _label(value: JsonValue, *, explode: bool) -> list[str]:
    parts = _simple(value, _quoted, explode=explode)
    return parts if explode else [",".join(parts)]


def _matrix(writing: Writing, value: JsonValue) -> list[str]:
    name = _quoted(writing.name)
    match value:
        case list() if writing.explode:
            return [f"{name}={_quoted(item)}" for item in value]
        case dict() if writing.explode:
            return _simple(value, _quoted, explode=True)
        case _:
            return [f"{name}={','.join(_simple(value, _quoted, explode=False))}"]


def _query(writing: Writing, value: JsonValue, write: Write) -> Iterator[tuple[str, str]]:
    name = write(writing.name) if not writing.reserved else _quoted(writing.name)
    match value:
        case dict() if writing.style == "deepObject":
            yield from _deep(writing.name, value, write)
        case list() if writing.explode:
            for item in value:
                yield name, write(item)
        case dict() if writing.explode:
            for key, item in value.items():
                yield _quoted(key), write(item)
        case list() | dict():
            parts = value if isinstance(value, list) else [part for pair in value.items() for part in pair]
            yield name, _joined(writing, parts, write)
        case _:
            yield name, write(value)


def _joined(writing: Writing, parts: list[JsonValue], write: Write) -> str:
    mark, written = _BETWEEN.get(writing.style, ("", ","))
    if mark and any(mark in text(part) for part in parts):
        raise ValueError(f"no item may hold {mark!r}, which stands between the items")
    return written.join(write(part) for part in parts)


def _deep(path: str, value: JsonObject, write: Write) -> Iterator[tuple[str, str]]:
    for key, item in value.items():
        inner = f"{path}[{key}]"
        match item:
            case dict():
                yield from _deep(inner, item, write)
            case list():
                yield from _deep(inner, {str(number): member for number, member in enumerate(item)}, write)
            case _:
                yield _quoted(inner), write(item)
