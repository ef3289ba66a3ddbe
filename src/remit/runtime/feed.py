"""Feed: what a session says while it works, to any number of listeners. A slow one never holds the session up."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Protocol

from remit.core.events import Record
from remit.core.ports import Delta, Store

_ROOM = 1000
"""Items a listener may lag behind before text deltas are dropped; records are never lost, the journal has them."""


class Hearer(Protocol):
    """Whoever is told what a session says, as it says it; must be quick and never raise."""

    def put(self, item: Delta | int) -> None:
        """Take an item: a delta, or how far the journal has come."""
        ...

    def end(self) -> None:
        """Know that nothing more will come."""
        ...


class Listener:
    """One reader of a session: text deltas as they come, records once they are durable."""

    def __init__(self, session: str, store: Store, after: int) -> None:
        """Begin after a place in the journal."""
        self._session, self._store, self._after = session, store, after
        self._items: deque[Delta | int] = deque()
        self._ahead: deque[Record] = deque()
        self._ready = asyncio.Event()
        self._over = False
        self.dropped = 0
        """Deltas this listener was too slow for."""

    def put(self, item: Delta | int) -> None:
        """Take an item: a delta, or how far the journal has come."""
        if len(self._items) >= _ROOM:
            self.dropped += sum(isinstance(old, Delta) for old in self._items)
            tails = [old for old in self._items if isinstance(old, int)]
            self._items.clear()
            self._items.extend(tails[-1:])
        self._items.append(item)
        self._ready.set()

    def end(self) -> None:
        """Say that nothing more will come."""
        self._over = True
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Delta | Record]:
        """Yield what comes, until the end."""
        while True:
            while self._items:
                item = self._items.popleft()
                if isinstance(item, Delta):
                    yield item
                    continue
                # No further than was announced, or what was said meanwhile would come after what it led to.
                while self._after < item:
                    if not self._ahead:
                        self._ahead.extend(await self._store.read(self._session, after=self._after))
                    record = self._ahead.popleft()
                    self._after = record.seq
                    yield record
            if self._over:
                return
            self._ready.clear()
            await self._ready.wait()


class Feed:
    """The listeners of one session."""

    def __init__(self, session: str, store: Store) -> None:
        """Begin without listeners."""
        self._session, self._store = session, store
        self._listeners: list[Hearer] = []
        self.tail = 0
        """How far the journal was said to be durable."""
        self.answer = 0
        """The number of the answer that is being written; those written at the same time have one together."""
        self.writing = 0
        """How many answers are being written."""

    @contextmanager
    def answering(self) -> Generator[None]:
        """Have what is said meanwhile known as one answer."""
        if not self.writing:
            self.answer += 1
        self.writing += 1
        try:
            yield
        finally:
            self.writing -= 1

    def listen(self, after: int = 0) -> Listener:
        """Add a listener that begins after a place in the journal."""
        listener = Listener(self._session, self._store, after)
        self._listeners.append(listener)
        return listener

    def attach(self, hearer: Hearer) -> None:
        """Add whoever hears in their own way."""
        self._listeners.append(hearer)

    def leave(self, listener: Hearer) -> None:
        """Remove a listener."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        listener.end()

    def say(self, delta: Delta) -> None:
        """Pass on a piece of text."""
        for listener in self._listeners:
            listener.put(delta)

    def advance(self, tail: int) -> None:
        """Say that the journal is durable up to here."""
        self.tail = tail
        for listener in self._listeners:
            listener.put(tail)

    def end(self) -> None:
        """Let all listeners go."""
        for listener in self._listeners:
            listener.end()
        self._listeners = []
