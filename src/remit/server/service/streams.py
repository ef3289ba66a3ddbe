"""Streams: what happens in sessions, to any number of readers. A slow reader is dropped and never held in memory.

Records come from the journal, so that a reader who comes back with the number of the last one misses none and gets
none twice. Text deltas come as they are written, each after the records it follows, and only to who is there.
"""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field

from remit.core.events import Record, SessionClosed
from remit.core.ports import Delta, Store
from remit.home import Home
from remit.runtime import Session
from remit.runtime.payload import legible
from remit.server.access.port import Principal
from remit.server.service.pieces import Assembly, Elsewhere, Piece, Utterance, ends
from remit.server.service.refusals import RefusedError

_log = logging.getLogger("remit.server")

EACH = 100
"""Streams of one principal at the same time."""

ROOM = 1000
"""Items that a reader may lag behind before it is dropped."""


@dataclass(eq=False, slots=True)
class Item:
    """A record or a delta, with what a front end made of it for all its readers."""

    what: Record | Delta
    after: int = 0
    """The record that a delta follows."""
    utterance: Utterance | None = None
    """What a delta is of, where some of it may be lost; it begins at the character `at` of that."""
    at: int = 0
    _written: bytes = b""

    def written(self, write: Callable[[Record | Delta], bytes]) -> bytes:
        """Write it, once for all who read it."""
        if not self._written:
            self._written = write(self.what)
        return self._written


@dataclass(eq=False, slots=True)
class Stream:
    """One reader of one session."""

    session: str
    store: Store
    after: int
    """The last event that its reader has."""
    past: Sequence[Record] = ()
    """What was there before it began."""
    room: int = ROOM
    dropped: bool = False
    """Whether it was too slow."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more will come, also while its reader is stuck."""
    rest: Callable[[], Awaitable[None]] | None = None
    """Awaited before it waits for more, by whoever writes together what comes at the same time."""
    _behind: int = 0
    _hears: Utterance | None = None
    _heard: int = 0
    _items: deque[Item] = field(default_factory=deque[Item])
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def more(self) -> bool:
        """Whether something is there behind what was yielded last; its reader may yet be spared it."""
        return self._behind > 0 or bool(self._items)

    def put(self, item: Item) -> None:
        """Take what happened, or end when there is too much of it."""
        if len(self._items) >= self.room:
            self.dropped = True
            self._items.clear()
            self.end()
            return
        if not self.over.is_set():
            self._items.append(item)
            self._ready.set()

    def end(self) -> None:
        """Say that nothing more will come."""
        self.over.set()
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Yield what was there and what comes, until the session is closed or this stream is over."""
        past, self.past = self.past, ()
        self._behind = len(past)
        for record in past:
            self._behind -= 1
            yield self._next(Item(record), record)
        while True:
            while self._items:
                item = self._items.popleft()
                if isinstance(item.what, Delta):
                    # Unless its reader has what it became already.
                    if item.after >= self.after and self._goes_on(item, item.what):
                        yield item
                    continue
                for one in await self._up_to(item, item.what):
                    yield one
            if self.over.is_set():
                return
            self._ready.clear()
            if self.rest is not None:
                await self.rest()
            await self._ready.wait()

    def _goes_on(self, item: Item, delta: Delta) -> bool:
        """Say whether nothing is missing between a delta and what its reader has of the same text."""
        if item.utterance is not None:
            if item.utterance != self._hears and item.at == 0:
                self._hears, self._heard = item.utterance, 0
            if (item.utterance, item.at) != (self._hears, self._heard):
                return False
            self._heard += len(delta.text)
        return True

    async def _up_to(self, item: Item, record: Record) -> Sequence[Item]:
        """Give a record that is the next; nothing for one that was there before."""
        if record.seq <= self.after:
            return ()
        if record.seq == self.after + 1:
            return (self._next(item, record),)
        # Another reader's channel was further than this one when it began: the journal has what is between.
        between = await self.store.read(self.session, after=self.after)
        return [self._next(Item(one), one) for one in between if one.seq <= record.seq]

    def _next(self, item: Item, record: Record) -> Item:
        self.after = record.seq
        if isinstance(record.event, SessionClosed):
            self.end()
        return item


@dataclass(eq=False, slots=True)
class Lookout:
    """One reader of what changes across sessions, who comes by what it reads on its own."""

    dropped: bool = False
    """Never: it is told the newest only."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more will come."""


class _Channel:
    """One session that somebody reads: follows its journal once for all its readers, and hears it speak."""

    def __init__(self, session: str, store: Store, again: Callable[[], None]) -> None:
        self.streams: set[Stream] = set()
        self._session, self._store, self._again = session, store, again
        self.broken = False
        """Whether nothing comes through it any more."""
        self._sent = 0
        self._told = 0
        self._early: list[tuple[int, Item | Piece]] = []
        self._ended = 0
        """The last record with which what was said before it is over."""
        self._assembly = Assembly()
        self._following: asyncio.Task[None] | None = None

    def start(self, after: int, past: Sequence[Record]) -> int:
        """Follow from a place on, unless somebody has it followed already; give how far it has come."""
        if self._following is None:
            self._sent = after
            # Of what is before those records nobody here knows whether it is over.
            self._ended = next((record.seq for record in reversed(past) if ends(record.event)), _begin(past))
            self._catch_up()
            self._following = asyncio.create_task(self._follow())
        return self._sent

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow(self) -> None:
        try:
            async for record in self._store.follow(self._session, after=self._sent):
                self._sent = record.seq
                if ends(record.event):
                    self._ended = record.seq
                    self._assembly.let_go()
                self._say(Item(record))
                self._catch_up()
        except Exception as error:  # noqa: BLE001 - its readers must not wait for what will never come
            _log.warning("session %s can no longer be followed: %s", self._session, error)
            self.broken = True
            for stream in self.streams:
                stream.end()

    def _catch_up(self) -> None:
        due = [item for after, item in self._early if after <= self._sent]
        if due:
            self._early = [waits for waits in self._early if waits[0] > self._sent]
        for item in due:
            if isinstance(item, Piece):
                self._fit(item)
            else:
                self._say(item)

    def _say(self, item: Item) -> None:
        for stream in tuple(self.streams):
            stream.put(item)

    # -- what is said in any process, see `Elsewhere` ----------------------------------------------------------------

    def hear(self, piece: Piece) -> None:
        """Take what was said; what it follows may be on its way to us yet."""
        if piece.after <= self._sent:
            self._fit(piece)
        elif len(self._early) < ROOM:
            self._early.append((piece.after, piece))

    def _fit(self, piece: Piece) -> None:
        if piece.after < self._ended:
            return
        delta = self._assembly.take(piece)
        if delta is not None:
            at = self._assembly.length - len(delta.text)
            self._say(Item(delta, self._sent, self._assembly.utterance, at))
        elif self._assembly.missing:
            self._again()

    def welcome(self, stream: Stream) -> None:
        """Let one more read, from the beginning of what is being said."""
        self.streams.add(stream)
        text = self._assembly.whole()
        if text:
            stream.put(Item(Delta(text), self._sent, self._assembly.utterance))

    # -- what a living session of this process says, see `Hearer` ----------------------------------------------------

    def put(self, item: Delta | int) -> None:
        if isinstance(item, int):
            self._told = item
            return
        # As the journal will have it: what a model writes may hold what no front end can say.
        item = Delta(legible(item.text), item.fresh)
        if self._told <= self._sent:
            self._say(Item(item, self._sent))
        elif len(self._early) < ROOM:
            # What it follows is in the journal and on its way to us.
            self._early.append((self._told, Item(item, self._told)))

    def end(self) -> None:
        self._told = 0


class Streams:
    """All readers of this process."""

    def __init__(self, home: Home, *, each: int = EACH, most: int = 10_000, elsewhere: Elsewhere | None = None) -> None:
        """Let every principal have `each` streams at the same time, and all together `most`.

        Sessions are heard that this process drives, or those of any process that `elsewhere` hears.
        """
        self._home, self.each, self._most, self._elsewhere = home, each, most, elsewhere
        self._channels: dict[str, _Channel] = {}
        self._readers: Counter[tuple[str, str]] = Counter()
        self._lookouts: set[Lookout] = set()
        self._over = False
        if elsewhere is None:
            home.lives.watch(self._begun)

    @property
    def open(self) -> int:
        """How many there are."""
        return self._readers.total()

    @contextlib.asynccontextmanager
    async def follow(self, principal: Principal, session: str, after: int) -> AsyncGenerator[Stream]:
        """Read a session that is known to be theirs, from a place on.

        Raise `RefusedError` when they have too many streams, or for a place where there is no event yet.
        """
        with self._counted(principal):
            stream = Stream(session, self._home.store, after)
            try:
                channel = self._join(session, stream)
                records = await self._past(session, after)
                while channel.start(_end(records, after), records) > _end(records, after):
                    # What this channel told others before is not told again.
                    records = await self._past(session, after)
                if records and isinstance(records[-1].event, SessionClosed):
                    stream.end()
                stream.past = [record for record in records if record.seq > after]
                yield stream
            finally:
                stream.end()
                await self._leave(session, stream)

    @contextlib.contextmanager
    def lookout(self, principal: Principal) -> Generator[Lookout]:
        """Be a reader that follows no session, and counts like one that does; raise `RefusedError` as `follow` does."""
        with self._counted(principal):
            lookout = Lookout()
            self._lookouts.add(lookout)
            try:
                yield lookout
            finally:
                self._lookouts.discard(lookout)

    @contextlib.contextmanager
    def _counted(self, principal: Principal) -> Generator[None]:
        who = (principal.tenant, principal.name)
        if self._readers[who] >= self.each or self.open >= self._most:
            raise RefusedError("crowded", f"too many event streams at the same time; {self.each} are allowed")
        if self._over:
            raise RefusedError("unready", "this server is stopping; try again")
        self._readers[who] += 1
        try:
            yield
        finally:
            self._readers[who] -= 1
            self._readers += Counter()

    def end(self) -> None:
        """Let all readers go; they come back to another server with the number of their last event."""
        self._over = True
        for channel in self._channels.values():
            for stream in channel.streams:
                stream.end()
        for lookout in self._lookouts:
            lookout.over.set()

    async def _past(self, session: str, after: int) -> Sequence[Record]:
        # With the last one that they have: whoever has one that is not there must not wait for it.
        records = await self._home.store.read(session, after=max(after - 1, 0))
        if after > 0 and not records:
            raise RefusedError("conflict", f"session {session!r} has no event {after} yet")
        return records

    def _join(self, session: str, stream: Stream) -> _Channel:
        channel = self._channels.get(session)
        if channel is None or channel.broken:
            channel = self._channels[session] = _Channel(session, self._home.store, lambda: self._again(session))
            self._listen(session, channel)
        channel.welcome(stream)
        return channel

    def _listen(self, session: str, channel: _Channel) -> None:
        living = self._home.lives.living(session)
        if self._elsewhere is not None:
            self._elsewhere.watch(session, channel.hear)
        elif living is not None:
            living.feed.attach(channel)

    def _again(self, session: str) -> None:
        if self._elsewhere is not None:
            self._elsewhere.again(session)

    async def _leave(self, session: str, stream: Stream) -> None:
        channel = self._channels.get(session)
        if channel is None:
            return
        channel.streams.discard(stream)
        if not channel.streams:
            del self._channels[session]
            living = self._home.lives.living(session)
            if self._elsewhere is not None:
                self._elsewhere.leave(session)
            elif living is not None:
                living.feed.leave(channel)
            await channel.stop()

    def _begun(self, living: Session) -> None:
        channel = self._channels.get(living.id)
        if channel is not None:
            living.feed.attach(channel)


def _end(records: Sequence[Record], after: int) -> int:
    return records[-1].seq if records else after


def _begin(records: Sequence[Record]) -> int:
    return records[0].seq if records else 0
