"""Recorder: a session's pen. It applies events in the order the journal has them, and makes them durable on demand.

`record` is for what has happened and cannot be refused; it is durable after the next `flush`. `reserve` is for an
intent that may take from shared accounts: it is durable, or refused with nothing written, when it returns.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from remit.core.errors import ConflictError
from remit.core.events import FOREIGN, Event, Record
from remit.core.ports import Entry, Store
from remit.core.state import State
from remit.runtime.world import Redactor

E = TypeVar("E", bound=Event)

Fits = Callable[[State], str]
"""Says why an intent does not fit into what the session may still do; empty when it does."""


class NoRoom(Exception):  # noqa: N818 - a refusal, not an error
    """An intent was refused before it was written."""


class Recorder:
    """Keeps `state` equal to the fold of the journal and of what is not written yet."""

    def __init__(
        self,
        session: str,
        store: Store,
        secrets: Redactor,
        told: Callable[[int], None],
        telling: frozenset[type[Event]] = frozenset(),
    ) -> None:
        """Begin with an empty state; `load` brings it up to the journal. `unseen` gives `telling` kinds."""
        self.session = session
        self.state = State()
        self._store, self._secrets, self._told, self._telling = store, secrets, told, telling
        self._buffer: list[Event] = []
        self._entries: list[Entry] = []
        self._late: list[tuple[Event, Sequence[Entry]]] = []
        self._reserving = False
        self._unseen: list[Event] = []
        self._turn = asyncio.Lock()
        self._tail = 0

    def load(self, records: Sequence[Record]) -> None:
        """Begin where the journal stands."""
        self.state = State.fold(record.event for record in records)
        self._tail = self.state.seq

    def record(self, event: E, entries: Sequence[Entry] = ()) -> E:
        """Take in what happened, and give it as it is kept; it counts at once and is durable after the next flush."""
        kept = self._secrets.redact_event(event)
        if self._reserving:
            # Its place in the journal is after the intent that is being decided on.
            self._late.append((kept, entries))
            return kept
        self._buffer.append(kept)
        self._entries.extend(entries)
        if type(kept) in self._telling:
            self._unseen.append(kept)
        self.state.apply(kept)
        return kept

    async def settled(self) -> State:
        """Give the state once all that was recorded counts: what comes while an intent is decided on has to wait."""
        while self._reserving:
            async with self._turn:
                pass
        return self.state

    @property
    def tail(self) -> int:
        """How far the journal is known to be durable."""
        return self._tail

    def unseen(self) -> list[Event]:
        """Give the telling events recorded since this was last asked."""
        if not self._unseen:
            return self._unseen
        unseen, self._unseen = self._unseen, []
        return unseen

    async def flush(self) -> None:
        """Make all that was recorded durable."""
        if self._buffer or self._late:
            async with self._turn:
                await self._write()

    async def reserve(self, event: Event, entries: Sequence[Entry] = (), fits: Fits | None = None) -> None:
        """Write an intent together with all that was recorded before it.

        Raise `NoRoom` when `fits` says why, `OverLimitError` when an entry does not fit: then the intent never was.
        """
        kept = self._secrets.redact_event(event)
        async with self._turn:
            self._reserving = True
            try:
                await self._append([*self._buffer, kept], [*self._entries, *entries], applied=self._buffer, fits=fits)
                self._buffer, self._entries = [], []
                if type(kept) in self._telling:
                    self._unseen.append(kept)
                self.state.apply(kept)
            finally:
                self._reserving = False
                late, self._late = self._late, []
                for other, theirs in late:
                    self.record(other, theirs)

    async def _write(self) -> None:
        events, entries = self._buffer, self._entries
        if not events:
            return
        self._buffer, self._entries = [], []
        try:
            await self._append(events, entries, applied=events)
        except BaseException:
            self._buffer, self._entries = [*events, *self._buffer], [*entries, *self._entries]
            raise

    async def _append(
        self, events: list[Event], entries: Sequence[Entry], *, applied: list[Event], fits: Fits | None = None
    ) -> None:
        while True:
            # Asked in turn, and again when a person wrote: parallel intents must not all see the room there is for one.
            refused = fits(self.state) if fits else ""
            if refused:
                raise NoRoom(refused)
            try:
                self._tail = await self._store.append(self.session, events, after=self._tail, entries=entries)
            except ConflictError:
                await self._catch_up(applied)
                continue
            self._told(self._tail)
            return

    async def _catch_up(self, applied: list[Event]) -> None:
        """Fold in what people wrote meanwhile; raise the conflict when it was another driver who wrote."""
        records = await self._store.read(self.session)
        news = records[self._tail :]
        if not news or not all(isinstance(record.event, FOREIGN) for record in news):
            raise ConflictError(self.session, self._tail, len(records))
        # The journal has theirs before ours, so the fold must too.
        state = State.fold(record.event for record in records)
        pending = applied if applied is self._buffer else [*applied, *self._buffer]
        for event in pending:
            state.apply(event)
        self.state, self._tail = state, len(records)
