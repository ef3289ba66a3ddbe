"""SqliteAccessStore: keys, logins and switches in one file of the home, the audit log in another; processes may share
them.

Reads are done at once, on a connection that only reads and waits for nobody; writes are done in threads. The log is a
file of its own so that it can be moved away, and the file itself refuses to change or to take away a line.
"""

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from remit.core.errors import ConfigError, RemitError
from remit.core.values import now_ms
from remit.server.access.cookies import Login
from remit.server.access.keys import Key
from remit.server.access.records import AuditRecord
from remit.server.switches.port import Switch, Switchable

FILE = "access.db"
LOG = "audit.db"
"""What the files in a home are called."""

T = TypeVar("T")

_KEYS_ID, _LOG_ID = 0x52454D41, 0x52454D55
"""SQLite's application ids of the two: `REMA` and `REMU`."""
_BUSY_SECONDS = 10.0

_KEY_TABLES = (
    (
        "CREATE TABLE keys (id TEXT PRIMARY KEY, digest BLOB NOT NULL, tenant TEXT NOT NULL, role TEXT NOT NULL, "
        "name TEXT NOT NULL, made INTEGER NOT NULL, by TEXT NOT NULL, expires INTEGER NOT NULL, ends INTEGER NOT NULL, "
        "used INTEGER NOT NULL, heir TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE logins (digest BLOB PRIMARY KEY, key TEXT NOT NULL, made INTEGER NOT NULL, "
        "seen INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        "CREATE TABLE switches (tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, by TEXT NOT NULL, "
        "at INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (tenant, kind, name)) WITHOUT ROWID",
    ),
)
"""What each schema added to the one before."""
_LOG_TABLES = (
    (
        # AUTOINCREMENT: a number is never given twice, so a line that is gone leaves a gap.
        "CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX log_by_tenant ON log (tenant, seq)",
        "CREATE TRIGGER log_is_not_changed BEFORE UPDATE ON log "
        "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
        # REPLACE deletes without asking the trigger for that.
        "CREATE TRIGGER log_is_not_replaced BEFORE INSERT ON log WHEN EXISTS (SELECT 1 FROM log WHERE seq = NEW.seq) "
        "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
        "CREATE TRIGGER log_is_not_cut BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    ),
)
_LAST = 2**63 - 1
_ONE = "SELECT kind, name, tenant, by, at, reason FROM switches WHERE tenant = ? AND kind = ? AND name = ?"
_SWITCH = ", ".join(Switch.__struct_fields__)
_KEY = ", ".join(Key.__struct_fields__)


class SqliteAccessStore:
    """The default store of access."""

    def __init__(self, folder: str | Path) -> None:
        """Open or create the files, readable by their owner only; raise `ConfigError` for what is something else."""
        self._access = _File(Path(folder) / FILE, _KEYS_ID, _KEY_TABLES)
        try:
            self._log = _File(Path(folder) / LOG, _LOG_ID, _LOG_TABLES)
        except BaseException:
            self._access.close()
            raise
        self.keys, self.logins = SqliteKeyStore(self._access), SqliteLoginStore(self._access)
        self.switches, self.log = SqliteSwitchStore(self._access), SqliteAuditLog(self._log)

    @property
    def paces(self) -> None:
        """See `AccessStore.paces`: one server has the home."""

    def now(self) -> int:
        """See `AccessStore.now`: one machine has one clock."""
        return now_ms()

    async def close(self) -> None:
        """See `AccessStore.close`."""
        await asyncio.to_thread(self._access.close)
        await asyncio.to_thread(self._log.close)


class _File:
    """A connection that writes, in threads, and one that reads."""

    def __init__(self, path: Path, application: int, tables: Sequence[Sequence[str]]) -> None:
        self.path, self._lock = path, threading.Lock()
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._writer = _connect(path)
            try:
                _create(self._writer, path, application, tables)
                self._reader = _connect(path)
                self._reader.execute("PRAGMA query_only = ON")
            except BaseException:
                self._writer.close()
                raise

    def read(self, question: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with _explained(self.path):
            return self._reader.execute(question, values).fetchall()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def locked() -> T:
            with self._lock, _explained(self.path):
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    done = work(self._writer)
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                self._writer.execute("COMMIT")
                return done

        # What was begun is finished, whatever becomes of the request: a half-known write is worse than a late one.
        return await asyncio.shield(asyncio.to_thread(locked))

    def close(self) -> None:
        with self._lock:
            self._reader.close()
            self._writer.close()


class SqliteKeyStore:
    """See `KeyStore`."""

    def __init__(self, file: _File) -> None:
        """Keep them in a file."""
        self._file = file

    async def add(self, key: Key) -> None:
        """See `KeyStore.add`."""
        await self._file.write(lambda db: _insert(db, key))

    async def get(self, name: str) -> Key | None:
        """See `KeyStore.get`."""
        found = self._file.read(f"SELECT {_KEY} FROM keys WHERE id = ?", (name,))
        return _key(found[0]) if found else None

    async def all(self, tenant: str | None = None) -> Sequence[Key]:
        """See `KeyStore.all`."""
        question = f"SELECT {_KEY} FROM keys WHERE ?1 IS NULL OR tenant = ?1 ORDER BY made, id"
        return [_key(row) for row in self._file.read(question, (tenant,))]

    async def end(self, name: str, at: int) -> bool:
        """See `KeyStore.end`."""
        change = "UPDATE keys SET ends = CASE ends WHEN 0 THEN ?2 ELSE min(ends, ?2) END WHERE id = ?1"
        return await self._file.write(lambda db: db.execute(change, (name, at)).rowcount > 0)

    async def rotate(self, name: str, heir: Key, at: int) -> bool:
        """See `KeyStore.rotate`."""
        change = "UPDATE keys SET ends = ?, heir = ? WHERE id = ? AND heir = '' AND ends = 0"

        def work(db: sqlite3.Connection) -> bool:
            if db.execute(change, (at, heir.id, name)).rowcount == 0:
                return False
            _insert(db, heir)
            return True

        return await self._file.write(work)

    async def touch(self, name: str, at: int) -> None:
        """See `KeyStore.touch`."""
        await self._file.write(lambda db: db.execute("UPDATE keys SET used = max(used, ?) WHERE id = ?", (at, name)))


class SqliteLoginStore:
    """See `LoginStore`."""

    def __init__(self, file: _File) -> None:
        """Keep them in a file."""
        self._file = file

    async def begin(self, login: Login, *, before: int) -> None:
        """See `LoginStore.begin`."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM logins WHERE made < ?", (before,))
            db.execute("INSERT INTO logins VALUES (?, ?, ?, ?)", msgspec.structs.astuple(login))

        await self._file.write(work)

    async def find(self, digest: bytes) -> Login | None:
        """See `LoginStore.find`."""
        found = self._file.read("SELECT digest, key, made, seen FROM logins WHERE digest = ?", (digest,))
        if not found:
            return None
        return msgspec.convert(dict(zip(Login.__struct_fields__, found[0], strict=True)), Login)

    async def seen(self, digest: bytes, at: int) -> None:
        """See `LoginStore.seen`."""
        change = "UPDATE logins SET seen = max(seen, ?) WHERE digest = ?"
        await self._file.write(lambda db: db.execute(change, (at, digest)))

    async def leave(self, digest: bytes) -> None:
        """See `LoginStore.leave`."""
        await self._file.write(lambda db: db.execute("DELETE FROM logins WHERE digest = ?", (digest,)))


class SqliteSwitchStore:
    """See `SwitchStore`."""

    def __init__(self, file: _File) -> None:
        """Keep them in a file."""
        self._file = file

    async def put(self, switch: Switch) -> Switch:
        """See `SwitchStore.put`."""
        places = ", ".join("?" for _ in Switch.__struct_fields__)
        change = f"INSERT INTO switches ({_SWITCH}) VALUES ({places}) ON CONFLICT DO NOTHING"

        def work(db: sqlite3.Connection) -> Switch:
            db.execute(change, msgspec.structs.astuple(switch))
            return _switch(db.execute(_ONE, (switch.tenant, switch.kind, switch.name)).fetchone())

        return await self._file.write(work)

    async def take(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        """See `SwitchStore.take`."""
        which = (tenant, kind, name)

        def work(db: sqlite3.Connection) -> Switch | None:
            found = db.execute(_ONE, which).fetchone()
            db.execute("DELETE FROM switches WHERE tenant = ? AND kind = ? AND name = ?", which)
            return _switch(found) if found else None

        return await self._file.write(work)

    async def wait(self, seconds: float) -> None:
        """See `SwitchStore.wait`: nobody tells, so it takes all of them."""
        await asyncio.sleep(seconds)

    async def all(self) -> Sequence[Switch]:
        """See `SwitchStore.all`."""
        return [
            _switch(row) for row in self._file.read(f"SELECT {_SWITCH} FROM switches ORDER BY at, tenant, kind, name")
        ]


class SqliteAuditLog:
    """See `AuditLog`. It grows for ever: taking old lines away is left to whoever runs the server."""

    def __init__(self, file: _File) -> None:
        """Keep it in a file."""
        self._file = file

    async def write(self, record: AuditRecord) -> None:
        """See `AuditLog.write`."""
        row = (record.tenant, msgspec.json.encode(record))
        await self._file.write(lambda db: db.execute("INSERT INTO log (tenant, body) VALUES (?, ?)", row))

    async def read(self, *, after: int = 0, tenant: str | None = None, limit: int = 1000) -> Sequence[AuditRecord]:
        """See `AuditLog.read`."""
        return self._found("seq > ?1", "ASC", after, tenant, limit)

    async def latest(self, *, tenant: str | None = None, limit: int = 1000, before: int = 0) -> Sequence[AuditRecord]:
        """See `AuditLog.latest`."""
        return self._found("seq < ?1", "DESC", before or _LAST, tenant, limit)[::-1]

    def _found(self, where: str, order: str, place: int, tenant: str | None, limit: int) -> list[AuditRecord]:
        which = "" if tenant is None else "AND tenant = ?3"
        question = f"SELECT seq, body FROM log WHERE {where} {which} ORDER BY seq {order} LIMIT ?2"
        values = (place, max(limit, 0)) if tenant is None else (place, max(limit, 0), tenant)
        rows = msgspec.convert(self._file.read(question, values), list[tuple[int, bytes]])
        return [msgspec.structs.replace(msgspec.json.decode(body, type=AuditRecord), seq=seq) for seq, body in rows]


def _insert(db: sqlite3.Connection, key: Key) -> None:
    places = ", ".join("?" for _ in Key.__struct_fields__)
    db.execute(f"INSERT INTO keys ({_KEY}) VALUES ({places})", msgspec.structs.astuple(key))


def _key(row: Sequence[object]) -> Key:
    return msgspec.convert(dict(zip(Key.__struct_fields__, row, strict=True)), Key)


def _switch(row: Sequence[object]) -> Switch:
    return msgspec.convert(dict(zip(Switch.__struct_fields__, row, strict=True)), Switch)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # A key that was revoked must not be good again after a power cut, and writes here are few.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _create(db: sqlite3.Connection, path: Path, application: int, tables: Sequence[Sequence[str]]) -> None:
    found, version, full = (
        db.execute(question).fetchone()[0]
        for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if full and found != application:
        raise ConfigError(f"{path} is a SQLite file of something else; move it away")
    if version > len(tables):
        raise ConfigError(f"{path} was written by a newer Remit (schema {version}); upgrade remit to open it")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    # Looked at under the lock: another process may have created or extended it meanwhile.
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version < len(tables):
        for statement in itertools.chain(*tables[version:]):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {len(tables)}")
    db.execute("COMMIT")


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        # What cannot be reached is not what is damaged.
        todo = (
            "see who owns it, or choose another --store" if isinstance(error, OSError) else "mend it, or move it away"
        )
        raise RemitError(f"the keys and the log in {path} cannot be used: {error}; {todo}") from error
