"""Words: whether a refusal is one that a model can act on, and which arguments it blames."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from remit.core.values import JsonValue

_TRACE = re.compile(
    r"Traceback \(most recent call last\)|<class '|File \"[^\"]+\", line \d+|^\s+at [\w.$<>]+\([^)]*:\d+\)",
    re.MULTILINE,
)
_CLASS = re.compile(r"\b(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)\b(?! [a-z]+ed\b)")
_QUOTED = re.compile(r"[`'\"]([A-Za-z_][\w.\[\]-]{0,63})[`'\"]")
_WANTED = re.compile(
    r"([A-Za-z_][\w.\[\]-]{0,63})[`'\"]? (?:is|are|was|were|must|should|may|can|cannot|has|does|not)\b|"
    r"(?:^|\n)\s*([A-Za-z_][\w.\[\]-]{0,63}): "
)
_ARGUMENTS = re.compile(
    r"\d+ validation errors? for|input validation error|invalid (?:params|arguments)\b", re.IGNORECASE
)
_OF_FIELDS = frozenset({"errors", "error", "fields", "fielderrors", "field_errors", "violations", "invalidparams"})
_OF_FIELD = frozenset({"field", "param", "parameter", "path", "pointer", "property", "loc", "propertypath"})
_DEEPEST = 6


def trace(text: str) -> str:
    """Give what in a text is of a traceback; empty when it has none."""
    found = _TRACE.search(text)
    return found[0].strip() if found else ""


def of_arguments(text: str) -> bool:
    """Say whether a refusal that does not say so is one of arguments, by the words of well-known libraries."""
    return _ARGUMENTS.search(text) is not None


def unusable(text: str, names: Sequence[str], allowed: str) -> str:
    """Say why a model could not mend its call by a refusal; empty when it could.

    One of `names` must be in it. What is in `allowed`, such as the schema itself, may be repeated.
    """
    if not text.strip():
        return "says nothing"
    if trace(text):
        return f"shows a traceback ({trace(text)})"
    kind = next((found[0] for found in _CLASS.finditer(text) if found[0] not in allowed), "")
    if kind:
        return f"names the class {kind}, which means nothing to a model"
    if names and not any(name in text for name in names):
        return f"does not name `{names[0]}`"
    return ""


def blamed(text: str) -> list[str]:
    """List the names that a refusal blames, those first that it says most plainly."""
    body = _body(text)
    plainly = list(_fields(body, 0)) if body is not None else []
    said = text if body is None else "\n".join(_texts(body, 0))
    read = [found[1] for found in _QUOTED.finditer(said)]
    read += [found[1] or found[2] for found in _WANTED.finditer(said)]
    return list(dict.fromkeys([*plainly, *read]))


def plainly_blamed(text: str) -> list[str]:
    """List the names that a refusal gives as those of fields, in JSON."""
    body = _body(text)
    return [] if body is None else list(dict.fromkeys(_fields(body, 0)))


def _body(text: str) -> JsonValue:
    """Read the JSON that a text ends with; `None` when it does not."""
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    for start in sorted(starts):
        try:
            return msgspec.json.decode(text[start:].encode())
        except (msgspec.DecodeError, UnicodeEncodeError):
            continue
    return None


def _fields(node: JsonValue, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(node, list):
        for item in node:
            yield from _fields(item, depth + 1)
    for name, value in node.items() if isinstance(node, dict) else ():
        if name.lower() in _OF_FIELD:
            yield from _place(value)
        elif name.lower() in _OF_FIELDS and isinstance(value, dict) and all(_is_said(one) for one in value.values()):
            yield from value
        else:
            yield from _fields(value, depth + 1)


def _is_said(value: JsonValue) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _place(value: JsonValue) -> Iterator[str]:
    parts = value if isinstance(value, list) else str(value).lstrip("#/").replace("/", ".").split(".")
    names = [str(part) for part in parts if isinstance(part, str) and part and not part.isdigit()]
    if names:
        yield ".".join(names)


def _texts(node: JsonValue, depth: int) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, (dict, list)) and depth <= _DEEPEST:
        for item in node.values() if isinstance(node, dict) else node:
            yield from _texts(item, depth + 1)
