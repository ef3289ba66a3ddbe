"""Contracts: what an MCP server says of its tools, made harmless: its words are data, and its promises are doubted."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypedDict

import msgspec

from remit.core.errors import ConfigError
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.tools.schema import tidy

try:
    import mcp_types as types
except ImportError as error:
    raise ConfigError(f"tools of MCP servers need an extra: pip install 'remit[mcp]' ({error})") from error

_LONGEST_NAME = 64
_LONGEST_TEXT = 4000
"""Characters of a description that a model is shown."""
_LARGEST_SCHEMA = 64 << 10
"""Bytes."""
_DEEPEST_SCHEMA = 32
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_TEXTS = frozenset({"description", "title", "$comment"})

Effect = Literal["read", "idempotent", "once"]


class Override(TypedDict, total=False):
    """What you say of a tool, in place of what its server says."""

    name: str
    """What it is called here, without the prefix."""
    description: str
    effect: Effect
    price: float
    """Dollars that one call costs at most."""
    timeout: float
    """Seconds for one call."""
    retries: int
    dangerous: bool
    failures: Literal["told", "doubted"]
    """What it means when the tool says that it failed: that is the outcome, or nobody can know what happened."""


def named(prefix: str, tools: Sequence[types.Tool], overrides: Mapping[str, Override]) -> dict[str, types.Tool]:
    """Give each tool a legal name of its own, `prefix__tool`; raise `ConfigError` when two would have the same."""
    unknown = overrides.keys() - {tool.name for tool in tools}
    if unknown:
        known = ", ".join(sorted(tool.name for tool in tools)) or "none"
        raise ConfigError(f"MCP server {prefix!r} has no tool {', '.join(sorted(unknown))}; it has: {known}")
    found: dict[str, types.Tool] = {}
    for tool in tools:
        name = legal_name(prefix, overrides.get(tool.name, {}).get("name", tool.name))
        if name in found:
            raise ConfigError(
                f"MCP server {prefix!r}: the tools {found[name].name!r} and {tool.name!r} would both be {name!r}; "
                "give one another `name` in `overrides`"
            )
        found[name] = tool
    return found


def legal_name(prefix: str, name: str) -> str:
    """Write `prefix__name` as providers of models want it; what had to be cut ends with a hash of the whole."""
    whole = f"{_ILLEGAL.sub('_', prefix)}__{_ILLEGAL.sub('_', name)}"
    if len(whole) <= _LONGEST_NAME:
        return whole
    tail = hashlib.sha256(f"{prefix}\0{name}".encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST_NAME - 9]}_{tail}"


def contract(name: str, tool: types.Tool, override: Override, *, trusted: bool, timeout: float) -> ToolSpec:
    """Make the contract of a tool; the effect is `once` unless you, or a server you trust, say otherwise."""
    return ToolSpec(
        name=name,
        description=override.get("description") or legible(tool.description or tool.title or ""),
        schema=shown(tidy(tool.input_schema)),
        output=_promise(tool.output_schema),
        effect=override.get("effect") or _effect(tool, trusted=trusted),
        price=nanos(override.get("price", 0.0)),
        timeout=override.get("timeout", timeout),
        retries=override.get("retries", 2),
        dangerous=override.get("dangerous", False),
    )


def _promise(schema: JsonObject | None) -> JsonObject | None:
    """Give the schema of what a call gives: the structured content, alone or as the `result` beside attachments."""
    if schema is None or _depth(schema) > _DEEPEST_SCHEMA or len(msgspec.json.encode(schema)) > _LARGEST_SCHEMA:
        return None
    promised = shown(tidy(schema))
    defs = promised.pop("$defs", {})
    beside: JsonObject = {
        "type": "object",
        "properties": {"result": promised, "attached": {"type": "array", "items": {"type": "object"}}},
        "required": ["result", "attached"],
        "additionalProperties": False,
    }
    return {"anyOf": [promised, beside], **({"$defs": defs} if defs else {})}


def problem(tool: types.Tool) -> str:
    """Say why a tool cannot be offered to a model; empty when it can."""
    why = harm(tool.input_schema)
    return f"the schema of its arguments {why}" if why else ""


def harm(schema: JsonObject) -> str:
    """Say why a stranger's schema cannot be used; empty when it can."""
    if _depth(schema) > _DEEPEST_SCHEMA:
        return f"is nested more than {_DEEPEST_SCHEMA} deep"
    size = len(msgspec.json.encode(schema))
    if size > _LARGEST_SCHEMA:
        return f"has {size} bytes, and {_LARGEST_SCHEMA} is the most"
    hidden = next((word for word in _words(schema) if word != _visible(word)), None)
    return "" if hidden is None else f"has invisible characters in {hidden!r}"


def fingerprint(tool: types.Tool) -> str:
    """Hash all that a server says of a tool that a model or we rely on, as it came."""
    hints = tool.annotations.model_dump(mode="json", exclude_none=True) if tool.annotations else {}
    said = [tool.name, tool.title, tool.description, tool.input_schema, tool.output_schema, hints]
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def legible(text: str) -> str:
    """Take out what a person would not see, and cut what is too long."""
    seen = _visible(text).strip()
    return seen if len(seen) <= _LONGEST_TEXT else f"{seen[:_LONGEST_TEXT]}…"


def _visible(text: str) -> str:
    # Control and format characters: escapes, direction marks, and the tags that hide text from people.
    return "".join(char for char in text if char in "\n\t" or not unicodedata.category(char).startswith("C"))


def _effect(tool: types.Tool, *, trusted: bool) -> Effect:
    hints = tool.annotations
    if not trusted or hints is None:
        return "once"
    if hints.read_only_hint:
        return "read"
    return "idempotent" if hints.idempotent_hint else "once"


def shown(node: JsonObject) -> JsonObject:
    """Give a schema whose texts hold nothing that a person would not see."""
    return {key: _shown_value(key, value) for key, value in node.items()}


def _shown_value(key: str, value: JsonValue) -> JsonValue:
    match value:
        case str() if key in _TEXTS:
            return legible(value)
        case dict():
            return shown(value)
        case list():
            return [_shown_value("", item) for item in value]
        case _:
            return value


def _words(node: JsonValue) -> Iterator[str]:
    """Give the names and values of a schema that a model must repeat exactly, so that nothing can be taken out."""
    match node:
        case dict():
            for key, value in node.items():
                yield key
                if key not in _TEXTS or not isinstance(value, str):
                    yield from _words(value)
        case list():
            for item in node:
                yield from _words(item)
        case str():
            yield node
        case _:
            pass


def _depth(node: JsonValue) -> int:
    deepest, todo = 0, [(node, 1)]
    while todo:
        here, depth = todo.pop()
        deepest = max(deepest, depth)
        if depth > _DEEPEST_SCHEMA:
            break
        if isinstance(here, dict):
            todo.extend((value, depth + 1) for value in here.values())
        elif isinstance(here, list):
            todo.extend((value, depth + 1) for value in here)
    return deepest
