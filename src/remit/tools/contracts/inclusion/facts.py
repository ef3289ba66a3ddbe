"""Facts: what is known of every value that a schema accepts, as a row of schemas that all hold."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.inclusion.normal import normal
from remit.tools.contracts.inclusion.values import TYPES, key, number


class Root:
    """A whole schema in normal form, to which its references lead."""

    def __init__(self, schema: JsonValue) -> None:
        """Bring the schema into normal form."""
        self.schema = normal(schema)
        if isinstance(self.schema, dict):
            self.schema.pop("$id", None)
        self._found: dict[str, JsonValue] = {}

    def at(self, pointer: str) -> JsonValue:
        """Follow a local reference; `None` when it leads nowhere or elsewhere."""
        if pointer not in self._found:
            self._found[pointer] = self._follow(pointer)
        return self._found[pointer]

    def _follow(self, pointer: str) -> JsonValue:
        if pointer != "#" and not pointer.startswith("#/"):
            return None
        here = self.schema
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(here, dict) or name not in here:
                return None
            here = here[name]
        return normal(here) if isinstance(here, dict | bool) else None


@dataclass(frozen=True, eq=False)
class Node:
    """A schema somewhere within a root."""

    schema: JsonValue
    root: Root


@dataclass(frozen=True, eq=False)
class Conjunct:
    """A schema without references and `allOf` at its top; `False` as `{"enum": []}`."""

    keys: JsonObject
    root: Root

    @cached_property
    def options(self) -> frozenset[str] | None:
        """Give the values under `enum`, each as `key` writes it; `None` when there is no such list."""
        found = self.keys.get("enum")
        return frozenset(map(key, found)) if isinstance(found, list) else None

    @cached_property
    def id(self) -> tuple[int, str]:
        """Name it by its content and the root its references lead to."""
        return id(self.root), key(self.keys)

    def under(self, name: str) -> Node | None:
        """Give the schema under a keyword."""
        return Node(self.keys[name], self.root) if name in self.keys else None

    def schemas(self, name: str) -> dict[str, Node]:
        """Give the schemas by name under a keyword such as `properties`."""
        known = self._schemas.get(name)
        if known is None:
            found = self.keys.get(name)
            members = found.items() if isinstance(found, dict) else ()
            known = self._schemas[name] = {inner: Node(item, self.root) for inner, item in members}
        return known

    @cached_property
    def _schemas(self) -> dict[str, dict[str, Node]]:
        return {}

    def row(self, name: str) -> list[Node]:
        """Give the schemas of a keyword such as `anyOf`."""
        found = self.keys.get(name)
        return [Node(item, self.root) for item in found] if isinstance(found, list) else []

    def number(self, name: str) -> int | float | None:
        """Give the number under a keyword."""
        return number(self.keys.get(name))

    def names(self, name: str) -> list[str]:
        """Give the texts of a list such as `required`."""
        found = self.keys.get(name)
        return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []

    def without(self, *names: str) -> "Conjunct":
        """Leave out keywords."""
        return Conjunct({name: value for name, value in self.keys.items() if name not in names}, self.root)


_LONGEST = 200
"""Characters of a name that a pattern is tried on."""
_REPEATS = 2
_MAYBES = 8

NOTHING: JsonObject = {"enum": []}


def flatten(node: Node, seen: frozenset[str] = frozenset()) -> tuple[tuple[Conjunct, ...], bool]:
    """Give the schemas that must all hold, and whether these are all: not when a reference leads nowhere."""
    schema, root = node.schema, node.root
    if isinstance(schema, bool):
        return ((), True) if schema else ((Conjunct(NOTHING, root),), True)
    if not isinstance(schema, dict) or "$id" in schema:
        return (), False
    parts: list[Conjunct] = []
    complete = True
    inner: list[tuple[Node, frozenset[str]]] = [(Node(item, root), seen) for item in _list(schema.get("allOf"))]
    pointer = schema.get("$ref")
    if isinstance(pointer, str):
        target = root.at(pointer)
        if pointer in seen or target is None:
            complete = False
        else:
            inner.append((Node(target, root), seen | {pointer}))
    for item, path in inner:
        more, whole = flatten(item, path)
        parts += more
        complete &= whole
    own = {name: value for name, value in schema.items() if name not in {"$ref", "allOf", "$defs", "definitions"}}
    if not own.keys().isdisjoint({"unevaluatedProperties", "unevaluatedItems"}):
        # They look at what stands beside them.
        own["$beside"] = {name: schema[name] for name in ("$ref", "allOf") if name in schema}
    if own:
        parts.append(Conjunct(own, root))
    return tuple(parts), complete


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True, eq=False)
class Facts:
    """A row of schemas that all hold of a value."""

    conjuncts: tuple[Conjunct, ...] = ()

    @cached_property
    def ids(self) -> frozenset[tuple[int, str]]:
        """Name them by their content."""
        return frozenset(part.id for part in self.conjuncts)

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> "Facts":
        """Take in what can be known; a reference that leads nowhere says nothing."""
        return cls(tuple({part.id: part for node in nodes for part in flatten(node)[0]}.values()))

    def and_(self, *parts: Conjunct) -> "Facts":
        """Know more."""
        return Facts((*self.conjuncts, *parts))

    # -- any value ---------------------------------------------------------------------------------------------------

    @cached_property
    def types(self) -> frozenset[str]:
        """Give the types that a value may have."""
        allowed = TYPES
        for part in self.conjuncts:
            if "type" in part.keys:
                allowed &= types_of(part)
        return allowed

    def values(self, name: str) -> Iterator[int | float]:
        """Give the numbers under a keyword."""
        for part in self.conjuncts:
            found = part.number(name)
            if found is not None:
                yield found

    def said(self, name: str) -> Iterator[Node]:
        """Give what stands under a keyword."""
        for part in self.conjuncts:
            found = part.under(name)
            if found is not None:
                yield found

    # -- numbers -----------------------------------------------------------------------------------------------------

    @cached_property
    def lowest(self) -> tuple[float, bool]:
        """Give the lower bound and whether it is itself excluded."""
        bounds = [(bound, False) for bound in self.values("minimum")]
        bounds += [(bound, True) for bound in self.values("exclusiveMinimum")]
        low, excluded = max(bounds, default=(-math.inf, False))
        if "fraction" not in self.types and math.isfinite(low):
            return (math.floor(low) + 1 if excluded else math.ceil(low)), False
        return low, excluded

    @cached_property
    def highest(self) -> tuple[float, bool]:
        """Give the upper bound and whether it is itself excluded."""
        bounds = [(-bound, False) for bound in self.values("maximum")]
        bounds += [(-bound, True) for bound in self.values("exclusiveMaximum")]
        low, excluded = max(bounds, default=(-math.inf, False))
        if "fraction" not in self.types and math.isfinite(low):
            return (math.ceil(-low) - 1 if excluded else math.floor(-low)), False
        return -low, excluded

    # -- arrays ------------------------------------------------------------------------------------------------------

    def item(self, place: int) -> "Facts":
        """Give what is known of the item at a place."""
        return Facts.of(found for part in self.conjuncts for found in item_at(part, place))

    @cached_property
    def rows(self) -> int:
        """Give how many first items are described one by one."""
        return max((len(part.row("prefixItems")) for part in self.conjuncts), default=0)

    # -- objects -----------------------------------------------------------------------------------------------------

    @cached_property
    def required(self) -> frozenset[str]:
        """Give the names that are always there."""
        return frozenset(name for part in self.conjuncts for name in part.names("required"))

    def member(self, name: str) -> "Facts":
        """Give what is known of a member."""
        return Facts.of(found for part in self.conjuncts for found in surely(part, name))


def types_of(part: Conjunct) -> frozenset[str]:
    """Give the types that a schema names; all when it names none that is known."""
    named = part.names("type")
    if not named or not set(named) <= TYPES | {"number"}:
        return TYPES
    wide = {"integer", "fraction"} if "number" in named else set[str]()
    return frozenset((set(named) - {"number"}) | wide)


def item_at(part: Conjunct, place: int) -> list[Node]:
    """Give the schema of the item at a place."""
    row = part.row("prefixItems")
    if place < len(row):
        return [row[place]]
    rest = part.under("items")
    return [] if rest is None else [rest]


def matches(pattern: str, name: str) -> bool | None:
    """Say whether a pattern matches a name; `None` when dialects might disagree, or it might take very long to say."""
    tricky = re.search(r"\\[pPAZbBuxkc]|\(\?(?!:)", pattern) or not name.isascii() or "\n" in name
    try:
        return None if tricky or _endless(pattern, name) else re.search(pattern, name, re.ASCII) is not None
    except re.error:
        return None


def _endless(pattern: str, name: str) -> bool:
    """Say whether a stranger's pattern may be tried in too many ways: repeats within repeats, or many in a row."""
    return (
        len(name) > _LONGEST
        or re.search(r"\)[*+{]|\\\d", pattern) is not None
        or len(re.findall(r"[*+{]", pattern)) > _REPEATS
        or pattern.count("?") > _MAYBES
    )


def surely(part: Conjunct, name: str) -> list[Node]:
    """Give the schemas that surely hold of a member."""
    properties, patterns = part.schemas("properties"), part.schemas("patternProperties")
    found = [properties[name]] if name in properties else []
    verdicts = {pattern: matches(pattern, name) for pattern in patterns}
    found += [patterns[pattern] for pattern, verdict in verdicts.items() if verdict]
    rest = part.under("additionalProperties")
    if not found and rest is not None and None not in verdicts.values():
        found.append(rest)
    return found


def perhaps(part: Conjunct, name: str) -> list[Node]:
    """Give the schemas that might hold of a member."""
    properties, patterns = part.schemas("properties"), part.schemas("patternProperties")
    found = [patterns[pattern] for pattern in patterns if matches(pattern, name) is not False]
    if name in properties:
        return [properties[name], *found]
    sure = any(matches(pattern, name) for pattern in patterns)
    rest = part.under("additionalProperties")
    return found if sure or rest is None else [*found, rest]
