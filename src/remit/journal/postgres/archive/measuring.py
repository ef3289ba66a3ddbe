"""Measuring: how full a database is, and who works on it."""

from dataclasses import dataclass

from remit.journal.postgres.address import Address
from remit.journal.postgres.archive.standing import PATIENCE
from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, Patience

_TABLES = ("sessions", "batches", "blobs")
_STATUSES = "SELECT status, count(*) FROM remit.sessions GROUP BY status ORDER BY status"
_SIZE = "SELECT coalesce(pg_total_relation_size(to_regclass($1)), 0)"
_QUEUE = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = to_regnamespace('remit_queue') AND relkind = 'r'"""
_WORKERS = "SELECT count(*) FROM remit.workers WHERE expires > clock_timestamp()"
_ARCHIVED = "SELECT (SELECT count(*) FROM remit.archived), (SELECT count(*) FROM remit.archives)"


@dataclass(frozen=True, slots=True)
class Measured:
    """What is in a database."""

    statuses: dict[str, int]
    """Sessions, by status."""
    sizes: dict[str, int]
    """Bytes on disk, with indexes, of the sessions, batches, blobs and the queue."""
    workers: int
    """Alive."""
    archived: int
    """Sessions in files."""
    archives: int
    """Files."""


async def measured(url: str, *, patience: Patience | None = None) -> Measured:
    """Measure a store of any version; raise `JournalError` when there is none or it cannot be reached."""
    lines = Lines(Address.of(url), patience or PATIENCE, 1)
    try:
        return await lines.do(_measure)
    finally:
        await lines.close()


async def _measure(line: Line) -> Measured:
    statuses = {str(status): int(count) for status, count in await line.fetch(_STATUSES)}
    sizes: dict[str, int] = {}
    for table in _TABLES:
        [[size]] = await line.fetch(_SIZE, f"remit.{table}")
        sizes[table] = int(size)
    [[queue]] = await line.fetch(_QUEUE)
    [[workers]] = await line.fetch(_WORKERS)
    [[known]] = await line.fetch("SELECT to_regclass('remit.archived') IS NOT NULL")
    [[archived, archives]] = await line.fetch(_ARCHIVED) if known else [[0, 0]]
    return Measured(statuses, sizes | {"queue": int(queue)}, int(workers), int(archived), int(archives))
