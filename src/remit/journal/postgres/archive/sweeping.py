"""Sweeping: removes blobs which are in an archive and which no session in the database names.

Only blobs that a session in a checked file named are looked at, and only a day after the last such session went: by
then whoever had read that session, to fork it for instance, has written what names them. Whoever puts one again takes
it off the list, in a trigger of the table, so that it stays whatever is written about it later.
"""

import msgspec

from remit.journal.postgres.archive.references import named
from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines

GRACE = 86_400.0
"""Seconds between the removal of a session and that of its blobs."""

_MOST = 50_000
"""Blobs in a sweep."""
_STEP = 500
"""Blobs in a transaction."""

_LOOSE = """
SELECT digest FROM remit.loose WHERE since < clock_timestamp() - make_interval(secs => $1) ORDER BY since LIMIT $2"""
# The bodies are only fetched for as many rows as make a page: the sums need no more than their lengths.
_PAGE = """
SELECT session, seq, body FROM (
    SELECT session, seq, body, sum(octet_length(body)) OVER page AS total, row_number() OVER page AS place
    FROM (SELECT session, seq, body FROM remit.batches WHERE (session, seq) > ($1, $2)
          ORDER BY session, seq LIMIT 5000) AS ahead
    WINDOW page AS (ORDER BY session, seq)
) AS sized WHERE place = 1 OR total < 8000000 ORDER BY session, seq"""
_KEPT = """
DELETE FROM remit.loose WHERE digest = ANY ($1::text[]) AND since < clock_timestamp() - make_interval(secs => $2)"""
_GONE = _KEPT + " RETURNING digest"


async def sweep(lines: Lines, grace: float = GRACE) -> int:
    """Remove them, and say how many; safe beside everybody who works meanwhile, and beside another sweep."""
    rows = await lines.do(lambda line: line.fetch(_LOOSE, grace, _MOST))
    loose = {str(digest) for (digest,) in rows}
    if not loose:
        return 0
    wanted = await _wanted(lines, loose)
    await lines.do(lambda line: line.execute(_KEPT, sorted(wanted), grace))
    unwanted, removed = sorted(loose - wanted), 0
    for first in range(0, len(unwanted), _STEP):
        some = unwanted[first : first + _STEP]
        removed += await lines.do(lambda line, some=some: _remove(line, some, grace))
    return removed


async def _wanted(lines: Lines, loose: set[str]) -> set[str]:
    """Read all events, and give those of these blobs that one of them names."""
    wanted: set[str] = set()
    session = seq = -1
    while wanted != loose:
        rows = await lines.do(lambda line, at=(session, seq): line.fetch(_PAGE, *at))
        if not rows:
            break
        for session, seq, body in rows:  # noqa: B007 - where the next page begins
            wanted |= _read(bytes(body)) & loose
    return wanted


def _read(body: bytes) -> set[str]:
    try:
        return named(body)
    except msgspec.MsgspecError:
        # A damaged batch may name anything; it says so itself when it is read.
        text = body.decode("latin-1")
        return {text[at : at + 64] for at in range(len(text) - 63)}


async def _remove(line: Line, digests: list[str], grace: float) -> int:
    await line.execute("BEGIN")
    # Whoever has put one meanwhile took it off the list, or waits for us and then puts it anew.
    rows = await line.fetch(_GONE, digests, grace)
    await line.execute("DELETE FROM remit.blobs WHERE digest = ANY ($1::text[])", [digest for (digest,) in rows])
    await line.execute("COMMIT")
    return len(rows)
