"""Sameness: whether two schemas say the same thing with the same words, wherever their references lead."""

from remit.core.values import JsonValue
from remit.tools.contracts.inclusion.facts import Conjunct, Facts, Node
from remit.tools.contracts.inclusion.values import key

_SETS = frozenset({"enum", "required", "type"})
_MAPS = frozenset({"dependentSchemas", "patternProperties", "properties"})
_DATA = frozenset({"dependentRequired", "enum", "required", "type"})

_Name = tuple[int, str]


def same(one: Node, other: Node) -> bool:
    """Say whether two schemas are the same."""
    return _same(one, other, set())


def _same(one: Node, other: Node, assumed: set[tuple[_Name, _Name]]) -> bool:
    if one.root is other.root and key(one.schema) == key(other.schema):
        return True
    left, right = _pointer(one), _pointer(other)
    if left is None and right is None:
        return _alike(one, other, assumed)
    # A pair that is being compared already is the same unless something else differs.
    pair = (_name(one, left), _name(other, right))
    if pair in assumed:
        return True
    assumed.add(pair)
    if left is not None and right is not None:
        ends = Node(one.root.at(left), one.root), Node(other.root.at(right), other.root)
        return None not in (ends[0].schema, ends[1].schema) and _same(*ends, assumed) and _rest(one, other, assumed)
    bare, full, pointer = (one, other, left) if left is not None else (other, one, right)
    target = Node(bare.root.at(pointer or ""), bare.root)
    if target.schema is None or not isinstance(bare.schema, dict) or len(bare.schema) > 1:
        return False
    return _same(target, full, assumed)


def _name(node: Node, pointer: str | None) -> _Name:
    return id(node.root), key(node.schema) if pointer is None else pointer


def _pointer(node: Node) -> str | None:
    found = node.schema.get("$ref") if isinstance(node.schema, dict) else None
    return found if isinstance(found, str) else None


def _rest(one: Node, other: Node, assumed: set[tuple[_Name, _Name]]) -> bool:
    def cut(value: JsonValue) -> JsonValue:
        return {name: item for name, item in value.items() if name != "$ref"} if isinstance(value, dict) else value

    return _alike(Node(cut(one.schema), one.root), Node(cut(other.schema), other.root), assumed)


def _alike(one: Node, other: Node, assumed: set[tuple[_Name, _Name]]) -> bool:
    left, right = one.schema, other.schema
    if isinstance(left, dict) and isinstance(right, dict):
        skip = {"$defs", "definitions"}
        if left.keys() - skip != right.keys() - skip:
            return False
        return all(
            _member(name, Node(left[name], one.root), Node(right[name], other.root), assumed)
            for name in left.keys() - skip
        )
    if isinstance(left, list) and isinstance(right, list):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(_same(Node(a, one.root), Node(b, other.root), assumed) for a, b in pairs)
    return key(left) == key(right)


def _member(name: str, one: Node, other: Node, assumed: set[tuple[_Name, _Name]]) -> bool:
    left, right = one.schema, other.schema
    if name in _SETS and isinstance(left, list) and isinstance(right, list):
        return {key(item) for item in left} == {key(item) for item in right}
    if name in _MAPS and isinstance(left, dict) and isinstance(right, dict):
        # Names here are members' names: one of them may be `$defs`.
        pairs = ((Node(left[item], one.root), Node(right[item], other.root)) for item in left if item in right)
        return left.keys() == right.keys() and all(_same(a, b, assumed) for a, b in pairs)
    return key(left) == key(right) if name in _DATA else _same(one, other, assumed)


def holds(facts: Facts, part: Conjunct, *names: str) -> bool:
    """Say whether one of the facts has the same under all these keywords."""
    return any(all(_equal(known, part, name) for name in names) for known in facts.conjuncts)


def _equal(known: Conjunct, part: Conjunct, name: str) -> bool:
    one, other = known.under(name), part.under(name)
    if one is None or other is None:
        return one is other
    return _member(name, one, other, set())
