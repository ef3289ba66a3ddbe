"""Writing: what records brought goes into the file together with how far each session was read.

What a record brought counts once, whoever brings it and however often: it is written only when the session's cursor
stands before it, and the cursor moves in the same transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from remit.core.ports import SessionRow
from remit.core.values import usd
from remit.server.projection.files import DamagedError
from remit.server.projection.lives import Brought, Key, Life, Raised
from remit.server.projection.port import Summary

SHIFT = 24
"""Where the number of a session begins in the number of a message; below it is its place in the session."""

_COLUMNS = (
    "id", "seq", "listed", "looked", "running", "tenant", "agent", "status", "ended", "why", "about", "parent",
    "opened", "changed", "runs", "steps", "tokens", "cost", "approvals", "questions", "doubts", "oldest", "queued",
    "flags", "kinds",
)  # fmt: skip
_INSERT = f"INSERT INTO sessions ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_UPDATE = f"UPDATE sessions SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE number = ?"

_amounts = msgspec.msgpack.Decoder(dict[str, int])
_AT_REST_MS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a session stands, as a row of the file."""

    row: SessionRow
    values: tuple[str | int, ...]
    summary: Summary


@dataclass(slots=True)
class Batch:
    """What came of one session since the last was written."""

    base: int
    """The record before its first."""
    seq: int = 0
    """Its last."""
    brought: list[Brought] = field(default_factory=list[Brought])
    line: Line | None = None
    """How the session stands after that; `None` while its life is asked."""


def line_of(life: Life, now: int) -> Line:
    """Write how a session stands as a row, without how far it was read."""
    totals = life.totals
    # A journal may begin without `SessionOpened` in tests and imports; it is nobody's.
    row = life.row or SessionRow(life.session, "", "", "idle", totals.changed, totals.changed)
    # Looked at again after a restart unless it had been at rest for a while when it was read.
    looked = row.changed + (now - totals.changed > _AT_REST_MS)
    summary = Summary(
        id=row.id,
        agent=row.agent,
        status=row.status,
        why=row.why,
        about=totals.about,
        opened=row.opened,
        changed=totals.changed,
        parent=row.parent,
        runs=totals.runs,
        steps=totals.steps,
        tokens=totals.tokens,
        cost_usd=usd(totals.cost),
        waits=sum(life.waits),
        flags=totals.flags,
    )
    values = (
        row.changed, looked, row.status == "running", row.tenant, row.agent, row.status, totals.ended, row.why,
        totals.about, row.parent, row.opened, totals.changed, totals.runs, totals.steps, totals.tokens, totals.cost,
        *life.waits, life.oldest, life.queued, totals.flags, totals.kinds,
    )  # fmt: skip
    return Line(row=row, values=values, summary=summary)


def write(db: sqlite3.Connection, batches: Sequence[tuple[Batch, Line]]) -> None:
    """Write batches, within a transaction; raise `DamagedError` where what went before them is not there."""
    figures: dict[tuple[str, Key], Counter[str]] = {}
    for batch, line in batches:
        written = _written(db, batch, line)
        if written is None:
            continue
        number, stood = written
        for brought in batch.brought:
            if brought.seq > stood:
                _bring(db, number, line.row.tenant, brought)
                for key, amounts in brought.figures.items():
                    figures.setdefault((line.row.tenant, key), Counter()).update(amounts)
    _count(db, figures)


def _written(db: sqlite3.Connection, batch: Batch, line: Line) -> tuple[int, int] | None:
    """Move a session's cursor; give its number and where it stood, or `None` when it is further already."""
    row = line.row
    found = db.execute("SELECT number, seq, agent, status FROM sessions WHERE id = ?", (row.id,)).fetchone()
    number, stood, agent, status = found or (0, 0, "", "")
    if stood < batch.base:
        raise DamagedError(f"session {row.id!r} was read up to {batch.base}, but views only hold it up to {stood}")
    if stood >= batch.seq:
        return None
    values = (row.id, batch.seq, *line.values)
    if found is None:
        number = int(db.execute(_INSERT, values).lastrowid or 0)
    else:
        db.execute(_UPDATE, (*values, number))
    if (agent, status) != (row.agent, row.status):
        _stand(db, row.tenant, row.agent, row.status, 1)
        if found is not None:
            _stand(db, row.tenant, agent, status, -1)
    return number, stood


def _stand(db: sqlite3.Connection, tenant: str, agent: str, status: str, by: int) -> None:
    db.execute(
        "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions",
        (tenant, agent, status, by),
    )


def _bring(db: sqlite3.Connection, number: int, tenant: str, brought: Brought) -> None:
    if brought.said:
        rowid, text = number << SHIFT | brought.seq, brought.said.encode(errors="replace").decode()
        db.execute("INSERT INTO said (rowid, text) VALUES (?, ?)", (rowid, text))
    if brought.raised is not None:
        db.execute("INSERT INTO flags VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                   (number, brought.seq, tenant, *_flag(brought.raised)))  # fmt: skip
    if brought.settled:
        db.execute("UPDATE flags SET resolved = 1 WHERE session = ? AND call = ? AND kind = 'in_doubt'",
                   (number, brought.settled))  # fmt: skip


def _flag(raised: Raised) -> tuple[int | str, ...]:
    return raised.at, raised.kind, raised.what, raised.level, raised.reason, raised.call, raised.tool


def _count(db: sqlite3.Connection, figures: dict[tuple[str, Key], Counter[str]]) -> None:
    for (tenant, key), amounts in figures.items():
        found = db.execute(
            "SELECT amounts FROM hours WHERE tenant = ? AND hour = ? AND kind = ? AND name = ?", (tenant, *key)
        ).fetchone()
        summed = amounts if found is None else summed_up(amounts, found[0])
        kept = {name: amount for name, amount in summed.items() if amount}
        db.execute("INSERT OR REPLACE INTO hours VALUES (?, ?, ?, ?, ?)",
                   (tenant, *key, msgspec.msgpack.encode(kept, order="sorted")))  # fmt: skip


def summed_up(amounts: Counter[str], body: bytes) -> Counter[str]:
    """Add what an hour holds to amounts."""
    amounts.update(_amounts.decode(body))
    return amounts
