"""Answers: what models said before, by the hash of what they were asked. A file that can be lost without harm."""

import asyncio
import contextlib
import hashlib
import hmac
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.core.ports import Clock, Reply
from remit.models.files import Layout, ModelFile
from remit.policy import Secrets

_LAYOUT = Layout(
    "answers of models",
    0x524D4341,
    1,
    """
CREATE TABLE answers (
    key BLOB PRIMARY KEY, tenant TEXT NOT NULL, made REAL NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL,
    seal BLOB NOT NULL, body BLOB NOT NULL);

CREATE INDEX answers_by_use ON answers (used);

CREATE INDEX answers_by_age ON answers (made);

CREATE TABLE total (bytes INTEGER NOT NULL);

INSERT INTO total VALUES (0);

CREATE TRIGGER more AFTER INSERT ON answers BEGIN UPDATE total SET bytes = bytes + new.size; END;

CREATE TRIGGER fewer AFTER DELETE ON answers BEGIN UPDATE total SET bytes = bytes - old.size; END""",
    sure=False,
    busy=1.0,
)

_ROW = 256
"""Bytes that an entry takes besides its answer, roughly."""

_AT_ONCE = 32
"""Entries that make room together."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Reply)


@dataclass(slots=True)
class Counts:
    """What came of the looks into a cache since this process began."""

    hits: int = 0
    misses: int = 0
    dropped: int = 0
    """Entries that were not what had been written."""
    failures: int = 0
    """Times the file could not be used; the model was asked as if there were no cache."""


class AnswerFile:
    """Answers in a SQLite file, for a time and up to a size; those not used for longest make room."""

    def __init__(
        self,
        path: str | Path,
        *,
        seconds: float = 86_400.0,
        size: int = 256 << 20,
        key: bytes = b"",
        clock: Clock = time.time,
    ) -> None:
        """Keep answers for `seconds` in at most about `size` bytes.

        With a secret `key`, an answer that somebody else wrote into the file is found out and dropped; without one only
        damage is.
        """
        if seconds <= 0 or size <= 0:
            raise ConfigError(
                f"answers are kept for more than 0 seconds in more than 0 bytes, not {seconds} and {size}"
            )
        self.counts = Counts()
        self.asked: dict[tuple[int, bytes], asyncio.Future[Reply | None]] = {}
        """Questions under way by event loop and key: `None` when they get no answer that others may have."""
        self._secrets: list[Secrets] = []
        self._file = ModelFile(path, _LAYOUT)
        self._seconds, self._size, self._key, self._clock = seconds, size, key, clock

    def keep_out(self, secrets: Secrets) -> None:
        """Keep no answer that holds one of these secrets, from now on."""
        if all(known is not secrets for known in self._secrets):
            self._secrets.append(secrets)

    async def ready(self) -> None:
        """Open the file; raise `ConfigError` for one that is not ours. One that cannot be used does no harm."""
        if not self._file.opened:
            with contextlib.suppress(sqlite3.Error):
                await self._file.do(lambda db: None)

    async def get(self, key: bytes) -> Reply | None:
        """Give the answer kept under a key, if it is whole and not too old."""
        try:
            reply = await self._file.do(lambda db: self._get(db, key))
        except sqlite3.Error:
            self.counts.failures += 1
            reply = None
        self.counts.hits += reply is not None
        self.counts.misses += reply is None
        return reply

    async def put(self, key: bytes, tenant: str, reply: Reply) -> None:
        """Keep an answer; one that cannot be kept is let go."""
        try:
            body = _encoder.encode(reply)
            if any(secrets.redact(body) is not body for secrets in self._secrets):
                return
            await self._file.do(lambda db: self._put(db, key, tenant, body))
        except (sqlite3.Error, UnicodeEncodeError, OverflowError):
            self.counts.failures += 1

    async def forget(self, tenant: str) -> None:
        """Drop all answers to a tenant."""
        await self._file.do(lambda db: db.execute("DELETE FROM answers WHERE tenant = ?", (tenant,)))

    async def close(self) -> None:
        """Let go of the file."""
        await self._file.close()

    def _get(self, db: sqlite3.Connection, key: bytes) -> Reply | None:
        row = db.execute("SELECT made, seal, body FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        made, seal, body = row
        now = self._clock()
        reply = self._read(key, seal, body) if now - made < self._seconds else None
        if reply is None:
            db.execute("DELETE FROM answers WHERE key = ?", (key,))
        else:
            db.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
        return reply

    def _read(self, key: bytes, seal: object, body: object) -> Reply | None:
        if isinstance(seal, bytes) and isinstance(body, bytes) and hmac.compare_digest(seal, self.seal(key, body)):
            try:
                return _decoder.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass
        self.counts.dropped += 1
        return None

    def _put(self, db: sqlite3.Connection, key: bytes, tenant: str, body: bytes) -> None:
        now = self._clock()
        db.execute("DELETE FROM answers WHERE key = ? OR made <= ?", (key, now - self._seconds))
        size = len(body) + _ROW
        if size > self._size:
            return
        row = (key, tenant, now, now, size, self.seal(key, body), body)
        db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        oldest = "DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE key <> ? ORDER BY used LIMIT ?)"
        while db.execute("SELECT bytes FROM total").fetchone()[0] > self._size:
            if not db.execute(oldest, (key, _AT_ONCE)).rowcount:
                break

    def seal(self, key: bytes, body: bytes) -> bytes:
        """Bind an answer to its key, so that one put under another key is no answer either."""
        return hmac.new(self._key, key + body, hashlib.sha256).digest()
