"""Annotations: JSON Schema as the types that a Python programmer would write, of bounded size whatever it says."""

import keyword
import re
from collections.abc import Mapping

from remit.core.values import JsonObject, JsonValue

_SCALARS: Mapping[str, str] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "array": "list[Any]",
    "object": "dict[str, Any]",
}
_CHOICES = 16
"""Values of an enumeration that are listed."""
_TEXT = 60
"""Characters of a literal."""
_WIDEST = 8
"""Types of a union."""
_KEYS = 40
"""Keys of a dict with known keys."""


def identifier(text: str) -> str:
    """Make a name of Python out of any text; not a unique one."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)[:64]
    if not name.strip("_") or name[0].isdigit() or name.startswith("__"):
        name = f"n_{name.strip('_')}"
    return f"{name}_" if keyword.iskeyword(name) else name


def unique(name: str, taken: Mapping[str, object]) -> str:
    """Number a name until it is not taken."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


class Annotations:
    """Keeps the classes of dicts with known keys that annotations refer to."""

    def __init__(self, taken: Mapping[str, object], *, deepest: int, most: int = 5000) -> None:
        """Avoid the names that are taken; below `deepest` levels, and after `most` schemas, a type is `Any`."""
        self.taken = dict(taken)
        self.deepest, self.left = deepest, most
        self.classes: dict[str, str] = {}
        """The text of each class by name, in the order in which they were met."""


class Writer:
    """Writes the annotations of the parts of one schema, whose definitions they may refer to."""

    def __init__(self, kept: Annotations, root: JsonObject) -> None:
        """Write for the schema `root`."""
        self._kept, self._root = kept, root
        self._met: dict[str, str] = {}
        """The class that stands for a definition, by reference."""

    def of(self, schema: JsonValue, name: str, depth: int = 0) -> str:
        """Write the annotation of a schema; `name` is what it is of, such as `FindCustomer`."""
        self._kept.left -= 1
        if not isinstance(schema, dict) or depth > self._kept.deepest or self._kept.left < 0:
            return "Any"
        ref = schema.get("$ref")
        if isinstance(ref, str):
            return self._referred(ref, depth)
        if "const" in schema:
            return _literal([schema["const"]], schema)
        choices = schema.get("enum")
        if isinstance(choices, list):
            return _literal(choices, schema)
        for key in ("anyOf", "oneOf", "allOf"):
            several = schema.get(key)
            if isinstance(several, list) and several:
                return self._several(several, name, depth, one=key == "allOf")
        return self._typed(schema, name, depth)

    def _typed(self, schema: JsonObject, name: str, depth: int) -> str:
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            each = [self._kind(schema, one, name, depth) for one in kind[:_WIDEST]]
            return _union(each)
        return self._kind(schema, kind, name, depth)

    def _kind(self, schema: JsonObject, kind: JsonValue, name: str, depth: int) -> str:
        if kind == "array" and isinstance(schema.get("items"), dict):
            return f"list[{self.of(schema['items'], f'{name}Item', depth + 1)}]"
        if kind == "object":
            return self._object(schema, name, depth)
        return _SCALARS.get(kind, "Any") if isinstance(kind, str) else "Any"

    def _object(self, schema: JsonObject, name: str, depth: int) -> str:
        properties = schema.get("properties")
        if isinstance(properties, dict) and 0 < len(properties) <= _KEYS and depth < self._kept.deepest:
            return self._class(schema, properties, name, depth, "")
        others = schema.get("additionalProperties")
        inner = self.of(others, f"{name}Value", depth + 1) if isinstance(others, dict) else "Any"
        return f"dict[str, {inner}]"

    def _class(self, schema: JsonObject, properties: JsonObject, name: str, depth: int, ref: str) -> str:
        title = unique(_camel(name), self._kept.taken)
        self._kept.taken[title] = None
        if ref:
            self._met[ref] = title
        self._kept.classes[title] = ""
        required = schema.get("required")
        needed = required if isinstance(required, list) else []
        types = {key: self.of(value, f"{title}{_camel(key)}", depth + 1) for key, value in properties.items()}
        shown = {key: one if key in needed else f"NotRequired[{one}]" for key, one in types.items()}
        if all(key.isidentifier() and key.isascii() and not keyword.iskeyword(key) for key in shown):
            lines = [f"    {key}: {one}" for key, one in shown.items()]
            self._kept.classes[title] = "\n".join([f"class {title}(TypedDict):", *lines])
        else:
            fields = ", ".join(f"{key!a}: {one}" for key, one in shown.items())
            self._kept.classes[title] = f'{title} = TypedDict("{title}", {{{fields}}})'
        return title

    def _referred(self, ref: str, depth: int) -> str:
        if ref in self._met:
            return self._met[ref]
        found: JsonValue = self._root
        for part in ref.removeprefix("#/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not ref.startswith("#/") or not isinstance(found, dict):
            return "Any"
        name = ref.rsplit("/", 1)[-1]
        properties = found.get("properties")
        if isinstance(properties, dict) and 0 < len(properties) <= _KEYS and depth < self._kept.deepest:
            return self._class(found, properties, name, depth, ref)
        return self.of(found, name, depth + 1)

    def _several(self, several: list[JsonValue], name: str, depth: int, *, one: bool) -> str:
        if one:
            return self.of(several[0], name, depth + 1) if len(several) == 1 else "Any"
        return _union([self.of(each, name, depth + 1) for each in several[:_WIDEST]])


def _union(each: list[str]) -> str:
    found = list(dict.fromkeys(each))
    return "Any" if not found or "Any" in found else " | ".join(found)


def _literal(choices: list[JsonValue], schema: JsonObject) -> str:
    plain = [one for one in choices if one is None or isinstance(one, str) or is_whole(one)]
    shown = [ascii(one) for one in plain]
    if choices and len(plain) == len(choices) <= _CHOICES and all(len(one) <= _TEXT for one in shown):
        return f"Literal[{', '.join(dict.fromkeys(shown))}]"
    kind = schema.get("type")
    if isinstance(kind, str):
        return _SCALARS.get(kind, "Any")
    return "str" if choices and all(isinstance(one, str) for one in choices) else "Any"


def is_whole(value: JsonValue) -> bool:
    """Say whether a value is a truth value or a number that can be written out."""
    return isinstance(value, int) and abs(value) < 10**18


def _camel(text: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", text)
    return identifier("".join(word[0].upper() + word[1:] for word in words) or "Value")
