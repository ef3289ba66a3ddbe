"""Emptiness: whether no value can have all of some facts, as far as that can be seen quickly."""

from collections.abc import Iterator

from remit.core.values import JsonValue
from remit.tools.contracts.inclusion.admission import part_admits
from remit.tools.contracts.inclusion.effort import Effort
from remit.tools.contracts.inclusion.facts import Conjunct, Facts, Node, Root, flatten
from remit.tools.contracts.inclusion.values import TYPES

_DEEPEST = 5
_FEW: dict[str, list[JsonValue]] = {"null": [None], "boolean": [True, False]}


def finite(facts: Facts) -> list[JsonValue] | None:
    """Give all values that can be, when they are few enough to be named."""
    for part in facts.conjuncts:
        options = part.keys.get("enum")
        if isinstance(options, list):
            return [value for value in options if _possible(facts, value)]
    if facts.types <= _FEW.keys():
        values = [value for name in sorted(facts.types) for value in _FEW[name]]
        return [value for value in values if _possible(facts, value)]
    return None


def _possible(facts: Facts, value: JsonValue) -> bool:
    return all(part_admits(part, value) is not False for part in facts.conjuncts)


def empty(facts: Facts, effort: Effort | None = None) -> bool:
    """Say whether surely no value has these facts."""
    effort = effort or Effort()
    if effort.over(_DEEPEST):
        return False
    if not facts.types or finite(facts) == []:
        return True
    if facts.types != TYPES and all(_no(facts, name, effort) for name in facts.types):
        return True
    return any(all(empty(case, effort.deeper()) for case in cases) for cases in _choices(facts))


def _choices(facts: Facts) -> Iterator[list[Facts]]:
    for part in facts.conjuncts:
        for name in ("anyOf", "oneOf"):
            if name in part.keys:
                others = [known for known in facts.conjuncts if known is not part]
                rest = Facts((*others, part.without(name)))
                yield [rest.and_(*flatten(branch)[0]) for branch in part.row(name)]


def _no(facts: Facts, name: str, effort: Effort) -> bool:
    """Say whether no value of this type can be."""
    match name:
        case "integer" | "fraction":
            low, out = facts.lowest
            high, over = facts.highest
            return low > high or (low == high and (out or over))
        case "string":
            return max(facts.values("minLength"), default=0) > min(facts.values("maxLength"), default=float("inf"))
        case "array":
            return max(facts.values("minItems"), default=0) > min(facts.values("maxItems"), default=float("inf"))
        case "object":
            return any(empty(facts.member(each), effort.deeper()) for each in facts.required)
        case _:
            return False


def disjoint(facts: Facts, node: Node) -> bool:
    """Say whether surely no value with these facts fits a schema as well."""
    return empty(facts.and_(*flatten(node)[0]))


def cases(facts: Facts) -> list[Facts] | None:
    """Take apart the first choice that the facts hold; `None` when there is none."""
    for part in facts.conjuncts:
        for name in ("anyOf", "oneOf"):
            if name not in part.keys:
                continue
            rest = [part.without(name) if known is part else known for known in facts.conjuncts]
            branches = part.row(name)
            return [
                Facts((*rest, *flatten(branch)[0], *(_others(branches, branch) if name == "oneOf" else ())))
                for branch in branches
            ]
    return None


def _others(branches: list[Node], chosen: Node) -> Iterator[Conjunct]:
    for branch in branches:
        if branch is not chosen:
            yield Conjunct({"not": branch.schema}, branch.root)


def typed(facts: Facts, root: Root) -> list[Facts] | None:
    """Take apart the types; `None` when there is one."""
    names = facts.types - {"fraction"} if "integer" in facts.types else facts.types
    if len(names) < 2:
        return None
    numbers = ["number"] if "fraction" in facts.types else ["integer"]
    kinds = [numbers if name in {"integer", "fraction"} else [name] for name in sorted(names)]
    return [facts.and_(Conjunct({"type": list[JsonValue](kind)}, root)) for kind in kinds]
