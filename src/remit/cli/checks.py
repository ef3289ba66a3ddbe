"""Checks: one question each about this machine and a store, answered in a line."""

import os
import platform
import re
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from remit.cli.places import ALL, JOURNAL, WORKERS, fallen, living, stored
from remit.cli.stores import is_url
from remit.core.errors import ConfigError, JournalError
from remit.core.events import SCHEMA
from remit.core.ports import SessionQuery, SessionRow, Store
from remit.core.token import VARIABLE
from remit.core.values import now_ms
from remit.home import SHARED_KEY, shared_key
from remit.journal import SqliteJournal
from remit.journal.postgres import Address
from remit.telemetry import duration

Level = Literal["ok", "note", "broken"]

_KEYS = re.compile(r".*_(API_KEY|BASE_URL|TOKEN)|REMIT_.*|JIRA_.*|SMTP_.*|DESK_.*")
_BUILT_AT = 1_767_225_600
"""2026-01-01 in seconds since the epoch: a clock that stands before it is wrong."""
_OLDEST_SQLITE = (3, 35, 0)
"""The first with `RETURNING`."""
_QUICK_BYTES = 64 << 20
"""Files up to this size are looked through for damage."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    level: Level
    text: str


def machine() -> Iterator[Finding]:
    """Look at Python, the libraries, the clock, the terminal and the environment."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "broken", python)
    yield Finding("remit", "ok", version("remit"))
    yield from _libraries()
    yield _sqlite()
    yield clock(time.time())
    yield _terminal()
    yield _environment()


def _libraries() -> Iterator[Finding]:
    missing: dict[str, list[str]] = {}
    found = list[str]()
    for wanted in requires("remit") or []:
        name = re.split(r"[^\w.-]", wanted, maxsplit=1)[0]
        if name == "remit":
            # An extra that is made of others.
            continue
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", wanted)
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.setdefault(extra[1] if extra else "", []).append(name)
    yield Finding("libraries", "ok", ", ".join(found))
    for extra, names in missing.items():
        what = f"remit[{extra}]" if extra else "remit"
        yield Finding("libraries", "note" if extra else "broken", f"missing {', '.join(names)}: pip install '{what}'")


def _sqlite() -> Finding:
    old = sqlite3.sqlite_version_info < _OLDEST_SQLITE
    text = f"{sqlite3.sqlite_version}, thread safety {sqlite3.threadsafety}"
    return Finding("sqlite", "broken" if old else "ok", f"{text}; 3.35 or newer is needed" if old else text)


def clock(now: float) -> Finding:
    """Look at the wall clock, in seconds since the epoch."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _BUILT_AT:
        return Finding("clock", "broken", f"{shown} cannot be: approvals and daily budgets go by it; set the clock")
    return Finding("clock", "ok", shown)


def _terminal() -> Finding:
    encoding = (sys.stdout.encoding or "ascii").lower()
    kind = f"{os.environ.get('TERM', 'unknown')}" if sys.stdout.isatty() else "none; output goes to a file or pipe"
    if "utf" not in encoding:
        return Finding("terminal", "note", f"{kind}, {encoding}: PYTHONUTF8=1 shows text of every language")
    return Finding("terminal", "ok", f"{kind}, {encoding}")


def _environment() -> Finding:
    names = sorted(name for name, value in os.environ.items() if value and _KEYS.fullmatch(name))
    inside = (
        f"; {VARIABLE} is set, so new sessions are children of the one it was given to" if VARIABLE in names else ""
    )
    return Finding("environment", "ok", f"set: {', '.join(names) or 'none of the keys Remit looks for'}{inside}")


async def place(where: str) -> AsyncIterator[Finding]:
    """Look at a store, its workers and its sessions; nothing but the files of dead workers is changed."""
    if is_url(where):
        async for finding in _shared(where):
            yield finding
        return
    folder = Path(where)
    journal = folder / JOURNAL
    if not journal.exists():
        yield _absent(folder)
        return
    try:
        store = SqliteJournal(journal)
    except (JournalError, OSError) as error:
        yield Finding("store", "broken", str(error))
        return
    try:
        yield _journal(journal)
        yield _key(folder / "key")
        yield await workers(folder)
        async for finding in _sessions(where, store):
            yield finding
    except JournalError as error:
        yield Finding("store", "broken", str(error))
    finally:
        await store.close()


async def _shared(url: str) -> AsyncIterator[Finding]:
    """Look at a store in a database, and at the key that its machines share."""
    try:
        shared_key()
        yield Finding("key", "ok", f"{SHARED_KEY} is set")
    except ConfigError as error:
        yield Finding("key", "broken", str(error))
    try:
        async with stored(url) as store:
            yield Finding("store", "ok", Address.of(url).place)
            async for finding in _sessions(url, store):
                yield finding
    except (ConfigError, JournalError) as error:
        yield Finding("store", "broken", str(error))


def _absent(folder: Path) -> Finding:
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return Finding("store", "ok", f"none at {str(folder)!r} yet; `remit run` makes it")
    return Finding("store", "broken", f"none at {str(folder)!r}, and {str(above)!r} cannot be written to")


def _journal(path: Path) -> Finding:
    """Take and give back the write lock, ask for the mode, and look through a file that is not too large."""
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
        size = path.stat().st_size
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0] if size <= _QUICK_BYTES else "ok"
    except sqlite3.Error as error:
        return Finding("store", "broken", f"{path} cannot be written: {error}")
    finally:
        connection.close()
    text = f"{path}, {size:,} bytes, schema {schema} of {SCHEMA}, {mode} mode"
    if damage != "ok":
        return Finding("store", "broken", f"{text}: damaged ({damage}); restore it from a backup")
    if mode != "wal":
        return Finding("store", "broken", f"{text}: WAL is not possible here; is it a network drive? Use a local one")
    return Finding("store", "ok", text)


def _key(path: Path) -> Finding:
    if not path.exists():
        return Finding("key", "note", f"none at {path} yet; the first run makes it")
    status = path.stat()
    if status.st_size != 32:
        return Finding("key", "broken", f"{path} does not hold a key of 32 bytes; move it away to have a new one made")
    if status.st_mode & 0o077:
        return Finding("key", "broken", f"{path} can be read by others, who could sign tokens: chmod 600 {path}")
    return Finding("key", "ok", f"{path}, only yours to read")


async def workers(folder: Path) -> Finding:
    """Count the living workers of a store and take away what dead ones left."""
    known = folder / WORKERS
    names = [path.name for path in known.iterdir()] if known.is_dir() else []
    alive = await living(str(folder), names)
    dead = len(names) - len(alive)
    text = f"{len(alive)} at work"
    if dead:
        return Finding("workers", "note", f"{text}; {dead} died without a word, their leftovers are taken away now")
    return Finding("workers", "ok", text)


async def _sessions(where: str, store: Store) -> AsyncIterator[Finding]:
    rows = await store.sessions(SessionQuery(limit=ALL))
    ahead = max((row.changed for row in rows), default=0) - now_ms()
    if ahead > 60_000:
        yield Finding("clock", "broken", f"a session was changed {duration(ahead)} from now: the clock went back")
    crashed = await fallen(where, store, rows)
    yield Finding("sessions", "ok", f"{len(rows)} in all")
    yield _those("waiting", [row for row in rows if row.status == "waiting"], "`remit show ID` says for what")
    yield _those("crashed", [row for row in rows if row.id in crashed], "`remit resume ID` goes on")


def _those(name: str, rows: list[SessionRow], way: str) -> Finding:
    if not rows:
        return Finding(name, "ok", "no session")
    shown = ", ".join(f"{row.id} ({row.agent}{', ' + row.why if row.why else ''})" for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return Finding(name, "note", f"{shown}{more}; {way}")
