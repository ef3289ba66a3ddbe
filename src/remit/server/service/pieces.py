"""Pieces: text of a session that another process drives, put together again whatever became of them on their way.

What a session says of one answer is a *utterance*, and a piece says at which of its characters it begins. What is shown
of an utterance is therefore always a beginning of it: a piece that comes twice adds nothing, and one that lacks what is
before it waits until somebody says that again.

Which utterance is the newer one is decided by the journal: each begins after an event that its driver appended, and of
two drivers only one can have appended the event of a number. A worker whose lease is gone goes on with what it began,
which is over for all others with the first event of the next worker, and can begin nothing that would count.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from remit.core.events import (
    Event,
    ModelAnswered,
    ModelFailed,
    RunEnded,
    RunOpened,
    RunResumed,
    RunSuspended,
    SessionClosed,
)
from remit.core.ports import Delta

ENDS = (ModelAnswered, ModelFailed, RunOpened, RunResumed, RunSuspended, RunEnded, SessionClosed)
"""What is said before one of these is in it, or void."""


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Some of an utterance."""

    session: str
    voice: str
    """The worker that says it."""
    begun: int
    """The event after which the utterance began."""
    number: int
    """Which utterance of the voice it is of those that began after that event."""
    after: int
    """The event that this piece follows."""
    at: int
    """How many characters of the utterance are before it."""
    text: str
    fresh: bool = False
    """Whether the utterance makes the one before it void."""

    @property
    def utterance(self) -> "Utterance":
        """Say what it is a piece of."""
        return (self.begun, self.number, self.voice)


Utterance = tuple[int, int, str]
"""Which utterance of a session; a later one is greater."""


class Elsewhere(Protocol):
    """Who hears sessions that are driven in any process; nothing here waits."""

    def watch(self, session: str, tell: Callable[[Piece], None]) -> None:
        """Have somebody told what a session says, from the beginning of what it is saying now."""
        ...

    def again(self, session: str) -> None:
        """Have what it is saying now said from its beginning again, as some of it was missed."""
        ...

    def leave(self, session: str) -> None:
        """Tell of a session no more."""
        ...


def ends(event: Event) -> bool:
    """Say whether what was said before an event is over with it."""
    return isinstance(event, ENDS)


@dataclass(slots=True, eq=False)
class Assembly:
    """The utterance that a session is at, as far as it is known without a gap."""

    utterance: Utterance = (-1, -1, "")
    length: int = 0
    missing: bool = False
    """Whether something came that lacks what is before it."""
    _texts: list[str] | None = field(default_factory=list[str])
    _begun: bool = False

    def take(self, piece: Piece) -> Delta | None:
        """Give what a piece adds to what is known; `None` when that is nothing."""
        if piece.utterance != self.utterance:
            if piece.utterance[:2] <= self.utterance[:2]:
                return None
            if piece.at > 0:
                self.missing = True
                return None
            self.utterance, self.length, self.missing = piece.utterance, 0, False
            self._texts, self._begun = [], False
        elif piece.at > self.length:
            self.missing = True
            return None
        return self._add(piece)

    def _add(self, piece: Piece) -> Delta | None:
        fresh = piece.fresh and not self._begun
        text = piece.text[self.length - piece.at :]
        if not text and not fresh:
            return None
        self.missing, self._begun = False, True
        self.length += len(text)
        if self._texts is not None:
            self._texts.append(text)
        return Delta(text, fresh)

    def whole(self) -> str:
        """Give all that is known of it, unless it was let go."""
        if self._texts is not None and len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
        return self._texts[0] if self._texts else ""

    def let_go(self) -> None:
        """Keep no text of it: what it became is in the journal."""
        self._texts = None
