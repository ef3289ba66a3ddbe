"""Arrays: whether what is known of them keeps to another schema."""

from collections.abc import Iterator

from remit.tools.contracts.inclusion.facts import Conjunct, Facts, item_at
from remit.tools.contracts.inclusion.finding import Finding, Prove
from remit.tools.contracts.inclusion.sameness import holds
from remit.tools.contracts.inclusion.scalars import largest, sizes

_CONTAINS = ("contains", "minContains", "maxContains")


def arrays(facts: Facts, part: Conjunct, prove: Prove) -> Iterator[Finding]:
    """Compare sizes and items."""
    yield from sizes(facts, part, "Items", "an array", "items")
    most = largest(facts, "Items")
    if part.keys.get("uniqueItems") is True and most > 1 and not holds(facts, part, "uniqueItems"):
        yield Finding("bound", "an array with equal items")
    if "contains" in part.keys and not holds(facts, part, *_CONTAINS):
        yield Finding("unproved", "`contains`")
    yield from _items(facts, part, prove, most)


def _items(facts: Facts, part: Conjunct, prove: Prove, most: float) -> Iterator[Finding]:
    rows = max(facts.rows, len(part.row("prefixItems")))
    for place in range(rows):
        for node in item_at(part, place) if place < most else ():
            yield from prove(facts.item(place), node, f"[{place}]")
    rest = part.under("items")
    if rest is not None and rows < most:
        # Past the last described one all items are alike.
        yield from prove(facts.item(rows), rest, "[]")
