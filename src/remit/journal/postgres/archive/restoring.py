"""Restoring: puts sessions of an archive back as they were, each in one transaction, none of them over another."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from remit.core.errors import UnknownSessionError
from remit.core.values import JsonValue
from remit.journal.postgres.archive.lines import BatchLine, SessionLine
from remit.journal.postgres.archive.reading import blobs_of, content_of, sessions_of
from remit.journal.postgres.archive.standing import lines_to
from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, Patience

_THERE = "SELECT number, (to_jsonb(one) - 'number')::text FROM remit.sessions AS one WHERE id = $1 FOR UPDATE"
_BATCHES = "SELECT seq, at, mark, sha256(body) FROM remit.batches WHERE session = $1 ORDER BY seq"
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = 'remit.sessions'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'number'"""
_WHERE = """
SELECT archives.id, archives.file FROM remit.archived JOIN remit.archives ON archives.number = archived.archive
WHERE archived.id = $1 FOR UPDATE OF archived"""
_PUT = """
INSERT INTO remit.batches SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])"""
_RESTORED = """
INSERT INTO remit.restored VALUES ($1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET at = excluded.at"""
_PAGE = 4 << 20


@dataclass(slots=True)
class Restored:
    """What came of it."""

    restored: list[str]
    there: list[str]
    """Sessions that were in the database already, exactly as in the file."""
    refused: dict[str, str]
    """Sessions that were not put back, and why."""


async def restore(url: str, path: Path, sessions: Iterable[str] = (), *, patience: Patience | None = None) -> Restored:
    """Put the sessions of a file back, or only these of them; it may be done any number of times.

    Nothing is done before all of the file was checked. Raise `CorruptJournalError` when it is damaged,
    `NewerSchemaError` when it is too new, `UnknownSessionError` when it does not hold a session that is wanted.
    """
    content = await asyncio.to_thread(content_of, path)
    wanted = set(sessions) or set(content.sessions)
    missing = sorted(wanted - set(content.sessions))
    if missing:
        raise UnknownSessionError(f"{str(path)!r} holds no session {missing[0]!r}; nothing was changed")
    needed = {digest for name in wanted for digest in content.sessions[name].blobs}
    result = Restored([], [], {})
    async with lines_to(url, patience) as lines:
        # Before what names them: a blob that nobody names does no harm.
        await _blobs(lines, path, needed)
        archive = content.head.id
        for session, batches in sessions_of(path):
            if session.id in wanted:
                back = _Session(archive, session, batches)
                why = await lines.do(lambda line, back=back: _put_back(line, back))
                _told(result, session.id, why)
    return result


@dataclass(frozen=True, slots=True)
class _Session:
    archive: str
    line: SessionLine
    batches: list[BatchLine]


def _told(result: Restored, session: str, why: str | None) -> None:
    if why is None:
        result.there.append(session)
    elif why:
        result.refused[session] = why
    else:
        result.restored.append(session)


async def _blobs(lines: Lines, path: Path, needed: set[str]) -> None:
    if not needed:
        return
    for blob in blobs_of(path):
        if blob.digest in needed:
            await lines.do(
                lambda line, blob=blob: line.execute(
                    "INSERT INTO remit.blobs VALUES ($1, $2) ON CONFLICT DO NOTHING", blob.digest, blob.body
                )
            )


async def _put_back(line: Line, back: _Session) -> str | None:
    """Put one back: empty when that was done, `None` when it is there already, else why not."""
    await line.execute("BEGIN")
    why = await _refusal(line, back)
    if why == "":
        await _insert(line, back)
    await line.execute("COMMIT")
    return why


async def _refusal(line: Line, back: _Session) -> str | None:
    rows = await line.fetch(_THERE, back.line.id)
    if rows:
        [[number, row]] = rows
        now = msgspec.json.decode(row, type=dict[str, JsonValue])
        same = all(now[name] == value for name, value in back.line.row.items() if name in now)
        if same and await _same(line, int(number), back.batches):
            return None
        return "another session of this name, or one that went on, is in the database; it was left as it is"
    for archive, file in await line.fetch(_WHERE, back.line.id):
        if archive != back.archive:
            return f"it was archived again later, to {file}; restore it from there"
    return ""


async def _same(line: Line, number: int, batches: list[BatchLine]) -> bool:
    rows = await line.fetch(_BATCHES, number)
    have = [(int(seq), int(at), int(mark), bytes(body)) for seq, at, mark, body in rows]
    return have == await asyncio.to_thread(_summed, batches)


def _summed(batches: list[BatchLine]) -> list[tuple[int, int, int, bytes]]:
    return [(batch.seq, batch.at, batch.mark, sha256(batch.body).digest()) for batch in batches]


def _pages(batches: list[BatchLine]) -> Iterator[list[BatchLine]]:
    page: list[BatchLine] = []
    size = 0
    for batch in batches:
        if page and size + len(batch.body) > _PAGE:
            yield page
            page, size = [], 0
        page.append(batch)
        size += len(batch.body)
    if page:
        yield page


async def _insert(line: Line, back: _Session) -> None:
    name = back.line.id
    await line.execute("DELETE FROM remit.archived WHERE id = $1", name)
    columns = [f'"{column}"' for (column,) in await line.fetch(_COLUMNS) if column in back.line.row]
    listed = ", ".join(columns)
    [[number]] = await line.fetch(
        f"INSERT INTO remit.sessions ({listed}) SELECT {listed} "
        "FROM jsonb_populate_record(null::remit.sessions, $1::text::jsonb) RETURNING number",
        msgspec.json.encode(back.line.row).decode(),
    )
    for page in _pages(back.batches):
        await line.execute(
            _PUT,
            number,
            [batch.seq for batch in page],
            [batch.at for batch in page],
            [batch.mark for batch in page],
            [batch.body for batch in page],
        )
    await line.execute(_RESTORED, name)
