"""RedactedStore: a store that no registered secret gets into, whoever appends."""

from collections.abc import AsyncIterator, Sequence

from remit.core.events import Event, Record
from remit.core.ports import Entry, SessionQuery, SessionRow, Store
from remit.policy import Secrets


class RedactedStore:
    """A store around a store. What a session writes is redacted before it counts; this is for everybody else."""

    def __init__(self, store: Store, secrets: Secrets) -> None:
        """Keep these values out of this store."""
        self.inner = store
        self._secrets = secrets

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        kept = [self._secrets.redact_event(event) for event in events]
        return await self.inner.append(session, kept, after=after, entries=entries)

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        return await self.inner.read(session, after=after)

    def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`."""
        return self.inner.follow(session, after=after)

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        return await self.inner.put(self._secrets.redact(body))

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        return await self.inner.get(blob)

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        return await self.inner.sessions(query)

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        return await self.inner.used(account)

    async def close(self) -> None:
        """See `Store.close`."""
        await self.inner.close()
