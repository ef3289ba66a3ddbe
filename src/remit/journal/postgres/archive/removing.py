"""Removing: takes out of the database what is surely in a file, if it is still what is in the file."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from remit.core.errors import CorruptJournalError
from remit.core.values import JsonValue
from remit.journal.postgres.archive.lines import SessionLine
from remit.journal.postgres.archive.reading import Content
from remit.journal.postgres.archive.steps import Heard
from remit.journal.postgres.door import Line

_LOCKED = """
SELECT number, (to_jsonb(one) - 'number')::text FROM remit.sessions AS one
WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE"""
_CHILDREN = """
SELECT parent FROM remit.sessions WHERE parent = ANY ($1::text[]) AND parent <> '' AND id <> ALL ($1::text[])"""
_BATCHES = """
WITH gone AS (
    DELETE FROM remit.batches WHERE session = ANY ($1::bigint[]) RETURNING session, octet_length(body) AS size
)
SELECT session, count(*), sum(size) FROM gone GROUP BY session"""
_ARCHIVE = "INSERT INTO remit.archives (id, file, sessions) VALUES ($1, $2, $3) RETURNING number"
_TOMBSTONES = """
INSERT INTO remit.archived SELECT id, tenant, $3 FROM unnest($1::text[], $2::text[]) AS gone (id, tenant)
ON CONFLICT (id) DO UPDATE SET archive = excluded.archive"""
_LOOSE = """
INSERT INTO remit.loose SELECT digest, clock_timestamp() FROM unnest($1::text[]) AS digest
ON CONFLICT (digest) DO UPDATE SET since = excluded.since"""


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed, and for which file."""

    file: str
    content: Content
    patience: float
    """Seconds for a lock; longer than anybody should hold one."""


async def remove(line: Line, removal: Removal, heard: Heard) -> int:
    """Remove all trees of a file that are as they are in it, in one transaction, and say how many sessions went.

    May be done again when nobody knows whether it was done: then it finds that out.
    """
    content = removal.content
    await line.execute("BEGIN")
    await line.execute(f"SET LOCAL lock_timeout = {int(removal.patience * 1000)}")
    known = await line.fetch("SELECT sessions FROM remit.archives WHERE id = $1", content.head.id)
    if known:
        await line.execute("COMMIT")
        return int(known[0][0])
    gone = await _intact(line, content)
    await _take(line, content, gone)
    [[number]] = await line.fetch(_ARCHIVE, content.head.id, removal.file, len(gone))
    names = sorted(gone)
    await line.execute(_TOMBSTONES, names, [content.sessions[name].line.tenant for name in names], int(number))
    blobs = {digest for name in names for digest in content.sessions[name].blobs}
    await line.execute(_LOOSE, sorted(blobs))
    await line.execute("DELETE FROM remit.restored WHERE id = ANY ($1::text[])", names)
    await line.execute("DELETE FROM remit.sessions WHERE number = ANY ($1::bigint[])", list(gone.values()))
    heard("removing", removal.file)
    await line.execute("COMMIT")
    return len(gone)


async def _intact(line: Line, content: Content) -> dict[str, int]:
    """Lock what is there, and give the numbers of those whose whole tree is as it is in the file, by name."""
    held = content.sessions
    there: dict[str, int] = {}
    for number, row in await line.fetch(_LOCKED, list(held)):
        now = SessionLine(msgspec.json.decode(row, type=dict[str, JsonValue]))
        # All of it: head and epoch, and also whether somebody wants it soon.
        if now == held[now.id].line:
            there[now.id] = int(number)
    with_others = {str(parent) for (parent,) in await line.fetch(_CHILDREN, list(held))}
    changed = {name for name in held if name not in there or name in with_others}
    tops = {name: _top(name, content) for name in held}
    staying = {tops[name] for name in changed}
    return {name: number for name, number in there.items() if tops[name] not in staying}


def _top(name: str, content: Content) -> str:
    above = content.sessions[name].line.parent
    return _top(above, content) if above in content.sessions else name


async def _take(line: Line, content: Content, gone: dict[str, int]) -> None:
    """Delete the batches; raise `CorruptJournalError` unless they are as many and as long as those in the file."""
    rows: Sequence[Sequence[int]] = await line.fetch(_BATCHES, list(gone.values()))
    taken = {int(number): (int(count), int(size)) for number, count, size in rows}
    for name, number in gone.items():
        held = content.sessions[name]
        if taken.get(number, (0, 0)) != (held.batches, held.size):
            raise CorruptJournalError(
                f"session {name!r} in {str(content.head.id)!r} is not what the database holds; nothing was removed"
            )
