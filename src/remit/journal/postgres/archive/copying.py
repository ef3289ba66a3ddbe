"""Copying: a session from the database into a file, a piece at a time, with the blobs that it names."""

import asyncio
import hashlib
import zlib
from collections.abc import Collection, Sequence

from remit.core.errors import CorruptJournalError
from remit.journal.postgres.archive.choosing import Chosen
from remit.journal.postgres.archive.lines import BatchLine, BlobLine
from remit.journal.postgres.archive.references import named
from remit.journal.postgres.archive.writing import Writer
from remit.journal.postgres.door import Row
from remit.journal.postgres.lines import Lines

_CRC = 4
_MANY = 100
"""Sessions that are read at once, when they are short."""

_PAGE_OF_MANY = """
SELECT session, seq, at, mark, body FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY session, seq) AS total
    FROM (SELECT * FROM remit.batches WHERE session = ANY ($1::bigint[]) ORDER BY session, seq LIMIT 5000) AS ahead
) AS sized WHERE total < 4000000 ORDER BY session, seq"""
# The bodies are only fetched for as many rows as make a page: the sums need no more than their lengths.
_PAGE = """
SELECT seq, at, mark, body FROM (
    SELECT seq, at, mark, body, sum(octet_length(body)) OVER page AS total, row_number() OVER page AS place
    FROM (SELECT * FROM remit.batches WHERE session = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT 2000) AS ahead
    WINDOW page AS (ORDER BY seq)
) AS sized WHERE place = 1 OR total < 4000000 ORDER BY seq"""


class Copying:
    """Copies sessions into one file, in the order in which they are listed."""

    def __init__(self, lines: Lines, writer: Writer, chosen: Sequence[Chosen]) -> None:
        """Read none yet."""
        self._lines, self._writer = lines, writer
        self._next = {one.number: place for place, one in enumerate(chosen)}
        self._chosen = chosen
        self._ahead: dict[int, list[BatchLine]] = {}

    async def copy(self, one: Chosen) -> None:
        """Copy a session as it was when it was chosen; raise `CorruptJournalError` when it is damaged."""
        head = one.line.head
        self._writer.write(one.line)
        last = 0
        if one.number not in self._ahead:
            await self._look_ahead(self._next[one.number])
        batches = self._ahead.pop(one.number, [])
        if not batches or batches[-1].seq < head:
            # It is long, and comes a page at a time.
            batches = await self._page(one, last)
        while batches:
            await self._write(one, [batch for batch in batches if batch.seq <= head])
            last = batches[-1].seq
            batches = await self._page(one, last) if last < head else []
        if last < head:
            raise _damaged(self._lines, f"session {one.line.id!r} ends at event {last} and not at {head}")

    async def _look_ahead(self, place: int) -> None:
        """Read many short sessions at once."""
        numbers = [one.number for one in self._chosen[place : place + _MANY]]
        self._ahead.clear()
        for session, *row in await self._lines.do(lambda line: line.fetch(_PAGE_OF_MANY, numbers)):
            self._ahead.setdefault(int(session), []).append(_batch(row))

    async def _page(self, one: Chosen, last: int) -> list[BatchLine]:
        rows = await self._lines.do(lambda line: line.fetch(_PAGE, one.number, last, one.line.head))
        return [_batch(row) for row in rows]

    async def _write(self, one: Chosen, batches: Sequence[BatchLine]) -> None:
        fresh: set[str] = set()
        for batch in batches:
            if zlib.crc32(batch.body[_CRC:]) != int.from_bytes(batch.body[:_CRC], "big"):
                raise _damaged(self._lines, f"session {one.line.id!r} is damaged at event {batch.seq}")
            fresh |= {digest for digest in named(batch.body) if not self._writer.has(digest)}
        await _blobs(self._lines, fresh, self._writer)
        for batch in batches:
            self._writer.write(batch)
        await _flushed(self._writer)


def _batch(row: Row) -> BatchLine:
    seq, at, mark, body = row
    return BatchLine(int(seq), int(at), int(mark), bytes(body))


async def _flushed(writer: Writer) -> None:
    if writer.due:
        await asyncio.to_thread(writer.flush)


async def _blobs(lines: Lines, digests: Collection[str], writer: Writer) -> None:
    """Copy those of these that there are: what only looks like a digest is none."""
    if not digests:
        return
    there = await lines.do(
        lambda line: line.fetch("SELECT digest FROM remit.blobs WHERE digest = ANY ($1::text[])", sorted(digests))
    )
    for (digest,) in there:
        rows = await lines.do(
            lambda line, digest=digest: line.fetch("SELECT body FROM remit.blobs WHERE digest = $1", digest)
        )
        body = bytes(rows[0][0])
        if hashlib.sha256(body).hexdigest() != digest:
            raise _damaged(lines, f"blob {digest!r} is damaged")
        writer.write(BlobLine(str(digest), body))
        await _flushed(writer)


def _damaged(lines: Lines, what: str) -> CorruptJournalError:
    return CorruptJournalError(f"{lines.address.place}: {what}; nothing was removed")
