"""Fields: what a schema describes by name, for saying what came, what went and what was perhaps renamed."""

from collections.abc import Iterator

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.inclusion.facts import Conjunct, Node, Root, flatten
from remit.tools.contracts.inclusion.sameness import same
from remit.tools.contracts.places import at

_DEEPEST = 30
_MOST = 20_000
"""Members that are looked at: through references a schema of a few lines can describe millions."""
_PAIRS = 10_000
"""Members that went and came, of which any might be any other, up to which names are guessed."""
_CHOICES = ("anyOf", "oneOf", "if", "then", "else")


class Field(msgspec.Struct, frozen=True):
    """A member that a schema describes; with choices it may be described more than once."""

    parent: str
    nodes: tuple[Node, ...]


class TooLargeError(Exception):
    """A schema describes more than anybody can compare."""


def fields(schema: JsonObject, where: str) -> dict[str, Field]:
    """Give all described members by their places; those within themselves once. Raise `TooLargeError` for too many."""
    root = Root(schema)
    found: dict[str, list[tuple[str, Node]]] = {}
    for number, (parent, name, node) in enumerate(_walk(Node(root.schema, root), where, frozenset())):
        if number >= _MOST:
            raise TooLargeError
        found.setdefault(at(parent, name), []).append((parent, node))
    return {place: Field(nodes[-1][0], tuple(node for _, node in nodes)) for place, nodes in found.items()}


def _walk(node: Node, where: str, above: frozenset[tuple[int, str]]) -> Iterator[tuple[str, str, Node]]:
    if len(above) > _DEEPEST:
        raise TooLargeError
    for part in flatten(node)[0]:
        if part.id in above:
            continue
        path = above | {part.id}
        for name, member in part.schemas("properties").items():
            yield where, name, member
            yield from _walk(member, at(where, name), path)
        for inner, place in _inner(part, where):
            yield from _walk(inner, place, path)


def _inner(part: Conjunct, where: str) -> Iterator[tuple[Node, str]]:
    for keyword, place in (("items", f"{where}[]"), ("additionalProperties", f"{where}.*")):
        found = part.under(keyword)
        if found is not None:
            yield found, place
    for number, found in enumerate(part.row("prefixItems")):
        yield found, f"{where}[{number}]"
    for keyword in _CHOICES:
        found = part.under(keyword)
        for branch in part.row(keyword) or ([found] if found is not None else []):
            yield branch, where


def renamed(gone: Field, came: dict[str, Field], how_many: int = 1) -> str:
    """Give the place of a new member beside one of those that went whose schema is the same; empty without one."""
    if len(came) * how_many > _PAIRS:
        return ""
    places = (place for place, field in came.items() if field.parent == gone.parent)
    return next((place for place in places if _alike(came[place], gone)), "")


def _alike(one: Field, other: Field) -> bool:
    return len(one.nodes) == len(other.nodes) and all(map(same, one.nodes, other.nodes))


def defaults(schema: JsonValue, where: str) -> Iterator[tuple[str, JsonValue]]:
    """Give what is taken for members that are left out, by their places; not behind references."""
    if not isinstance(schema, dict):
        return
    if "default" in schema:
        yield where, schema["default"]
    properties = schema.get("properties")
    for name, item in properties.items() if isinstance(properties, dict) else ():
        yield from defaults(item, at(where, name))
    yield from defaults(schema.get("items"), f"{where}[]")
    for keyword in ("allOf", "anyOf", "oneOf"):
        branches = schema.get(keyword)
        for branch in branches if isinstance(branches, list) else ():
            yield from defaults(branch, where)
    for keyword in ("$defs", "definitions"):
        named = schema.get(keyword)
        for name, item in named.items() if isinstance(named, dict) else ():
            yield from defaults(item, at(at(where, keyword), name))
