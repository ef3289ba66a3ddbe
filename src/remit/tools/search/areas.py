"""Areas: what groups of tools there are, so that a search which found nothing can be put in another way."""

from collections import Counter
from collections.abc import Iterable

from remit.core.toolspec import ToolSpec
from remit.tools.search.words import words

_SHOWN = 24
_LONGEST = 40


def area(spec: ToolSpec) -> str:
    """Name where a tool comes from without the kind of it: `jira` for `openapi:jira`; empty when nobody says."""
    kind, _, source = spec.source.partition(":")
    return (source or kind)[:_LONGEST]


def areas(specs: Iterable[ToolSpec]) -> list[str]:
    """Name the areas of tools with how many each has, the largest first: by source, or else by how names begin."""
    specs = list(specs)
    found = Counter(area(spec) or _beginning(spec) for spec in specs)
    if len(found) < 2:
        found = Counter(_beginning(spec) for spec in specs)
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [f"{name} ({count})" for name, count in ordered[:_SHOWN]]
    left = len(ordered) - _SHOWN
    return [*named, f"{left} more"] if left > 0 else named


def _beginning(spec: ToolSpec) -> str:
    return next(iter(words(spec.name)), spec.name)
