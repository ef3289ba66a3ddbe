"""Choosing: the sessions that may go. A tree goes whole or not at all, and only when nobody has touched it for long."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import msgspec

from remit.core.values import JsonValue
from remit.journal.postgres.archive.lines import SessionLine
from remit.journal.postgres.lines import Lines

ENDED = ("done", "failed", "refused", "stopped", "cancelled")
"""How the last run of a session may have ended that is not closed. One that diverged waits for somebody to look."""

_ROOTS = 100
"""Trees in a look."""

# A batch may be later than the row says: not every event changes the row.
_FITS = """
    one.owner = '' AND NOT one.stirred AND one.wake IS NULL AND one.parked IS NULL
    AND (one.status = 'closed' OR (one.status = 'idle' AND one.why = ANY ($2::text[])))
    AND one.changed < $1
    AND NOT EXISTS (SELECT FROM remit.batches WHERE session = one.number AND seq = one.head AND at >= $1)
    AND NOT EXISTS (SELECT FROM remit.restored WHERE id = one.id AND extract(epoch FROM at) * 1000 >= $1)"""
_TREES = f"""
WITH RECURSIVE roots AS MATERIALIZED (
    SELECT number, id FROM remit.sessions AS one
    WHERE number > $3 AND ($5 = '' OR id = $5) AND {_FITS}
    AND (parent = '' OR NOT EXISTS (SELECT FROM remit.sessions AS above WHERE above.id = one.parent))
    ORDER BY number LIMIT $4
), tree AS (
    SELECT number AS root, number, id FROM roots
    UNION
    SELECT tree.root, below.number, below.id
    FROM tree JOIN remit.sessions AS below ON below.parent = tree.id AND below.parent <> ''
)
SELECT tree.root, one.number, (to_jsonb(one) - 'number')::text, {_FITS}
FROM tree JOIN remit.sessions AS one ON one.number = tree.number ORDER BY tree.root, one.number"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A session that may go."""

    number: int
    line: SessionLine


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sessions are asked for."""

    before: int
    """Milliseconds since the epoch: unchanged since then."""
    root: str = ""
    """Only the tree of this one; all when empty."""


async def trees(lines: Lines, choice: Choice) -> AsyncGenerator[list[Chosen]]:
    """Give one tree after the other, roots first, in the order in which they were opened."""
    last = 0
    while True:
        rows = await lines.do(
            lambda line, last=last: line.fetch(_TREES, choice.before, list(ENDED), last, _ROOTS, choice.root)
        )
        if not rows:
            return
        found: dict[int, list[Chosen]] = {}
        staying: set[int] = set()
        for root, number, row, fits in rows:
            line = SessionLine(msgspec.json.decode(row, type=dict[str, JsonValue]))
            found.setdefault(int(root), []).append(Chosen(int(number), line))
            if not fits:
                staying.add(int(root))
        for root, tree in found.items():
            if root not in staying:
                yield tree
        last = max(found)
