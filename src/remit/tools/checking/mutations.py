"""Mutations: values that are wrong for one reason, as a careless model would give them."""

from collections.abc import Iterator

from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.generating import Generator, plain
from remit.tools.checking.schemas import kinds, listed

_LONGEST = 100_000
_UNLIKE: dict[str, JsonValue] = {"object": "wrong", "array": "wrong"}
"""What no lenient reader takes for an object or a list; for anything else an object is that."""


def wrong_values(node: JsonObject, made: Generator) -> Iterator[JsonValue]:
    """Give values that a node should not allow: of another type, outside its list or beyond a bound."""
    wanted = [kind for kind in kinds(node) if kind != "null"]
    if len(wanted) < 4:
        yield _UNLIKE.get(wanted[0] if wanted else "", {"wrong": "type"})
        if not {"object", "array"} & set(wanted):
            yield ["wrong"]
    if listed(node, "enum") or "const" in node:
        yield "no-such-value" if "string" in wanted or len(wanted) > 1 else 987654321
    yield from _beyond_numbers(node)
    yield from _beyond_lengths(node, made)


def _beyond_numbers(node: JsonObject) -> Iterator[JsonValue]:
    for keyword, step in (("minimum", -1), ("maximum", 1), ("exclusiveMinimum", 0), ("exclusiveMaximum", 0)):
        bound = node.get(keyword)
        if isinstance(bound, (int, float)):
            yield bound + step


def _beyond_lengths(node: JsonObject, made: Generator) -> Iterator[JsonValue]:
    for keyword, step in (("minLength", -1), ("maxLength", 1), ("minItems", -1), ("maxItems", 1)):
        bound = node.get(keyword)
        if not isinstance(bound, (int, float)) or not 0 <= bound + step <= _LONGEST:
            continue
        length = int(bound) + step
        if keyword.endswith("Length"):
            yield plain(length, length)
        else:
            rest = {key: value for key, value in node.items() if key not in {"minItems", "maxItems", "examples"}}
            yield made.minimal({**rest, "minItems": length})
