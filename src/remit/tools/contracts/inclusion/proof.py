"""Proof: whether everything that one schema accepts is accepted by another, and where not.

It is sound and not complete: what is not found to be included may be included all the same, and is reported. Objects
and arrays are compared structurally, choices case by case, recursive schemas by induction on the depth of a value.
After Habib et al., "Finding data compatibility bugs with JSON subschema checks" (ISSTA 2021), without canonical forms.
"""

from collections.abc import Iterator

from remit.core.values import JsonValue
from remit.tools.contracts.inclusion.admission import part_admits
from remit.tools.contracts.inclusion.arrays import arrays
from remit.tools.contracts.inclusion.effort import Effort
from remit.tools.contracts.inclusion.emptiness import cases, disjoint, empty, finite, typed
from remit.tools.contracts.inclusion.facts import Conjunct, Facts, Node, Root, flatten
from remit.tools.contracts.inclusion.finding import Finding, Reading, kinds, values
from remit.tools.contracts.inclusion.objects import objects
from remit.tools.contracts.inclusion.sameness import holds, same
from remit.tools.contracts.inclusion.scalars import formats, numbers, texts, types

_STEPS = 3000
"""After so many comparisons nothing is shown any more: choices within choices may have no end."""
_DEEPEST = 60
_MOST = 1000
"""Findings of one schema that are told."""
_WHOLE = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "$malformed"})
"""Keywords whose meaning depends on all that stands around them."""
_KNOWN = frozenset(
    {"type", "enum", "anyOf", "oneOf", "not", "if", "then", "else", "format", "pattern", "multipleOf", "required"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems"}
    | {"contentEncoding", "contentMediaType", "contentSchema", "items", "prefixItems", "uniqueItems", "contains"}
    | {"minContains", "maxContains", "minProperties", "maxProperties", "properties", "patternProperties"}
    | {"additionalProperties", "propertyNames", "dependentRequired", "dependentSchemas"}
)

_TOO_LARGE = Finding("unproved", "a schema too large to compare")

_Goal = tuple[frozenset[tuple[int, str]], int, str]


def beyond(narrow: JsonValue, wide: JsonValue, reading: Reading = "strict") -> list[Finding]:
    """Say what the first schema accepts beyond the second; nothing when all of it is shown to be accepted there."""
    one, other = Node(narrow, Root(narrow)), Node(wide, Root(wide))
    one, other = Node(one.root.schema, one.root), Node(other.root.schema, other.root)
    try:
        found = Proof(reading).show(Facts.of([one]), other)
    except RecursionError:
        found = [Finding("unproved", "a schema too deep to compare")]
    return list(dict.fromkeys(found))


class Proof:
    """One attempt to show an inclusion."""

    def __init__(self, reading: Reading, steps: Iterator[int] | None = None) -> None:
        """Begin with nothing assumed; `steps` count down together with those of the attempt that this is a part of."""
        self._reading: Reading = reading
        self._steps = iter(range(_STEPS)) if steps is None else steps
        self._looks = Effort(steps=iter(range(3 * _STEPS)))
        self._level = 0
        self._assumed = 0
        self._open: dict[_Goal, int] = {}
        self._done: dict[_Goal, list[Finding]] = {}

    def show(self, facts: Facts, node: Node) -> list[Finding]:
        """Say what can be with these facts that does not fit a schema."""
        if node.schema is True or node.schema == {} or empty(facts, self._looks):
            return []
        goal = facts.ids, id(node.root), Conjunct({"": node.schema}, node.root).id[1]
        if goal in self._done:
            return self._done[goal]
        if goal in self._open:
            # By induction: it is assumed of smaller values only, never of the value itself.
            self._assumed += 1
            return [] if self._open[goal] < self._level else [Finding("unproved", "recursion")]
        if self._level > _DEEPEST:
            self._assumed += 1
            return [_TOO_LARGE]
        before = self._assumed
        self._open[goal] = self._level
        found = self._node(facts, node)
        del self._open[goal]
        if self._assumed == before:
            self._done[goal] = found
        return found

    def _inside(self, facts: Facts, node: Node, place: str) -> list[Finding]:
        self._level += 1
        found = self.show(facts, node)
        self._level -= 1
        return [finding.at(place) for finding in found[:_MOST]]

    def _node(self, facts: Facts, node: Node) -> list[Finding]:
        parts, complete = flatten(node)
        found = [finding for part in parts for finding in self._part(facts, part)]
        if not complete and not any(same(Node(known.keys, known.root), node) for known in facts.conjuncts):
            found.append(Finding("unproved", "a reference that leads nowhere"))
        # One is enough to show nothing: through references a few lines can hold millions.
        return list(dict.fromkeys(found))[:_MOST]

    def _part(self, facts: Facts, part: Conjunct) -> list[Finding]:
        if next(self._steps, None) is None:
            self._assumed += 1
            return [_TOO_LARGE]
        whole = Node(part.keys, part.root)
        if any(same(Node(known.keys, known.root), whole) for known in facts.conjuncts):
            return []
        few = finite(facts)
        if few is not None:
            return self._few(facts, part, few)
        choosing = not part.keys.keys().isdisjoint({"anyOf", "oneOf"})
        split = cases(facts)
        if choosing and split is None:
            split = typed(facts, part.root)
        if not choosing or split is None:
            found = list(self._keywords(facts, part))
            if not found or split is None:
                return found
        elif not any(True for _ in self._keywords(facts, part)):
            return []
        # No value has all the types: what is wrong in no case is not wrong.
        return [finding for case in split if not empty(case, self._looks) for finding in self._part(case, part)]

    def _few(self, facts: Facts, part: Conjunct, few: list[JsonValue]) -> list[Finding]:
        """Try the few values there are."""
        rest = part.without(*(name for name in ("format", "pattern") if holds(facts, part, name)))
        verdicts = [part_admits(rest, value) for value in few]
        wrong = [value for value, verdict in zip(few, verdicts, strict=True) if verdict is False]
        found = [Finding("value", values(wrong))] if wrong else []
        if wrong == few and facts.types <= {"null", "boolean"}:
            found = [Finding("type", kinds(facts.types))]
        return [*found, Finding("unproved", "`enum`")] if None in verdicts else found

    # -- keywords ----------------------------------------------------------------------------------------------------

    def _keywords(self, facts: Facts, part: Conjunct) -> Iterator[Finding]:
        yield from types(facts, part)
        if not facts.types.isdisjoint({"integer", "fraction"}):
            yield from numbers(facts, part)
        if "string" in facts.types:
            yield from texts(facts, part)
        if not facts.types.isdisjoint({"string", "integer", "fraction"}):
            yield from formats(facts, part)
        if "array" in facts.types:
            yield from arrays(facts, part, self._inside)
        if "object" in facts.types:
            yield from objects(facts, part, self._inside, self._reading)
        if "enum" in part.keys:
            options = part.keys["enum"]
            named = f"anything but {values(options)}" if isinstance(options, list) and options else kinds(facts.types)
            yield Finding("value", named)
        yield from self._choices(facts, part)
        for name in sorted(part.keys.keys() - _KNOWN):
            if name in _WHOLE or not holds(facts, part, name):
                yield Finding("unproved", f"`{name}`")

    def _choices(self, facts: Facts, part: Conjunct) -> Iterator[Finding]:
        if "anyOf" in part.keys and not holds(facts, part, "anyOf"):
            yield from self._nearest(facts, part.row("anyOf"))
        if "oneOf" in part.keys and not holds(facts, part, "oneOf"):
            yield from self._one_of(facts, part.row("oneOf"))
        if "not" in part.keys and not self._apart(facts, Node(part.keys["not"], part.root)):
            yield Finding("unproved", "`not`")
        if "if" in part.keys and not holds(facts, part, "if", "then", "else"):
            yield Finding("unproved", "`if`")

    def _one_of(self, facts: Facts, branches: list[Node]) -> list[Finding]:
        proofs = [self.show(facts, branch) for branch in branches]
        fitting = [branch for branch, proof in zip(branches, proofs, strict=True) if not proof]
        if not fitting:
            return _best(facts, proofs)
        others = (branch for branch in branches if branch is not fitting[0])
        return [] if all(self._apart(facts, other) for other in others) else [Finding("unproved", "`oneOf`")]

    def _nearest(self, facts: Facts, branches: list[Node]) -> list[Finding]:
        proofs: list[list[Finding]] = []
        for branch in branches:
            proofs.append(self.show(facts, branch))
            if not proofs[-1]:
                return []
        return _best(facts, proofs)

    def _apart(self, facts: Facts, node: Node) -> bool:
        """Say whether nothing with these facts fits a schema: none can, or a wider one is forbidden already."""
        if disjoint(facts, node):
            return True
        known = Facts.of([node])
        parts, complete = flatten(node)
        if not complete or not parts:
            return False
        return any(not Proof("strict", self._steps).show(known, forbidden) for forbidden in facts.said("not"))


def _best(facts: Facts, proofs: list[list[Finding]]) -> list[Finding]:
    """Choose the branch that comes nearest, to say what is wrong with it."""
    if not proofs:
        return [Finding("type", kinds(facts.types))]
    best = min(proofs, key=_distance)
    wrong_kind = any(finding.topic == "type" and not finding.where for finding in best)
    return [Finding("type", kinds(facts.types))] if wrong_kind and len(proofs) > 1 else best


def _distance(proof: list[Finding]) -> tuple[int, int, int]:
    kinds_here = sum(finding.topic == "type" and not finding.where for finding in proof)
    choosers = sum(finding.topic == "value" for finding in proof)
    return kinds_here, choosers, len(proof)
