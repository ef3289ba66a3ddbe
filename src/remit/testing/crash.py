"""Crashes on demand: a store whose process dies before or after a chosen append."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from remit.core.events import Event, Record
from remit.core.ports import Entry, SessionQuery, SessionRow, Store


class Died(BaseException):
    """The process is gone, as far as the code under test can tell. Not an `Exception`, so that nothing survives it."""


Moment = Literal["before", "after"]


@dataclass(slots=True)
class DyingStore:
    """A store whose process dies at its `at`-th append (from 1), before or after it lands. Zero never dies."""

    store: Store
    at: int = 0
    moment: Moment = "before"
    appends: int = 0
    dead: bool = False

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        self._breathe()
        self.appends += 1
        due = self.appends == self.at
        if due and self.moment == "before":
            self._die()
        tail = await self.store.append(session, events, after=after, entries=entries)
        if due:
            self._die()
        return tail

    def _breathe(self) -> None:
        if self.dead:
            raise Died("a dead process wrote")

    def _die(self) -> None:
        self.dead = True
        raise Died(f"{self.moment} append {self.at}")

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        self._breathe()
        return await self.store.read(session, after=after)

    def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`."""
        return self.store.follow(session, after=after)

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        self._breathe()
        return await self.store.put(body)

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        return await self.store.get(blob)

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        return await self.store.sessions(query)

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        return await self.store.used(account)

    async def close(self) -> None:
        """See `Store.close`; the store inside stays open for the next life."""
