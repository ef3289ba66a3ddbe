"""Template: JSON with references to named results in its strings, filled in when the results are there."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from remit.core.values import JsonValue

Syntax = re.Pattern[str]
"""How a reference is written; its groups `name` and `path` say what it means."""

BRACES: Syntax = re.compile(r"\{(?P<name>[A-Za-z_]\w*)(?P<path>(?:\.[\w-]+)*)\}", re.ASCII)
"""`{name}` or `{name.key.0}`: for people, who write names and can avoid a clash with other braces."""

DOUBLE_BRACES: Syntax = re.compile(r"\{\{\s*(?P<name>[\w-]+)(?P<path>(?:\.[\w-]+)*)\s*\}\}", re.ASCII)
"""`{{name}}` or `{{name.key.0}}`: for models, whose arguments may be code full of single braces."""


def references(template: JsonValue, syntax: Syntax) -> tuple[str, ...]:
    """List the names a template refers to, each once, in order of appearance."""
    return tuple(dict.fromkeys(found["name"] for found in _found(template, syntax)))


def referred(template: JsonValue, values: Mapping[str, JsonValue], syntax: Syntax) -> Iterator[JsonValue]:
    """Give the values that a template refers to; raise `LookupError` when there is no such value."""
    return (_resolve(found, values) for found in _found(template, syntax))


def fill(template: JsonValue, values: Mapping[str, JsonValue], syntax: Syntax) -> JsonValue:
    """Put values in place of references; raise `LookupError` when there is no such value.

    A string that is one reference becomes the value itself; inside other text a value is written as text.
    """
    match template:
        case str():
            return _fill_text(template, values, syntax)
        case list():
            return [fill(item, values, syntax) for item in template]
        case dict():
            return {key: fill(item, values, syntax) for key, item in template.items()}
        case _:
            return template


def as_text(value: JsonValue) -> str:
    """Write a value for a reader: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def inside(text: str, tags: Iterable[str]) -> str:
    """Keep a text that stands between tags from ending them, so that what it holds stays data to a reader."""
    for tag in tags:
        text = re.sub(rf"<(?=\s*/\s*{re.escape(tag)}\b)", r"<\\", text, flags=re.IGNORECASE)
    return text


def items(lines: Iterable[str]) -> str:
    """Write lines as a list for a reader."""
    return "\n".join(f"- {line}" for line in lines)


def _found(template: JsonValue, syntax: Syntax) -> Iterator[re.Match[str]]:
    match template:
        case str():
            yield from syntax.finditer(template)
        case list():
            for item in template:
                yield from _found(item, syntax)
        case dict():
            for item in template.values():
                yield from _found(item, syntax)
        case _:
            pass


def _fill_text(text: str, values: Mapping[str, JsonValue], syntax: Syntax) -> JsonValue:
    whole = syntax.fullmatch(text)
    if whole is not None:
        return _resolve(whole, values)
    return syntax.sub(lambda found: as_text(_resolve(found, values)), text)


def _resolve(found: re.Match[str], values: Mapping[str, JsonValue]) -> JsonValue:
    name = found["name"]
    if name not in values:
        raise LookupError(f"{found[0]}: there is no result named {name!r}; there are: {', '.join(values) or 'none'}")
    value = values[name]
    for key in found["path"].split(".")[1:]:
        value = _part(value, key, found[0])
    return value


def _part(value: JsonValue, key: str, reference: str) -> JsonValue:
    match value:
        case dict():
            if key in value:
                return value[key]
            raise LookupError(f"{reference}: there is no {key!r}; there are: {', '.join(value) or 'none'}")
        case list():
            if key.isdecimal() and int(key) < len(value):
                return value[int(key)]
            raise LookupError(f"{reference}: there is no {key!r} in a list of {len(value)}")
        case _:
            raise LookupError(f"{reference}: there is no {key!r} in {as_text(value)[:80]!r}, which has no parts")
