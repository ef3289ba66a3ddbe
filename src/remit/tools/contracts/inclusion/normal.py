"""Normal form: a JSON Schema with one way to say a thing, and without what says nothing of values.

Source: JSON Schema 2020-12; what earlier drafts wrote otherwise is rewritten.
"""

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.inclusion.values import key

_NOTES = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$comment"}
    | {"$schema", "$anchor", "$vocabulary", "discriminator", "xml", "externalDocs"}
)
"""Keywords that do not decide which values are valid."""
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_ONE = frozenset(
    {"not", "items", "additionalItems", "additionalProperties", "propertyNames", "contains", "if", "then", "else"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
_APPLICATORS = frozenset({"allOf", "anyOf", "oneOf", "if", "$ref", "$dynamicRef", "not", "dependentSchemas"})


def normal(node: JsonValue) -> JsonValue:
    """Write a schema in normal form; twice is the same as once."""
    if isinstance(node, bool):
        return node
    if not isinstance(node, dict):
        return {"$malformed": node}
    result: JsonObject = {}
    for name, value in node.items():
        if name in _NOTES or name.startswith("x-"):
            continue
        if name in _MAPS and isinstance(value, dict):
            result[name] = {inner: normal(item) for inner, item in value.items()}
        elif (name in _MANY or name == "items") and isinstance(value, list):
            result[name] = [normal(item) for item in value]
        else:
            result[name] = normal(value) if name in _ONE else value
    _values(result)
    _arrays(result)
    _bounds(result)
    if not _APPLICATORS & result.keys() and "unevaluatedProperties" in result:
        rest = result.pop("unevaluatedProperties")
        result.setdefault("additionalProperties", rest)
    return result


def _values(result: JsonObject) -> None:
    if isinstance(result.get("type"), str):
        result["type"] = [result["type"]]
    if "const" in result:
        value = result.pop("const")
        options = result.get("enum")
        fits = not isinstance(options, list) or key(value) in map(key, options)
        result["enum"] = [value] if fits else []


def _arrays(result: JsonObject) -> None:
    if isinstance(result.get("items"), list):
        result["prefixItems"] = result.pop("items")
        if "additionalItems" in result:
            result["items"] = result.pop("additionalItems")
    else:
        result.pop("additionalItems", None)
    if not _APPLICATORS & result.keys() and "contains" not in result and "unevaluatedItems" in result:
        rest = result.pop("unevaluatedItems")
        result.setdefault("items", rest)


def _bounds(result: JsonObject) -> None:
    """Rewrite the marks of draft 4, which stood beside the bound."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        mark = result.get(exclusive)
        if isinstance(mark, bool):
            del result[exclusive]
            if mark and bound in result:
                result[exclusive] = result.pop(bound)
