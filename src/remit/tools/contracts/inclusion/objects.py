"""Objects: whether what is known of them keeps to another schema."""

from collections.abc import Iterator

from remit.core.values import JsonValue
from remit.tools.contracts.inclusion.admission import admits
from remit.tools.contracts.inclusion.emptiness import empty
from remit.tools.contracts.inclusion.facts import Conjunct, Facts, Node, perhaps
from remit.tools.contracts.inclusion.finding import Finding, Prove, Reading
from remit.tools.contracts.inclusion.sameness import holds
from remit.tools.contracts.inclusion.scalars import sizes
from remit.tools.contracts.places import at

_OTHERS = frozenset({"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames"})


def objects(facts: Facts, part: Conjunct, prove: Prove, reading: Reading) -> Iterator[Finding]:
    """Compare members and sizes."""
    yield from sizes(facts, part, "Properties", "an object", "members")
    for name in part.names("required"):
        if name not in facts.required:
            yield Finding("required", "", at("", name))
    yield from _described(facts, part, prove, reading)
    yield from _patterned(facts, part, prove)
    yield from _others(facts, part, prove, reading)
    yield from _named(facts, part, prove)
    yield from _dependent(facts, part)


def _described(facts: Facts, part: Conjunct, prove: Prove, reading: Reading) -> Iterator[Finding]:
    """Compare the members that one of both describes."""
    mine, theirs = part.schemas("properties"), _declared(facts)
    silent = reading == "arguments" and bool(theirs) and not _says(facts)
    for name in sorted(theirs | mine.keys()):
        if silent and name not in theirs:
            # Nobody gave it, for nobody knew of it.
            continue
        nodes = perhaps(part, name)
        if reading == "answer" and name not in mine:
            # Whoever reads an answer leaves out what it does not know.
            nodes = [node for node in nodes if node.schema is not False]
        known = facts.member(name)
        for node in nodes:
            yield from prove(known, node, at("", name))


def _declared(facts: Facts) -> frozenset[str]:
    return frozenset(name for part in facts.conjuncts for name in part.schemas("properties"))


def _says(facts: Facts) -> bool:
    """Say whether anything is said of members that are not described."""
    return any(not _OTHERS.isdisjoint(part.keys) for part in facts.conjuncts)


def _patterned(facts: Facts, part: Conjunct, prove: Prove) -> Iterator[Finding]:
    """Compare the members that a pattern describes."""
    for pattern, node in part.schemas("patternProperties").items():
        known = Facts.of(found for known in facts.conjuncts for found in _under_pattern(known, pattern))
        yield from prove(known, node, at("", f"/{pattern}/"))


def _under_pattern(known: Conjunct, pattern: str) -> list[Node]:
    patterns = known.schemas("patternProperties")
    if pattern in patterns:
        return [patterns[pattern]]
    rest = known.under("additionalProperties")
    return [] if patterns or rest is None else [rest]


def _others(facts: Facts, part: Conjunct, prove: Prove, reading: Reading) -> Iterator[Finding]:
    """Compare the members that nothing of the other schema describes."""
    rest = part.under("additionalProperties")
    if rest is None or (reading == "answer" and rest.schema is False):
        return
    own = part.schemas("patternProperties")
    for pattern in {name for known in facts.conjuncts for name in known.schemas("patternProperties")} - own.keys():
        matching = (known.schemas("patternProperties").get(pattern) for known in facts.conjuncts)
        found = Facts.of(node for node in matching if node is not None)
        yield from prove(found, rest, at("", f"/{pattern}/"))
    others = Facts.of(facts.said("additionalProperties"))
    if rest.schema is False and not empty(others):
        yield Finding("closed", "other members than those it names")
    elif rest.schema is not False:
        yield from prove(others, rest, ".*")


def _named(facts: Facts, part: Conjunct, prove: Prove) -> Iterator[Finding]:
    """Compare what members may be called."""
    node = part.under("propertyNames")
    if node is None or holds(facts, part, "propertyNames"):
        return
    for known in facts.conjuncts:
        if known.keys.get("additionalProperties") is False and not known.schemas("patternProperties"):
            names = [name for name in known.schemas("properties") if not empty(facts.member(name))]
            wrong = [name for name in names if admits(node, name) is not True]
            yield from (Finding("unproved", "`propertyNames`", at("", name)) for name in wrong)
            return
    texts = Conjunct({"type": list[JsonValue](["string"])}, part.root)
    known = Facts.of(facts.said("propertyNames")).and_(texts)
    yield from (Finding("unproved", "`propertyNames`") for _ in prove(known, node, ""))


def _dependent(facts: Facts, part: Conjunct) -> Iterator[Finding]:
    """Compare what the presence of a member demands."""
    wanted = part.keys.get("dependentRequired")
    if wanted is not None and not holds(facts, part, "dependentRequired"):
        for name, more in wanted.items() if isinstance(wanted, dict) else ():
            needed = {item for item in more if isinstance(item, str)} if isinstance(more, list) else {""}
            if not needed <= facts.required and not empty(facts.member(name)):
                yield Finding("unproved", "`dependentRequired`", at("", name))
        if not isinstance(wanted, dict):
            yield Finding("unproved", "`dependentRequired`")
    if not holds(facts, part, "dependentSchemas"):
        given = [name for name in part.schemas("dependentSchemas") if not empty(facts.member(name))]
        yield from (Finding("unproved", "`dependentSchemas`", at("", name)) for name in given)
