"""Hearing: what comes over event streams, held against what was said to their sessions."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.serving.servers import Server
from benchmarks.serving.words import PIECES, SAID

BLANK = re.compile(rb"\r?\n\r?\n")
NUMBER = re.compile(rb"^id: (\d+)", re.MULTILINE)


@dataclass(slots=True)
class Message:
    """One message, and what came of it; times in nanoseconds of the monotonic clock, 0 for never."""

    number: int
    due: int
    first: int = 0
    text: int = 0
    done: int = 0
    places: list[int] = field(default_factory=list[int])
    """Which pieces of the answer came."""

    @property
    def whole(self) -> bool:
        """Whether every piece came once and in order."""
        return self.places == list(range(PIECES))


@dataclass(slots=True)
class Ledger:
    """All messages of a load."""

    messages: dict[int, Message] = field(default_factory=dict[int, Message])
    delays: list[int] = field(default_factory=list[int])
    """Of every piece of text, from the model to us."""
    faults: int = 0
    """Runs that went wrong, requests refused, connections lost."""
    strange: int = 0
    """Pieces of messages that were never sent."""
    whys: list[str] = field(default_factory=list[str])
    """What the first faults were."""

    def wrong(self, why: str) -> None:
        """Count a fault."""
        self.faults += 1
        if len(self.whys) < 5:
            self.whys.append(why)


class Ear:
    """Hears one event stream."""

    def __init__(self, server: Server, ledger: Ledger, free: Callable[["Ear"], None], session: str = "") -> None:
        """Take whose stream it is, and whom to tell when a run is over."""
        self.session = session
        self.message: Message | None = None
        """The one under way."""
        self.heard: list[Message] = []
        self.last = 0
        """The number of the last event, where events are numbered."""
        self.gaps = 0
        self._server, self._free = server, free
        self.ledger = ledger
        self._rest = b""

    def tell(self, message: Message) -> None:
        """Expect the answer to a message."""
        self.message = message
        self.heard.append(message)

    def hear(self, body: bytes, at: int) -> None:
        """Take in what came."""
        *events, self._rest = BLANK.split(self._rest + body)
        for event in events:
            self._event(event + b"\n", at)

    def _event(self, event: bytes, at: int) -> None:
        if event.startswith((b":", b"retry:", b"\n")):
            return
        if self._server.last is not None and (number := NUMBER.search(event)):
            self.gaps += int(number[1]) != self.last + 1
            self.last = int(number[1])
        message = self.message
        if message is not None and not message.first:
            message.first = at
        if event.startswith(self._server.piece):
            self._pieces(event, at)
        if self._server.fault in event:
            self.ledger.wrong(event[:200].decode(errors="replace"))
            if message is not None:
                self._over()
        elif self._server.end in event and message is not None:
            message.done = at
            self._over()

    def _pieces(self, event: bytes, at: int) -> None:
        for number, place, said in SAID.findall(event):
            message = self.ledger.messages.get(int(number))
            if message is None:
                self.ledger.strange += 1
                continue
            message.text = message.text or at
            message.places.append(int(place))
            self.ledger.delays.append(at - int(said))

    def _over(self) -> None:
        self.message = None
        self._free(self)

    def wrong(self, tail: int | None) -> bool:
        """Say whether this stream missed or repeated something; `tail` is how many events there are, if it is known."""
        broken = any(message.done and not message.whole for message in self.heard)
        return broken or bool(self.gaps) or (tail is not None and tail != self.last)
