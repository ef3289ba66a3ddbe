"""Numbers and texts: whether what is known of them keeps to another schema."""

from collections.abc import Iterator

from remit.tools.contracts.inclusion.facts import Conjunct, Facts
from remit.tools.contracts.inclusion.finding import Finding, kinds
from remit.tools.contracts.inclusion.sameness import holds
from remit.tools.contracts.inclusion.values import number, shown

_WIDER = {"int32": "int64", "float": "double"}
"""Formats whose values are all of another format as well."""


def types(facts: Facts, part: Conjunct) -> Iterator[Finding]:
    """Compare the types."""
    named = part.keys.get("type")
    if "type" not in part.keys:
        return
    if not isinstance(named, list) or not named:
        yield Finding("unproved", "`type`")
        return
    more = facts.types - Facts((part,)).types
    if more:
        yield Finding("type", kinds(more))


def numbers(facts: Facts, part: Conjunct) -> Iterator[Finding]:
    """Compare bounds and steps."""
    low, open_below = facts.lowest
    high, open_above = facts.highest
    for name, strict in (("minimum", False), ("exclusiveMinimum", True)):
        bound = part.number(name)
        if bound is not None and (low < bound or (low == bound and strict and not open_below)):
            yield Finding("bound", f"a number {'of at most' if strict else 'below'} {shown(bound)}")
    for name, strict in (("maximum", False), ("exclusiveMaximum", True)):
        bound = part.number(name)
        if bound is not None and (high > bound or (high == bound and strict and not open_above)):
            yield Finding("bound", f"a number {'of at least' if strict else 'above'} {shown(bound)}")
    if "multipleOf" in part.keys and not holds(facts, part, "multipleOf"):
        step = part.number("multipleOf")
        if step is None or not _stepped(facts, step):
            yield Finding("bound", f"a number that is no multiple of {shown(part.keys['multipleOf'])}")
    yield from _malformed(part, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _stepped(facts: Facts, step: float) -> bool:
    whole = isinstance(step, int) and step > 0
    if whole and step == 1 and "fraction" not in facts.types:
        return True
    return whole and any(isinstance(known, int) and known % step == 0 for known in facts.values("multipleOf"))


def texts(facts: Facts, part: Conjunct) -> Iterator[Finding]:
    """Compare lengths and patterns."""
    yield from sizes(facts, part, "Length", "a string", "characters")
    if "pattern" in part.keys and not holds(facts, part, "pattern"):
        yield Finding("pattern", f"a string that does not match {shown(part.keys['pattern'])}")
    for name in ("contentEncoding", "contentMediaType", "contentSchema"):
        if name in part.keys and not holds(facts, part, name):
            yield Finding("format", f"a string with another `{name}`")


def formats(facts: Facts, part: Conjunct) -> Iterator[Finding]:
    """Compare formats, which speak of texts and of numbers."""
    wanted = part.keys.get("format")
    if "format" not in part.keys or holds(facts, part, "format"):
        return
    known = (known.keys.get("format") for known in facts.conjuncts)
    if wanted and any(isinstance(name, str) and _WIDER.get(name) == wanted for name in known):
        return
    yield Finding("format", f"a value that is not of the format {shown(wanted)}")


def sizes(facts: Facts, part: Conjunct, name: str, what: str, unit: str) -> Iterator[Finding]:
    """Compare the least and the most of a size such as `Length`."""
    least, most = part.number(f"min{name}"), part.number(f"max{name}")
    if least is not None and least > smallest(facts, name):
        yield Finding("bound", f"{what} with fewer than {shown(least)} {unit}")
    if most is not None and most < largest(facts, name):
        yield Finding("bound", f"{what} with more than {shown(most)} {unit}")
    yield from _malformed(part, f"min{name}", f"max{name}")


def smallest(facts: Facts, name: str) -> float:
    """Give the least size that is known."""
    least = max(facts.values(f"min{name}"), default=0)
    return max(least, len(facts.required)) if name == "Properties" else max(least, 0)


def largest(facts: Facts, name: str) -> float:
    """Give the greatest size that is known."""
    most = min(facts.values(f"max{name}"), default=float("inf"))
    if name == "Items":
        most = min(
            [most, *(len(part.row("prefixItems")) for part in facts.conjuncts if part.keys.get("items") is False)]
        )
    if name == "Properties":
        most = min([most, *(len(part.schemas("properties")) for part in facts.conjuncts if _closed(part))])
    return most


def _closed(part: Conjunct) -> bool:
    return part.keys.get("additionalProperties") is False and not part.schemas("patternProperties")


def _malformed(part: Conjunct, *names: str) -> Iterator[Finding]:
    for name in names:
        if name in part.keys and number(part.keys[name]) is None:
            yield Finding("unproved", f"`{name}`")
