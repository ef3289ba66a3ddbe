"""Notebook: what was handed in to a provider's batches and what came back, written down so that a crash loses nothing.

A batch is written down before it is handed in and again when the provider has named it.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from remit.core.errors import ModelError
from remit.core.ports import Clock, Reply
from remit.models.files import Layout, ModelFile, Work

T = TypeVar("T")

_LAYOUT = Layout(
    "batches of requests to models",
    0x524D4254,
    1,
    """
CREATE TABLE batches (label TEXT PRIMARY KEY, id TEXT NOT NULL, made REAL NOT NULL, size INTEGER NOT NULL);

CREATE INDEX batches_by_age ON batches (made);

CREATE TABLE items (
    key BLOB PRIMARY KEY, label TEXT NOT NULL, reply BLOB, taken INTEGER NOT NULL DEFAULT 0);

CREATE INDEX items_by_label ON items (label)""",
    sure=True,
    busy=10.0,
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Reply)


class Batch(msgspec.Struct, frozen=True):
    """A batch as it was written down."""

    label: str
    id: str
    """The provider's name for it; empty when nobody knows whether it was made."""
    made: float
    """When it was about to be handed in, in seconds since the epoch."""
    size: int


class Notebook:
    """Batches and their answers in a SQLite file of their own; a commit survives a power cut."""

    def __init__(self, path: str | Path, *, seconds: float = 30 * 86_400.0, clock: Clock = time.time) -> None:
        """Forget what is older than `seconds`; providers keep results for about a month."""
        self._file = ModelFile(path, _LAYOUT)
        self._seconds, self.clock = seconds, clock

    async def batch(self, key: bytes) -> Batch | None:
        """Give the batch that holds a request."""
        query = "SELECT label, id, made, size FROM batches JOIN items USING (label) WHERE key = ?"
        row = await self._do(lambda db: db.execute(query, (key,)).fetchone())
        return None if row is None else Batch(*row)

    async def reply(self, key: bytes) -> Reply | None:
        """Give the answer to a request, when it has come."""
        row = await self._do(lambda db: db.execute("SELECT reply FROM items WHERE key = ?", (key,)).fetchone())
        return None if row is None or row[0] is None else _decoder.decode(row[0])

    async def intend(self, label: str, keys: Sequence[bytes]) -> Batch:
        """Write down that these requests are about to be handed in together."""
        batch = Batch(label, "", self.clock(), len(keys))

        def work(db: sqlite3.Connection) -> None:
            old = batch.made - self._seconds
            db.execute("DELETE FROM items WHERE label IN (SELECT label FROM batches WHERE made < ?)", (old,))
            db.execute("DELETE FROM batches WHERE made < ?", (old,))
            db.execute("INSERT INTO batches VALUES (?, '', ?, ?)", (label, batch.made, batch.size))
            db.executemany("INSERT INTO items (key, label) VALUES (?, ?)", [(key, label) for key in keys])

        await self._do(work)
        return batch

    async def submitted(self, label: str, batch: str) -> None:
        """Write down the provider's name of a batch."""
        await self._do(lambda db: db.execute("UPDATE batches SET id = ? WHERE label = ?", (batch, label)))

    async def known(self) -> frozenset[str]:
        """Give the provider's names of all batches."""
        rows = await self._do(lambda db: db.execute("SELECT id FROM batches WHERE id <> ''").fetchall())
        return frozenset(row[0] for row in rows)

    async def waiting(self, label: str) -> list[bytes]:
        """Give the keys of a batch's requests that have no answer yet."""
        query = "SELECT key FROM items WHERE label = ? AND reply IS NULL"
        return [row[0] for row in await self._do(lambda db: db.execute(query, (label,)).fetchall())]

    async def keep(self, replies: Mapping[bytes, Reply]) -> None:
        """Write down answers."""
        rows = [(_encoder.encode(reply), key) for key, reply in replies.items()]
        await self._do(lambda db: db.executemany("UPDATE items SET reply = ? WHERE key = ?", rows))

    async def drop(self, keys: Sequence[bytes]) -> None:
        """Forget requests that got no answer: when they are asked again they are handed in again."""
        rows = [(key,) for key in keys]
        await self._do(lambda db: db.executemany("DELETE FROM items WHERE key = ? AND reply IS NULL", rows))

    async def take(self, key: bytes) -> bool:
        """Say whether this is the first time that somebody takes an answer, and write down that it was taken."""
        query = "UPDATE items SET taken = 1 WHERE key = ? AND taken = 0"
        return await self._do(lambda db: db.execute(query, (key,)).rowcount) == 1

    async def close(self) -> None:
        """Let go of the file."""
        await self._file.close()

    async def _do(self, work: Work[T]) -> T:
        try:
            return await self._file.do(work)
        except sqlite3.Error as error:
            # What is not written down would be paid for twice, so nothing goes on without it.
            raise ModelError(f"{self._file.path} cannot be used: {error}") from error
