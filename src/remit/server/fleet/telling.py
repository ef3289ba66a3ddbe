"""Telling: what the sessions of this process say, to those processes that watch them, and to this one.

A session's own utterance is kept while it is being written, so that whoever begins to watch, or missed some, gets it
from its beginning. Nothing queues: text waits in its utterance, and the next message says all that came meanwhile.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from remit.core.ports import Delta
from remit.home import Home
from remit.runtime import Session
from remit.runtime.feed import Feed
from remit.runtime.payload import legible
from remit.server.fleet.signals import Signals, read
from remit.server.fleet.wire import Watch, payloads
from remit.server.service.pieces import Piece

LONGEST = 1 << 18
"""Characters of an utterance that are told; who wants the rest of one that long waits for its record."""
_BACKLOG = 1 << 18
"""Bytes that wait to be said, above which nothing is added to them."""
_PATIENCE = 0.05
"""Seconds between two looks at whether they are fewer."""
_LAPSE = 10.0
"""Seconds after which whoever watches and does not say so again is forgotten."""
_MOST = 100_000
"""Sessions of all workers that are known to be watched."""

Tell = Callable[[Piece], None]


@dataclass(eq=False, slots=True)
class Speaker:
    """One living session, as a hearer of its feed."""

    session: str
    voice: str
    feed: Feed
    stirred: Callable[["Speaker"], None]
    """Told that there is more to say."""
    over: Callable[["Speaker"], None]
    near: Tell | None = None
    """Who hears it in this process."""
    far: bool = False
    """Whether anybody hears it in another."""
    behind: set[str] = field(default_factory=set[str])
    """Channels that must have all of it."""
    begun: int = 0
    number: int = 0
    fresh: bool = False
    after: int = 0
    _answer: int = -1
    _past: list[str] = field(default_factory=list[str])
    _length: int = 0
    _new: list[str] = field(default_factory=list[str])
    _more: int = 0
    _missed: int = -1

    def __post_init__(self) -> None:
        """Begin where the session is; the beginning of an answer that is being written was missed."""
        self.after = self.feed.tail
        if self.feed.writing:
            self._missed = self.feed.answer

    def put(self, item: Delta | int) -> None:
        """See `Hearer.put`."""
        if isinstance(item, int):
            self._advance(item)
            return
        if self.feed.answer == self._missed and not item.fresh:
            return
        if self.feed.answer != self._answer or item.fresh:
            self._begin(fresh=item.fresh)
        # As the journal will have it: what a model writes may hold what no front end can say.
        text = legible(item.text)
        if self._length + self._more + len(text) > LONGEST:
            # What comes now lacks what is dropped here, and so is shown nowhere.
            self._missed = self._answer
            return
        if self.near is not None:
            self.near(self._piece(self._length + self._more, text))
        if self.far:
            self._new.append(text)
            self._more += len(text)
            self.stirred(self)
        else:
            self._past.append(text)
            self._length += len(text)

    def end(self) -> None:
        """See `Hearer.end`."""
        self.over(self)

    def _advance(self, tail: int) -> None:
        self.after = tail
        if not self.feed.writing:
            # It is in the journal now, with what nobody was told of it yet.
            self._clear()

    def _begin(self, *, fresh: bool) -> None:
        self._clear()
        self.number = self.number + 1 if self.begun == self.after else 0
        self.begun, self._answer, self._missed, self.fresh = self.after, self.feed.answer, -1, fresh

    def _clear(self) -> None:
        self._past.clear()
        self._new.clear()
        self.behind.clear()
        self._length = self._more = 0

    def _piece(self, at: int, text: str) -> Piece:
        fresh = self.fresh and at == 0
        return Piece(self.session, self.voice, self.begun, self.number, self.after, at, text, fresh)

    @property
    def silent(self) -> bool:
        """Whether there is nothing that anybody may not have."""
        return not (self._new or self._past)

    def whole(self) -> Piece:
        """Give all that it has said."""
        if len(self._past) > 1:
            self._past = ["".join(self._past)]
        return self._piece(0, "".join([*self._past, *self._new]))

    def next(self) -> Piece | None:
        """Give what it has said since this was asked before."""
        if not self._new:
            return None
        piece = self._piece(self._length, "".join(self._new))
        self._past.append(piece.text)
        self._length += self._more
        self._new.clear()
        self._more = 0
        return piece


class Telling:
    """All living sessions of this process, and who watches which."""

    def __init__(self, signals: Signals, home: Home, name: str, gather: float) -> None:
        """Tell others than `name`, at most once in `gather` seconds."""
        self._signals, self._name, self._gather = signals, name, gather
        self._speakers: dict[str, Speaker] = {}
        self._watching: dict[str, dict[str, float]] = {}
        """Channels by session, and when they were last heard of."""
        self._near: dict[str, Tell] = {}
        self._stirred: dict[str, Speaker] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._told = float("-inf")
        self.told = 0
        """Payloads."""
        home.lives.watch(self._begun)

    @property
    def watched(self) -> Collection[str]:
        """The sessions that others watch."""
        return self._watching.keys()

    # -- living sessions -------------------------------------------------------------------------------------------

    def _begun(self, living: Session) -> None:
        speaker = Speaker(living.id, living.world.workers.me, living.feed, self._stir, self._ended)
        speaker.near, speaker.far = self._near.get(living.id), living.id in self._watching
        self._speakers[living.id] = speaker
        living.feed.attach(speaker)

    def _ended(self, speaker: Speaker) -> None:
        if self._speakers.get(speaker.session) is speaker:
            del self._speakers[speaker.session]
            self._stirred.pop(speaker.session, None)

    # -- those who watch -------------------------------------------------------------------------------------------

    def attach(self, session: str, tell: Tell) -> None:
        """Have somebody in this process told at once, from the beginning of what is being said."""
        self._near[session] = tell
        speaker = self._speakers.get(session)
        if speaker is not None:
            speaker.near = tell
            if not speaker.silent:
                tell(speaker.whole())

    def detach(self, session: str) -> None:
        """Tell nobody in this process any more."""
        self._near.pop(session, None)
        speaker = self._speakers.get(session)
        if speaker is not None:
            speaker.near = None

    def heard(self, payload: str) -> None:
        """Take in that somebody elsewhere watches, or does so no more."""
        watch = read(payload, Watch)
        if watch is None or watch.channel == self._name:
            return
        now = asyncio.get_running_loop().time()
        for session in watch.sessions:
            if watch.kind == "leave":
                self._forget(session, watch.channel)
            else:
                self._watch(session, watch.channel, now, again=watch.kind == "again")

    def _watch(self, session: str, channel: str, now: float, *, again: bool) -> None:
        channels = self._watching.get(session)
        if channels is None:
            if len(self._watching) >= _MOST:
                return
            channels = self._watching[session] = {}
        speaker = self._speakers.get(session)
        if speaker is not None:
            speaker.far = True
            if (again or channel not in channels) and not speaker.silent:
                speaker.behind.add(channel)
                self._stir(speaker)
        channels[channel] = now

    def _forget(self, session: str, channel: str) -> None:
        channels = self._watching.get(session, {})
        channels.pop(channel, None)
        speaker = self._speakers.get(session)
        if speaker is not None:
            speaker.behind.discard(channel)
            speaker.far = bool(channels)
        if not channels:
            self._watching.pop(session, None)

    def lapse(self, older: float = _LAPSE) -> None:
        """Forget those who have not said for so many seconds that they watch."""
        oldest = asyncio.get_running_loop().time() - older
        for session, channels in list(self._watching.items()):
            for channel in [channel for channel, at in channels.items() if at < oldest]:
                self._forget(session, channel)

    # -- saying ----------------------------------------------------------------------------------------------------

    def _stir(self, speaker: Speaker) -> None:
        self._stirred[speaker.session] = speaker
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._told + self._gather), self._tell)

    def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        if self._signals.waiting > _BACKLOG:
            self._timer = loop.call_later(_PATIENCE, self._tell)
            return
        self._timer, self._told = None, loop.time()
        boxes: dict[str, list[Piece]] = {}
        for speaker in self._stirred.values():
            piece, whole = speaker.next(), speaker.whole() if speaker.behind else None
            for channel in self._watching.get(speaker.session, ()):
                told = whole if channel in speaker.behind else piece
                if told is not None:
                    boxes.setdefault(channel, []).append(told)
            speaker.behind.clear()
        self._stirred.clear()
        for channel, pieces in boxes.items():
            for payload in payloads(pieces):
                self.told += 1
                self._signals.say(channel, payload)

    def close(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
