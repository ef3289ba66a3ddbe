"""A stock of sessions to be archived, and all that a database holds of them."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from tests.journal.postgres.asking import ask

from remit.core.events import (
    EffectEnded,
    Event,
    MessageReceived,
    RunEnded,
    RunOpened,
    SessionClosed,
    SessionOpened,
    Tree,
)
from remit.core.limits import Limits
from remit.core.messages import Outcome, Part
from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.archive import Plan

NOW = -60.0
"""Older than the future: all that is over goes."""


def plan(folder: Path, older: float = NOW, *, sessions: int = 500, size: int = 1 << 25, grace: float = 86_400) -> Plan:
    return Plan(folder=folder, older=older, sessions=sessions, size=size, grace=grace)


def opened(parent: str = "", tenant: str = "t") -> SessionOpened:
    return SessionOpened("a", "1", "react@1", {}, tenant, Tree(parent or "s", parent), Limits(), {"default": "m"})


def over(text: str = "hi", parent: str = "", blob: str = "") -> list[Event]:
    """Give the events of a session whose run ended."""
    parts = (Part("image/png", blob),) if blob else ()
    run: list[Event] = [RunOpened(1, "react@1", "w", 5), RunEnded(1, "done", text)]
    return [opened(parent), MessageReceived(text, parts=parts), *run]


async def ended(journal: PostgresJournal, name: str, *, parent: str = "", blob: str = "") -> None:
    """Have a session that is over, in several batches."""
    events = over(name, parent, blob)
    await journal.append(name, events[:2], after=0)
    await journal.append(name, events[2:3], after=2)
    await journal.append(name, events[3:], after=3)


async def closed(journal: PostgresJournal, name: str) -> None:
    await journal.append(name, [opened(), SessionClosed("ann")], after=0)


def kept(digest: str) -> Event:
    """Give an event that names a blob as the result of a call."""
    return EffectEnded(Outcome("c", "ok", "cut", digest, 48), 0)


def digest(body: bytes) -> str:
    return sha256(body).hexdigest()


_DUMP = """
SELECT one.id, (to_jsonb(one) - 'number')::text, batches.seq, batches.at, batches.mark, batches.body
FROM remit.sessions AS one LEFT JOIN remit.batches ON batches.session = one.number
{} ORDER BY one.id COLLATE "C", batches.seq"""


def dump(url: str, where: str = "") -> list[tuple[object, ...]]:
    """Give all that is there of sessions, but for the numbers of rows."""
    return [tuple(row) for row in ask(url, _DUMP.format(where))]


def raw(file: Path) -> bytes:
    return file.read_bytes()


def put(file: Path, body: bytes) -> None:
    file.write_bytes(body)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def names(url: str) -> list[str]:
    return [row[0] for row in ask(url, 'SELECT id FROM remit.sessions ORDER BY id COLLATE "C"')]


def blobs(url: str) -> Sequence[str]:
    return [row[0] for row in ask(url, "SELECT digest FROM remit.blobs ORDER BY 1")]


def batches(url: str) -> int:
    return int(ask(url, "SELECT count(*) FROM remit.batches")[0][0])
