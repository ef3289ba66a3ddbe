"""Admission: whether a schema accepts one value, or that this cannot be told here."""

from collections.abc import Callable, Iterable

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.inclusion.effort import Effort
from remit.tools.contracts.inclusion.facts import Conjunct, Node, flatten, item_at, matches, perhaps, surely, types_of
from remit.tools.contracts.inclusion.values import key, kind, number


def admits(node: Node, value: JsonValue, effort: Effort | None = None) -> bool | None:
    """Say whether a schema accepts a value; `None` when that cannot be told."""
    effort = effort or Effort()
    if effort.over():
        return None
    parts, complete = flatten(node)
    verdict = every(part_admits(part, value, effort) for part in parts)
    return verdict if complete or verdict is False else None


def every(verdicts: Iterable[bool | None]) -> bool | None:
    """Say whether all hold."""
    known: bool | None = True
    for verdict in verdicts:
        if verdict is False:
            return False
        known = known and verdict
    return known


def part_admits(part: Conjunct, value: JsonValue, effort: Effort | None = None) -> bool | None:
    """Say whether a schema without references and `allOf` accepts a value; `None` when that cannot be told."""
    effort = effort or Effort()
    return every(_keyword(part, name, value, effort) for name in part.keys)


def _keyword(part: Conjunct, name: str, value: JsonValue, effort: Effort) -> bool | None:
    if name in _ANY:
        return _ANY[name](part, value, effort)
    wanted, rule = _TYPED.get(name, ((), None))
    if rule is None:
        return True if name in _HELPERS else None
    return rule(part, value, effort) if kind(value) in wanted else True


# -- any value ---------------------------------------------------------------------------------------------------------


def _type(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    return kind(value) in types_of(part)


def _enum(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    return None if part.options is None else key(value) in part.options


def _any_of(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    verdicts = [admits(branch, value, effort.deeper()) for branch in part.row("anyOf")]
    return True if True in verdicts else None if None in verdicts else False


def _one_of(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    verdicts = [admits(branch, value, effort.deeper()) for branch in part.row("oneOf")]
    if verdicts.count(True) > 1:
        return False
    return None if None in verdicts else verdicts.count(True) == 1


def _not(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    verdict = admits(Node(part.keys["not"], part.root), value, effort.deeper())
    return None if verdict is None else not verdict


# -- numbers and texts -------------------------------------------------------------------------------------------------


def _bound(name: str, fits: Callable[[float, float], bool]) -> Callable[[Conjunct, JsonValue, Effort], bool | None]:
    def rule(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
        bound, size = part.number(name), _size(value)
        return None if bound is None else fits(size, bound)

    return rule


def _size(value: JsonValue) -> int | float:
    if isinstance(value, str | list | dict):
        return len(value)
    return number(value) or 0


def _multiple(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    step, found = part.number("multipleOf"), number(value)
    if isinstance(step, int) and isinstance(found, int) and step > 0:
        return found % step == 0
    return None


def _pattern(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    pattern = part.keys["pattern"]
    return matches(pattern, value) if isinstance(pattern, str) and isinstance(value, str) else None


# -- arrays and objects ------------------------------------------------------------------------------------------------


def _items(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    items = value if isinstance(value, list) else []
    return every(
        admits(node, item, effort.deeper()) for place, item in enumerate(items) for node in item_at(part, place)
    )


def _unique(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    items = [key(item) for item in value] if isinstance(value, list) else []
    return part.keys["uniqueItems"] is not True or len(set(items)) == len(items)


def _members(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    return every(_member(part, name, item, effort) for name, item in _object(value).items())


def _member(part: Conjunct, name: str, item: JsonValue, effort: Effort) -> bool | None:
    sure, maybe = surely(part, name), perhaps(part, name)
    verdict = every(admits(node, item, effort.deeper()) for node in sure)
    if verdict is False or len(sure) == len(maybe):
        return verdict
    return verdict if every(admits(node, item, effort.deeper()) for node in maybe) else None


def _required(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    return set(part.names("required")) <= _object(value).keys()


def _names(part: Conjunct, value: JsonValue, effort: Effort) -> bool | None:
    node = Node(part.keys["propertyNames"], part.root)
    return every(admits(node, name, effort.deeper()) for name in _object(value))


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


_Rule = Callable[[Conjunct, JsonValue, Effort], bool | None]

_ANY: dict[str, _Rule] = {"type": _type, "enum": _enum, "anyOf": _any_of, "oneOf": _one_of, "not": _not}
_NUMBER, _STRING, _ARRAY, _OBJECT = ("integer", "fraction"), ("string",), ("array",), ("object",)
_TYPED: dict[str, tuple[tuple[str, ...], _Rule]] = {
    "minimum": (_NUMBER, _bound("minimum", lambda size, bound: size >= bound)),
    "maximum": (_NUMBER, _bound("maximum", lambda size, bound: size <= bound)),
    "exclusiveMinimum": (_NUMBER, _bound("exclusiveMinimum", lambda size, bound: size > bound)),
    "exclusiveMaximum": (_NUMBER, _bound("exclusiveMaximum", lambda size, bound: size < bound)),
    "multipleOf": (_NUMBER, _multiple),
    "minLength": (_STRING, _bound("minLength", lambda size, bound: size >= bound)),
    "maxLength": (_STRING, _bound("maxLength", lambda size, bound: size <= bound)),
    "pattern": (_STRING, _pattern),
    "minItems": (_ARRAY, _bound("minItems", lambda size, bound: size >= bound)),
    "maxItems": (_ARRAY, _bound("maxItems", lambda size, bound: size <= bound)),
    "uniqueItems": (_ARRAY, _unique),
    "items": (_ARRAY, _items),
    "prefixItems": (_ARRAY, _items),
    "minProperties": (_OBJECT, _bound("minProperties", lambda size, bound: size >= bound)),
    "maxProperties": (_OBJECT, _bound("maxProperties", lambda size, bound: size <= bound)),
    "properties": (_OBJECT, _members),
    "patternProperties": (_OBJECT, _members),
    "additionalProperties": (_OBJECT, _members),
    "required": (_OBJECT, _required),
    "propertyNames": (_OBJECT, _names),
}
_HELPERS = frozenset({"then", "else", "minContains", "maxContains"})
"""Keywords that say nothing alone: with `if` or `contains`, that one cannot be told."""
