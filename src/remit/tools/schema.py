"""Schemas: JSON Schema as a model should read it, without titles and without needless references."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from remit.core.shape import LOCAL, references
from remit.core.values import JsonObject, JsonValue

_VALUES = frozenset({"const", "default", "enum", "examples"})
_MAPS = frozenset({"$defs", "patternProperties", "properties"})
_NOISE = frozenset({"$defs", "discriminator", "title"})
_SMALL = 600
"""Bytes up to which a definition that is used more than once is written out at each place."""


def tidy(schema: JsonObject) -> JsonObject:
    """Drop titles and write definitions out where they are used, unless they are recursive or large and shared."""
    defs = schema.get("$defs")
    reader = _Tidy(defs if isinstance(defs, dict) else {}, Counter(references(schema)))
    result = reader.schema(schema)
    if reader.kept:
        result["$defs"] = dict(sorted(reader.kept.items()))
    return result


@dataclass(slots=True)
class _Tidy:
    defs: Mapping[str, JsonValue]
    uses: Counter[str]
    kept: JsonObject = field(default_factory=dict[str, JsonValue])
    inlined: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    under_way: set[str] = field(default_factory=set[str])
    recursive: set[str] = field(default_factory=set[str])

    def schema(self, node: JsonObject) -> JsonObject:
        """Tidy one schema object."""
        result: JsonObject = {}
        for key, value in node.items():
            if key in _MAPS and key not in _NOISE and isinstance(value, dict):
                result[key] = {name: self._any(item) for name, item in value.items()}
            elif key in _VALUES:
                result[key] = value
            elif key not in _NOISE:
                result[key] = self._any(value)
        ref = result.get("$ref")
        if isinstance(ref, str) and ref.startswith(LOCAL):
            found = self._definition(ref.removeprefix(LOCAL))
            if found is not None:
                del result["$ref"]
                result = {**found, **result}
        return result

    def _any(self, node: JsonValue) -> JsonValue:
        if isinstance(node, dict):
            return self.schema(node)
        if isinstance(node, list):
            return [self._any(item) for item in node]
        return node

    def _definition(self, name: str) -> JsonObject | None:
        """Give what to write in place of a reference; `None` when the reference stays."""
        if name in self.inlined:
            return self.inlined[name]
        if name in self.under_way:
            self.recursive.add(name)
        node = self.defs.get(name)
        if name in self.kept or name in self.under_way or not isinstance(node, dict):
            return None
        self.under_way.add(name)
        clean = self.schema(node)
        self.under_way.remove(name)
        large = self.uses[name] > 1 and len(msgspec.json.encode(clean)) > _SMALL
        if name in self.recursive or large:
            self.kept[name] = clean
            return None
        self.inlined[name] = clean
        return clean
