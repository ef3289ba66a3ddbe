"""Kinds: what Cedar can know of a tool's arguments. Read off their JSON Schema; what cannot be typed is left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from remit.core.shape import LOCAL
from remit.core.values import JsonObject, JsonValue

_DEEPEST = 12
_RESERVED = frozenset({"__entity", "__expr", "__extn"})
"""Names that mean something else in Cedar's JSON."""

_NAMED: dict[str, Literal["String", "Long", "decimal", "Bool"]] = {
    "string": "String",
    "integer": "Long",
    "number": "decimal",
    "boolean": "Bool",
}


_JSON: dict[type, str] = {
    bool: "boolean",
    float: "number",
    int: "integer",
    list: "array",
    str: "string",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Plain:
    """A single value."""

    name: Literal["String", "Long", "decimal", "Bool"]


@dataclass(frozen=True, slots=True)
class Many:
    """A set, whose order and repetitions do not count."""

    of: "Kind"


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute of a record."""

    kind: "Kind"
    required: bool
    """Whether it always has a value."""
    nullable: bool = False
    """Whether `null` may be given for it, which is as if it were not there."""
    default: JsonValue = None
    """What the tool takes when it is not given."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A record."""

    of: Mapping[str, Field]


Kind = Plain | Many | Fields


def fields_of(schema: JsonObject) -> Fields:
    """Read off the arguments of a tool from their schema."""
    defs = schema.get("$defs")
    found = _Reader(defs if isinstance(defs, dict) else {}).read(schema, frozenset(), 0)
    return found.kind if found is not None and isinstance(found.kind, Fields) else Fields({})


def declared(kind: Kind) -> JsonObject:
    """Write a kind as Cedar's schema has it."""
    match kind:
        case Plain("decimal"):
            return {"type": "Extension", "name": "decimal"}
        case Plain(name):
            return {"type": name}
        case Many(of):
            return {"type": "Set", "element": declared(of)}
        case Fields(of):
            attributes: JsonObject = {
                name: {**declared(field.kind), "required": field.required} for name, field in of.items()
            }
            return {"type": "Record", "attributes": attributes}
        case _:
            assert_never(kind)


@dataclass(frozen=True, slots=True)
class _Found:
    kind: Kind
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class _Reader:
    defs: Mapping[str, JsonValue]

    def read(self, node: JsonValue, above: frozenset[str], depth: int) -> _Found | None:
        """Give the kind of a schema, or `None` when Cedar has none for it; `above` are the references it is in."""
        if not isinstance(node, dict) or depth > _DEEPEST:
            return None
        ref = node.get("$ref")
        if isinstance(ref, str):
            name = ref.removeprefix(LOCAL)
            return None if name in above else self.read(self.defs.get(name), above | {name}, depth + 1)
        choices = [*_listed(node, "anyOf"), *_listed(node, "oneOf")]
        if choices and not _types(node):
            return self._one_of(choices, above, depth)
        parts = _listed(node, "allOf")
        if parts:
            own = {key: value for key, value in node.items() if key != "allOf"}
            return self._all_of([*parts, own], above, depth)
        return self._typed(node, above, depth)

    def _typed(self, node: JsonObject, above: frozenset[str], depth: int) -> _Found | None:
        names = _types(node)
        nullable = "null" in names
        wanted = names - {"null"}
        if wanted == {"integer", "number"}:
            wanted = {"number"}
        if len(wanted) != 1:
            return None
        (name,) = wanted
        kind = self._kind(name, node, above, depth)
        return _Found(kind, nullable) if kind is not None else None

    def _kind(self, name: str, node: JsonObject, above: frozenset[str], depth: int) -> Kind | None:
        if name == "array":
            element = None if "prefixItems" in node else self.read(node.get("items"), above, depth + 1)
            # Cedar has no null, so a list that may hold some has no type.
            return Many(element.kind) if element is not None and not element.nullable else None
        if name == "object":
            return self._record(node, above, depth)
        plain = _NAMED.get(name)
        return Plain(plain) if plain is not None else None

    def _record(self, node: JsonObject, above: frozenset[str], depth: int) -> Fields | None:
        properties = node.get("properties")
        if not isinstance(properties, dict):
            return None
        required = {name for name in _listed(node, "required") if isinstance(name, str)}
        of: dict[str, Field] = {}
        for name, schema in sorted(properties.items()):
            found = self.read(schema, above, depth + 1)
            if found is None or name in _RESERVED:
                continue
            default = schema.get("default") if isinstance(schema, dict) else None
            if not fits(found.kind, default):
                default = None
            surely = (name in required or default is not None) and not found.nullable
            of[name] = Field(found.kind, surely, found.nullable, default)
        return Fields(of)

    def _one_of(self, choices: Sequence[JsonValue], above: frozenset[str], depth: int) -> _Found | None:
        nulls = [choice for choice in choices if isinstance(choice, dict) and _types(choice) == {"null"}]
        found = [self.read(choice, above, depth + 1) for choice in choices if choice not in nulls]
        kinds = [one.kind for one in found if one is not None]
        if not kinds or len(kinds) != len(found):
            return None
        kind = _common(kinds)
        return _Found(kind, bool(nulls) or any(one.nullable for one in found if one)) if kind is not None else None

    def _all_of(self, parts: Sequence[JsonValue], above: frozenset[str], depth: int) -> _Found | None:
        found = [one for one in (self.read(part, above, depth + 1) for part in parts) if one is not None]
        nullable = bool(found) and all(one.nullable for one in found)
        records = [one.kind for one in found if isinstance(one.kind, Fields)]
        if records and len(records) == len(found):
            return _Found(_merged(records), nullable)
        kinds = {repr(one.kind): one.kind for one in found}
        return _Found(next(iter(kinds.values())), nullable) if len(kinds) == 1 else None


def fits(kind: Kind, value: JsonValue) -> bool:
    """Say whether a value is of a kind, whatever its size."""
    match kind:
        case Plain():
            return _plain_fits(kind, value)
        case Many(of):
            return isinstance(value, list) and all(fits(of, item) for item in value)
        case Fields(of):
            return isinstance(value, dict) and all(_field_fits(field, name, value) for name, field in of.items())
        case _:
            assert_never(kind)


def _plain_fits(kind: Plain, value: JsonValue) -> bool:
    match kind.name:
        case "String":
            return isinstance(value, str)
        case "Bool":
            return isinstance(value, bool)
        case "Long":
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)
        case "decimal":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            assert_never(kind.name)


def _field_fits(field: Field, name: str, record: JsonObject) -> bool:
    if record.get(name) is None:
        given = name in record
        return field.nullable if given else field.default is not None or not field.required
    return fits(field.kind, record[name])


def _listed(node: JsonObject, key: str) -> list[JsonValue]:
    found = node.get(key)
    return found if isinstance(found, list) else []


def _types(node: JsonObject) -> set[str]:
    """Name the JSON types that a schema allows; empty when it does not say."""
    said = node.get("type")
    if isinstance(said, str):
        return {said}
    if isinstance(said, list):
        return {name for name in said if isinstance(name, str)}
    values = [node["const"]] if "const" in node else _listed(node, "enum")
    if values:
        return {_JSON.get(type(value), "object") for value in values}
    return {"object"} if "properties" in node else set()


def _common(kinds: Sequence[Kind]) -> Kind | None:
    """Give the kind that all are of."""
    if all(kind == kinds[0] for kind in kinds):
        return kinds[0]
    if {"Long", "decimal"} == {kind.name if isinstance(kind, Plain) else "" for kind in kinds}:
        return Plain("decimal")
    return None


def _merged(records: Iterable[Fields]) -> Fields:
    """Give the record that is all of these; what they do not agree on is left out."""
    of: dict[str, Field] = {}
    clashing: set[str] = set()
    for record in records:
        for name, field in record.of.items():
            before = of.get(name)
            if before is not None and before.kind != field.kind:
                clashing.add(name)
            required = field.required or (before is not None and before.required)
            nullable = field.nullable and (before is None or before.nullable)
            default = field.default if before is None or before.default is None else before.default
            of[name] = Field(field.kind, required, nullable, default)
    return Fields({name: field for name, field in sorted(of.items()) if name not in clashing})
