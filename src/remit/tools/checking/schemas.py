"""Schemas: what a JSON Schema says of each argument, wherever it says it, and where the arguments are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from remit.core.values import JsonObject, JsonValue

Path = tuple[str | int, ...]

KINDS = ("object", "array", "string", "integer", "number", "boolean", "null")

_DEEPEST = 6
_MOST = 400
"""Places of one tool that are tried."""
_ROUNDS = 40
_AT_LEAST = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_AT_MOST = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_OF_KIND = {"properties": "object", "items": "array", "prefixItems": "array"}
_NEVER: JsonObject = {"not": {}}


@dataclass(frozen=True, slots=True)
class Place:
    """An argument, or a part of one, and what the schema says of it."""

    path: Path
    node: JsonObject
    required: bool
    united: bool
    """Whether it is inside one of several forms, so that what is said of it may be said of what holds it."""


def shown(path: Path) -> str:
    """Write a path as `body.items[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def members(node: Mapping[str, JsonValue], keyword: str = "properties") -> JsonObject:
    """Give what is under a keyword that holds an object."""
    found = node.get(keyword)
    return found if isinstance(found, dict) else {}


def listed(node: Mapping[str, JsonValue], keyword: str) -> list[JsonValue]:
    """Give what is under a keyword that holds a list."""
    found = node.get(keyword)
    return found if isinstance(found, list) else []


def kinds(node: JsonObject) -> tuple[str, ...]:
    """Give the types that a node allows; all of them when it does not say."""
    said = node.get("type")
    if isinstance(said, str):
        return (said,)
    if isinstance(said, list):
        return tuple(str(kind) for kind in said)
    meant = tuple(kind for keyword, kind in _OF_KIND.items() if keyword in node)
    return meant[:1] or KINDS


class Schema:
    """A JSON Schema whose references and `allOf` are followed where they are met."""

    def __init__(self, root: JsonObject) -> None:
        """Take the whole schema, to which its references lead."""
        self.root = root

    def open(self, node: JsonValue, rounds: int = 0) -> JsonObject:
        """Give a node as one object, with what it refers to and its `allOf` merged into it."""
        if not isinstance(node, dict):
            return _NEVER if node is False else {}
        if rounds > _ROUNDS:
            return _NEVER
        pointer = node.get("$ref")
        others = listed(node, "allOf")
        if not isinstance(pointer, str) and not others:
            return node
        merged: JsonObject = {}
        if isinstance(pointer, str):
            merged = self.open(self._at(pointer), rounds + 1)
        for other in others:
            merged = _merged(merged, self.open(other, rounds + 1))
        return _merged(merged, {key: value for key, value in node.items() if key not in {"$ref", "allOf"}})

    def forms(self, node: JsonObject) -> list[JsonObject]:
        """Give the forms that an opened node has, each with what is said of all of them; itself when it has one."""
        for keyword in ("oneOf", "anyOf"):
            branches = listed(node, keyword)
            if branches:
                rest = {key: value for key, value in node.items() if key != keyword}
                return [_merged(rest, self.open(branch)) for branch in branches]
        return [node]

    def first(self, node: JsonObject) -> JsonObject:
        """Give the first form that is not null."""
        here = node
        for _ in range(_DEEPEST):
            forms = [form for form in self.forms(here) if kinds(form) != ("null",)]
            if not forms or forms[0] is here:
                break
            here = forms[0]
        return here

    def places(self) -> list[Place]:
        """List the arguments and their parts, outer ones first."""
        found = islice(self._inside((), self.open(self.root), united=False), _MOST)
        return sorted(found, key=lambda place: len(place.path))

    def _inside(self, path: Path, node: JsonObject, *, united: bool) -> Iterator[Place]:
        form = self.first(node)
        united = united or form is not node
        required = listed(form, "required")
        for name, under in members(form).items():
            opened = self.open(under)
            if not is_never(opened):
                yield Place((*path, name), opened, name in required, united)
                if len(path) < _DEEPEST:
                    yield from self._inside((*path, name), opened, united=united)
        items = form.get("items")
        if path and isinstance(items, dict) and "prefixItems" not in form:
            opened = self.open(items)
            yield Place((*path, 0), opened, required=False, united=united)
            if len(path) < _DEEPEST:
                yield from self._inside((*path, 0), opened, united=united)

    def _at(self, pointer: str) -> JsonValue:
        here: JsonValue = self.root
        for part in pointer.removeprefix("#").split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            here = here.get(name, {}) if isinstance(here, dict) else {}
        return here if pointer.startswith("#") else {}


def has(args: JsonObject, path: Path) -> bool:
    """Say whether there is anything at a place of arguments; any item of a list stands for all."""
    here: JsonValue = args
    for part in path:
        match here, part:
            case dict(), str() if part in here:
                here = here[part]
            case list(), int() if here:
                here = here[0]
            case _:
                return False
    return True


def reached(args: JsonObject, path: Path) -> JsonValue:
    """Give what is at a place of arguments; `None` when there is nothing."""
    here: JsonValue = args
    for part in path:
        match here, part:
            case dict(), str():
                here = here.get(part)
            case list(), int() if here:
                here = here[0]
            case _:
                return None
    return here


def is_never(node: JsonObject) -> bool:
    """Say whether nothing fits a node."""
    return node.get("not") in ({}, True)


def _merged(under: JsonObject, over: JsonObject) -> JsonObject:
    if not under or not over:
        return over or under
    merged = {**under, **over}
    for keyword in under.keys() & over.keys():
        low, high = under[keyword], over[keyword]
        merged[keyword] = _both(keyword, low, high)
    return merged


def _both(keyword: str, low: JsonValue, high: JsonValue) -> JsonValue:
    """Say what holds when both hold."""
    match low, high:
        case dict(), dict() if keyword in {"properties", "$defs"}:
            shared: JsonObject = {name: {"allOf": [low[name], high[name]]} for name in low.keys() & high.keys()}
            return {**low, **high, **shared}
        case list(), list() if keyword == "required":
            return list(dict.fromkeys(map(str, [*low, *high])))
        case list(), list() if keyword in {"enum", "type"}:
            return [value for value in low if value in high]
        case ((int() | float()), (int() | float())) if keyword in _AT_LEAST:
            return max(low, high)
        case ((int() | float()), (int() | float())) if keyword in _AT_MOST:
            return min(low, high)
        case _:
            return False if keyword == "additionalProperties" and low is False else high
