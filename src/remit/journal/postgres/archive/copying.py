"""Copying: a session from the database into a file, a piece at a time, with the blobs that it names."""

import asyncio
import hashlib
import zlib
from collections.abc import Collection, Iterable

from remit.core.errors import CorruptJournalError
from remit.journal.postgres.archive.choosing import Chosen
from remit.journal.postgres.archive.lines import BatchLine, BlobLine
from remit.journal.postgres.archive.references import named
from remit.journal.postgres.archive.writing import Writer
from remit.journal.postgres.lines import Lines

_CRC = 4
# The bodies are only fetched for as many rows as make a page: the sums need no more than their lengths.
_PAGE = """
SELECT seq, at, mark, body FROM (
    SELECT seq, at, mark, body, sum(octet_length(body)) OVER page AS total, row_number() OVER page AS place
    FROM (SELECT * FROM remit.batches WHERE session = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT 2000) AS ahead
    WINDOW page AS (ORDER BY seq)
) AS sized WHERE place = 1 OR total < 4000000 ORDER BY seq"""


async def copied(lines: Lines, one: Chosen, writer: Writer) -> None:
    """Copy a session as it was when it was chosen; raise `CorruptJournalError` when it is damaged."""
    head = one.line.head
    await asyncio.to_thread(writer.write, one.line)
    last = 0
    while last < head:
        rows = await lines.do(lambda line, last=last: line.fetch(_PAGE, one.number, last, head))
        if not rows:
            break
        batches = [BatchLine(int(seq), int(at), int(mark), bytes(body)) for seq, at, mark, body in rows]
        fresh: set[str] = set()
        for batch in batches:
            if zlib.crc32(batch.body[_CRC:]) != int.from_bytes(batch.body[:_CRC], "big"):
                raise _damaged(lines, f"session {one.line.id!r} is damaged at event {batch.seq}")
            fresh |= {digest for digest in named(batch.body) if not writer.has(digest)}
        await _blobs(lines, fresh, writer)
        await asyncio.to_thread(_write, writer, batches)
        last = batches[-1].seq
    if last != head:
        raise _damaged(lines, f"session {one.line.id!r} ends at event {last} and not at {head}")


def _write(writer: Writer, batches: Iterable[BatchLine]) -> None:
    for batch in batches:
        writer.write(batch)


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
        await asyncio.to_thread(writer.write, BlobLine(str(digest), body))


def _damaged(lines: Lines, what: str) -> CorruptJournalError:
    return CorruptJournalError(f"{lines.address.place}: {what}; nothing was removed")
