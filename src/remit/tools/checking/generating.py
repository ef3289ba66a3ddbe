"""Generating: values that fit a schema, always the same for a seed, and such as a model would give.

Leaves come from hypothesis-jsonschema. Objects and lists are put together here: what a schema leaves open is not
filled with noise, what has examples takes them often, and recursion ends.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.schemas import Schema, is_never, kinds, listed, members

try:
    import hypothesis_jsonschema
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st
    from hypothesis.errors import InvalidArgument, Unsatisfiable
except ImportError as error:
    raise ConfigError(f"checking tools needs an extra: pip install 'remit[contracts]' ({error})") from error

Values = st.SearchStrategy[JsonValue]

_from_schema = cast("Callable[[JsonObject], Values]", cast("Any", hypothesis_jsonschema).from_schema)

_UNCHECKED = cast("list[HealthCheck]", list(cast("Any", HealthCheck)))
"""A schema may well be slow or hard to draw from; there is no test here to be warned about."""
_DEEPEST = 5
_LARGEST = 3000
"""Nodes of one schema, beyond which only what is required is made."""
KNOWN = "x-known"
"""Marks arguments of which the caller gave examples: others, such as ids that nobody has, prove nothing."""
_MORE = 3
"""Items that a list, and members that an open object, have beyond what they must."""
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_MARKS = _LETTERS + " .,:-_'\"!?()&%+<>;éßÄñ"
_LONGEST = 40
_HIGHEST = 1000
_LOW = ("minimum", "exclusiveMinimum")
_HIGH = ("maximum", "exclusiveMaximum")


def drawn(values: Values, count: int, number: int, fits: Callable[[JsonValue], bool]) -> list[JsonValue]:
    """Draw up to so many different values that fit, simple ones first."""
    found: dict[bytes, JsonValue] = {}

    @seed(number)
    @settings(
        max_examples=max(count * 4, 10),
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=_UNCHECKED,
    )
    @given(values)
    def collect(value: JsonValue) -> None:
        if len(found) < count and fits(value):
            found.setdefault(msgspec.json.encode(value, order="sorted"), value)

    try:
        if count and not values.is_empty:
            collect()
    except (Unsatisfiable, InvalidArgument, RecursionError):
        # Nothing fits, as far as we can see; the caller says so.
        pass
    return list(found.values())


class Generator:
    """Makes strategies and plain values for the nodes of one schema."""

    def __init__(self, schema: Schema, number: int) -> None:
        """Take the schema and the seed."""
        self._schema, self._seed = schema, number
        self._nodes = 0

    def values(self, node: JsonValue, *, optional: bool = True) -> Values:
        """Give all ordinary values of a node, with optional arguments or without."""
        self._nodes = 0
        return self._values(self._schema.open(node), 0 if optional else _DEEPEST)

    def minimal(self, node: JsonValue, depth: int = 0) -> JsonValue:
        """Give a plain value with nothing in it that need not be; `None` also when there is none."""
        form = self._schema.first(self._schema.open(node))
        constant = [form["const"]] if "const" in form else []
        known = listed(form, "examples") or constant or listed(form, "enum")
        if known or depth > _DEEPEST * 3:
            return known[0] if known else None
        match next((kind for kind in kinds(form) if kind != "null"), "null"):
            case "object":
                under = members(form)
                names = [str(name) for name in listed(form, "required")]
                return {name: self.minimal(under.get(name, {}), depth + 1) for name in names}
            case "array":
                return self._items(form, depth)
            case kind:
                return self._simplest(kind, form)

    def _simplest(self, kind: str, form: JsonObject) -> JsonValue:
        if kind == "null":
            return None
        if kind == "string" and not form.keys() & {"pattern", "format"}:
            return plain(_whole(form.get("minLength")), _whole(form.get("maxLength"), _LONGEST))
        if kind in {"integer", "number"} and _one_fits(form):
            return 1
        return next(iter(drawn(self._leaf(kind, form), 1, self._seed, lambda _: True)), None)

    def _items(self, form: JsonObject, depth: int) -> list[JsonValue]:
        least = _whole(form.get("minItems"))
        first = [self.minimal(item, depth + 1) for item in listed(form, "prefixItems")[:least]]
        if form.get("uniqueItems") is True and least > 1:
            items = self._values(self._schema.open(form.get("items", {})), 0)
            return drawn(items, least, self._seed, lambda _: True)
        return first + [self.minimal(form.get("items", {}), depth + 1) for _ in range(least - len(first))]

    # -- strategies ------------------------------------------------------------------------------------------------

    def _values(self, node: JsonObject, depth: int) -> Values:
        self._nodes += 1
        if is_never(node) or depth > _DEEPEST * 3:
            return st.nothing()
        known = listed(node, "examples")
        if KNOWN in node:
            return st.sampled_from(known)
        if known:
            rest = {key: value for key, value in node.items() if key != "examples"}
            # More often than not: an id that was made up leads nowhere.
            return st.one_of(st.sampled_from(known), st.sampled_from(known), self._values(rest, depth))
        options = [node["const"]] if "const" in node else listed(node, "enum")
        if options:
            return st.sampled_from(options)
        forms = self._schema.forms(node)
        if forms[0] is not node:
            return st.one_of([self._values(form, depth + 1) for form in forms])
        return st.one_of([self._of_kind(kind, node, depth) for kind in kinds(node) if self._is_ordinary(kind, node)])

    def _is_ordinary(self, kind: str, node: JsonObject) -> bool:
        """Leave lists and objects out of what may be anything."""
        return kind in {"string", "integer", "boolean"} or len(kinds(node)) < 6

    def _of_kind(self, kind: str, node: JsonObject, depth: int) -> Values:
        match kind:
            case "object":
                return self._objects(node, depth)
            case "array":
                return self._lists(node, depth)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case _:
                return self._leaf(kind, node)

    def _leaf(self, kind: str, node: JsonObject) -> Values:
        if kind == "string":
            return _texts(node)
        if kind == "boolean":
            return st.booleans()
        return _from_schema({"type": kind, **_bounds(node)})

    def _objects(self, node: JsonObject, depth: int) -> Values:
        under = members(node)
        named = [str(name) for name in listed(node, "required")]
        required = {name: self._values(self._schema.open(under.get(name, {})), depth + 1) for name in named}
        optional: dict[str, Values] = {}
        if depth < _DEEPEST and self._nodes < _LARGEST:
            inner = {name: self._schema.open(item) for name, item in under.items() if name not in required}
            made = {name: self._values(item, depth + 1) for name, item in inner.items()}
            optional = {name: values for name, values in made.items() if not values.is_empty}
        if under or named or node.get("additionalProperties") is False or depth >= _DEEPEST:
            return cast("Values", st.fixed_dictionaries(required, optional=optional))
        least = _whole(node.get("minProperties"))
        items = self._values(self._schema.open(node.get("additionalProperties", {})), depth + 1)
        names = st.text(_LETTERS[:26], min_size=1, max_size=8)
        return cast("Values", st.dictionaries(names, items, min_size=least, max_size=least + _MORE))

    def _lists(self, node: JsonObject, depth: int) -> Values:
        first = [self._values(self._schema.open(item), depth + 1) for item in listed(node, "prefixItems")]
        if first:
            return cast("Values", st.tuples(*first).map(list))
        least = _whole(node.get("minItems"))
        most = least if depth >= _DEEPEST else min(_whole(node.get("maxItems"), least + _MORE), least + _MORE)
        items = self._values(self._schema.open(node.get("items", {})), depth + 1)
        if items.is_empty:
            return cast("Values", st.just([])) if least == 0 else st.nothing()
        unique = msgspec.json.encode if node.get("uniqueItems") is True else None
        return cast("Values", st.lists(items, min_size=least, max_size=most, unique_by=unique))


def plain(least: int = 0, most: int = _LONGEST) -> str:
    """Write a text of an ordinary length, or of the nearest that is allowed."""
    text = "text"
    return text[:most] if least <= len(text) else (text * (least // 4 + 1))[:least]


def _texts(node: JsonObject) -> Values:
    if "pattern" in node or "format" in node:
        wanted = {key: node[key] for key in ("pattern", "format", "minLength", "maxLength") if key in node}
        return _from_schema({"type": "string", **wanted})
    least = max(1, _whole(node.get("minLength")))
    most = min(_whole(node.get("maxLength"), least + _LONGEST), least + _LONGEST)
    if most < least:
        return st.just("")
    # A letter goes first, so that no text is blank or means a place, such as `..`.
    rest = st.text(_MARKS, min_size=least - 1, max_size=most - 1)
    return cast("Values", st.builds(str.__add__, st.sampled_from(_LETTERS), rest))


def _whole(value: JsonValue, default: int = 0) -> int:
    return int(value) if isinstance(value, (int, float)) else default


def _bounds(node: JsonObject) -> JsonObject:
    """Give a number's bounds, and ordinary ones where it has none."""
    bounds = {key: node[key] for key in (*_LOW, *_HIGH, "multipleOf") if key in node}
    low, high = (_figure(node, keywords) for keywords in (_LOW, _HIGH))
    if low is None:
        bounds["minimum"] = 0 if high is None else min(0, high - _HIGHEST)
    if high is None:
        bounds["maximum"] = max(_HIGHEST, _HIGHEST + (low or 0))
    return bounds


def _figure(node: JsonObject, keywords: Sequence[str]) -> float | None:
    found = [node[keyword] for keyword in keywords if keyword in node]
    figures = [figure for figure in found if isinstance(figure, (int, float))]
    return figures[0] if figures else None


def _one_fits(node: JsonObject) -> bool:
    """Say whether 1 is within a number's bounds; a 0 means nothing to many programs."""
    low, high = (_figure(node, keywords) for keywords in (_LOW, _HIGH))
    return "multipleOf" not in node and (low is None or low < 1) and (high is None or high > 1)
