"""Dialect: schemas of OpenAPI 3.0 and 3.1 as plain JSON Schema 2020-12, with recursion, for one direction of travel.

Source: OpenAPI 3.0.4 and 3.1.1, "Schema Object"; JSON Schema 2020-12.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.document import OpenAPI

Direction = Literal["request", "response"]

_ONE = ("not", "items", "additionalProperties", "propertyNames", "contains", "if", "then", "else")
_ONE_MORE = ("unevaluatedItems", "unevaluatedProperties", "contentSchema")
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "dependentSchemas")
_DROPPED = frozenset(
    {"$defs", "definitions", "$schema", "$id", "$comment", "$anchor", "$vocabulary"}
    | {"discriminator", "xml", "externalDocs", "example", "nullable", "readOnly", "writeOnly"}
)
_NOTES = frozenset({"$ref", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
"""What may stand beside a reference without changing what is valid."""
_NOT_THERE = {"request": "readOnly", "response": "writeOnly"}
_DEEPEST = 200


@dataclass(slots=True)
class Dialect:
    """Converts schemas of one document into one schema's parts, which share `defs`."""

    document: OpenAPI
    direction: Direction
    defs: JsonObject = field(default_factory=dict[str, JsonValue])
    _names: dict[str, str] = field(default_factory=dict[str, str])
    _under_way: list[str] = field(default_factory=list[str])
    _depth: int = 0

    def schema(self, node: JsonValue, gone: frozenset[str] = frozenset()) -> JsonValue:
        """Convert a schema without the properties that are `gone`; raise `ConfigError` for what cannot be converted."""
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise ConfigError(f"{self.document.name}: a schema is an object, not {str(node)[:60]!r}")
        if "$dynamicRef" in node:
            raise ConfigError(f"{self.document.name}: $dynamicRef is not known; use $ref")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConfigError(f"{self.document.name}: a schema is nested more than {_DEEPEST} deep")
        try:
            pointer = node.get("$ref")
            return self._reference(pointer, node) if isinstance(pointer, str) else self._plain(node, gone)
        finally:
            self._depth -= 1

    # -- references ------------------------------------------------------------------------------------------------

    def _reference(self, pointer: str, node: JsonObject) -> JsonValue:
        result: JsonObject = {"$ref": f"#/$defs/{self._definition(pointer)}"}
        if self.document.version == "3.0":
            return result
        notes = {key: value for key, value in node.items() if key in _NOTES - {"$ref", "readOnly", "writeOnly"}}
        more = {key: value for key, value in node.items() if key not in _NOTES and not key.startswith("x-")}
        rest = self._plain(more, frozenset()) if more else {}
        return {**notes, "allOf": [result, rest]} if rest else {**notes, **result}

    def _definition(self, pointer: str) -> str:
        """Give the name under `$defs` of what a reference names, converted once."""
        if pointer in self._names:
            return self._names[pointer]
        target = self.document.at(pointer)
        if isinstance(target, dict) and isinstance(target.get("$ref"), str):
            self.document.resolve(target)
        start = re.sub(r"[^A-Za-z0-9_.-]", "_", pointer.rpartition("/")[2]) or "schema"
        name, taken = start, set(self._names.values())
        number = 2
        while name in taken:
            name, number = f"{start}_{number}", number + 1
        self._names[pointer] = name
        self._under_way.append(pointer)
        self.defs[name] = self.schema(target)
        self._under_way.pop()
        return name

    def _member(self, node: JsonValue, gone: frozenset[str]) -> JsonValue:
        """Convert a member of `allOf`: a parent that lists its children must not lead back to the child."""
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            parent = self.document.resolve(node)
            for key in ("oneOf", "anyOf"):
                listed = parent.get(key)
                if isinstance(listed, list) and any(self._is_under_way(child) for child in listed):
                    return self._plain({name: value for name, value in parent.items() if name != key}, gone)
        return self.schema(node, gone)

    def _is_under_way(self, node: JsonValue) -> bool:
        return isinstance(node, dict) and node.get("$ref") in self._under_way

    # -- keywords --------------------------------------------------------------------------------------------------

    def _plain(self, node: JsonObject, gone: frozenset[str]) -> JsonObject:
        gone |= frozenset(self._absent(node, 0))
        result: JsonObject = {}
        for key, value in node.items():
            if key in _DROPPED or key.startswith("x-"):
                continue
            if key in _ONE or key in _ONE_MORE:
                result[key] = self._items(value) if isinstance(value, list) else self.schema(value)
            elif key in _MANY and isinstance(value, list):
                inner = self._member if key == "allOf" else self.schema
                result[key] = [inner(item, gone) for item in value]
            elif key in _MAPS and isinstance(value, dict):
                result[key] = {name: self.schema(item) for name, item in value.items() if name not in gone}
            else:
                result[key] = value
        self._require(result, gone)
        self._discriminate(node, result)
        return self._from_30(node, result) if self.document.version == "3.0" else result

    def _items(self, value: list[JsonValue]) -> JsonValue:
        raise ConfigError(f"{self.document.name}: `items` is a list of {len(value)}; write `prefixItems`")

    def _require(self, result: JsonObject, gone: frozenset[str]) -> None:
        required = result.get("required")
        if isinstance(required, bool):
            del result["required"]
        elif isinstance(required, list):
            result["required"] = [name for name in dict.fromkeys(map(str, required)) if name not in gone]

    def _absent(self, node: JsonObject, depth: int) -> Iterator[str]:
        """Name the properties that a schema and its parents declare and that do not travel this way."""
        if depth > 8:
            return
        properties = node.get("properties")
        for name, item in properties.items() if isinstance(properties, dict) else ():
            if isinstance(item, dict) and self._marked(item):
                yield name
        parents = node.get("allOf")
        for parent in parents if isinstance(parents, list) else ():
            if isinstance(parent, dict):
                yield from self._absent(self.document.resolve(parent), depth + 1)

    def _marked(self, item: JsonObject) -> bool:
        mark = _NOT_THERE[self.direction]
        if "$ref" not in item:
            return item.get(mark) is True
        beside = self.document.version != "3.0" and item.get(mark) is True
        return beside or self.document.resolve(item).get(mark) is True

    def _discriminate(self, node: JsonObject, result: JsonObject) -> None:
        """Demand of each branch the value that chooses it, so that a model sees it and no two branches fit."""
        said = node.get("discriminator")
        name = said.get("propertyName") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(name, str):
            return
        for key in ("oneOf", "anyOf"):
            sources, branches = node.get(key), result.get(key)
            if isinstance(sources, list) and isinstance(branches, list):
                pairs = zip(sources, branches, strict=True)
                result[key] = [_chosen(branch, name, _values(source, said.get("mapping"))) for source, branch in pairs]

    # -- 3.0 -------------------------------------------------------------------------------------------------------

    def _from_30(self, node: JsonObject, result: JsonObject) -> JsonObject:
        for key, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            exclusive = result.get(key)
            if isinstance(exclusive, bool):
                del result[key]
                if exclusive and bound in result:
                    result[key] = result.pop(bound)
        if node.get("nullable") is not True:
            return result
        if isinstance(result.get("enum"), list) and None not in _list(result["enum"]):
            result["enum"] = [*_list(result["enum"]), None]
        if isinstance(result.get("type"), str):
            result["type"] = [result["type"], "null"]
            nested = [key for key in ("allOf", "anyOf", "oneOf", "not") if key in result]
            return {"anyOf": [result, {"type": "null"}]} if nested else result
        return {"anyOf": [result, {"type": "null"}]} if result.keys() - _NOTES else result


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _values(source: JsonValue, mapping: JsonValue) -> list[JsonValue]:
    """Give the discriminator's values that choose a branch: those mapped to it, or else its own name."""
    pointer = source.get("$ref") if isinstance(source, dict) else None
    if not isinstance(pointer, str):
        return []
    own = pointer.rpartition("/")[2]
    pairs = mapping.items() if isinstance(mapping, dict) else ()
    mapped: list[JsonValue] = [value for value, target in pairs if target in {pointer, own}]
    return mapped or [own]


def _chosen(branch: JsonValue, name: str, values: list[JsonValue]) -> JsonValue:
    if not values:
        return branch
    wanted: JsonObject = {"const": values[0]} if len(values) == 1 else {"enum": values}
    chooser: JsonObject = {"type": "object", "properties": {name: wanted}, "required": [name]}
    return {"allOf": [branch, chooser]}
