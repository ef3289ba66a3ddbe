"""Deltas: text of sessions that any process of the fleet drives, as it is written, to whoever reads them here.

Only what somebody watches is told, to those processes where they are. Whatever is lost on the way is missing at the end
of what a reader was shown, never within it, and is said again when it was noticed; the journal has the whole message.
"""

import asyncio
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from remit.home import Home
from remit.server.fleet.signals import Signals, read, written
from remit.server.fleet.telling import Tell, Telling
from remit.server.fleet.wire import CALLS, WATCHES, watches
from remit.server.service.pieces import Piece

GATHER = 0.01
"""Seconds between two messages of a process that drives sessions, which gather what came meanwhile."""
RENEW = 3.0
"""Seconds after which whoever watches says so again."""
_ASK_AGAIN = 0.5
"""Seconds between two wishes to have one utterance from its beginning."""

Kind = Literal["watch", "again", "leave"]


class Deltas:
    """What the streams of this process hear, see `Elsewhere`, and what its sessions tell those of others.

    Use it as an async context manager.
    """

    def __init__(self, signals: Signals, home: Home, *, gather: float = GATHER, renew: float = RENEW) -> None:
        """Speak through signals for the sessions of a home, which nobody drives yet."""
        self.name = f"remit_deltas_{secrets.token_hex(8)}"
        """The channel of this process."""
        self._signals, self._renew = signals, renew
        self.telling = Telling(signals, home, self.name, gather)
        self._readers: dict[str, Tell] = {}
        self._wishes: dict[str, Kind] = {}
        self._wishing: asyncio.Handle | None = None
        self._asked: dict[str, float] = {}
        self._ends: list[Callable[[], None]] = []
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to hear."""
        self._ends = [
            self._signals.hear(self.name, self._heard, self._repeat),
            self._signals.hear(WATCHES, self.telling.heard, self._call),
            self._signals.hear(CALLS, self._called),
        ]
        self._renewing = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hear and say nothing more."""
        for end in self._ends:
            end()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self._wishing is not None:
            self._wishing.cancel()
        self.telling.close()
        self._say("leave", tuple(self._readers))

    # -- who reads here, see `Elsewhere` ----------------------------------------------------------------------------

    def watch(self, session: str, tell: Tell) -> None:
        """See `Elsewhere.watch`."""
        self._readers[session] = tell
        self.telling.attach(session, tell)
        self._wish("again", session)

    def again(self, session: str) -> None:
        """See `Elsewhere.again`; wishes that come too soon after each other are one."""
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(session, float("-inf")) >= _ASK_AGAIN:
            self._asked[session] = now
            self._wish("again", session)

    def leave(self, session: str) -> None:
        """See `Elsewhere.leave`."""
        self._readers.pop(session, None)
        self._asked.pop(session, None)
        self.telling.detach(session)
        self._wish("leave", session)

    def _wish(self, kind: Kind, session: str) -> None:
        """Say it with all others of this turn of the loop; the last word on a session counts."""
        self._wishes[session] = kind
        if self._wishing is None:
            self._wishing = asyncio.get_running_loop().call_soon(self._say_wishes)

    def _say_wishes(self) -> None:
        self._wishing = None
        wishes, self._wishes = self._wishes, {}
        kinds: tuple[Kind, ...] = ("again", "leave")
        for kind in kinds:
            self._say(kind, tuple(session for session, wish in wishes.items() if wish == kind))

    def _say(self, kind: Kind, sessions: tuple[str, ...]) -> None:
        for watch in watches(kind, self.name, sessions):
            self._signals.say(WATCHES, written(watch))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._renew)
            self._say("watch", tuple(self._readers))
            self.telling.lapse()

    # -- what is heard ---------------------------------------------------------------------------------------------

    def _repeat(self) -> None:
        """Say again who is watched here: what was said meanwhile was not heard."""
        self._say("again", tuple(self._readers))

    def _call(self) -> None:
        """Ask who watches: what they said before was not heard."""
        self._signals.say(CALLS, written(self.name))

    def _called(self, payload: str) -> None:
        if read(payload, str) != self.name:
            self._say("watch", tuple(self._readers))

    def _heard(self, payload: str) -> None:
        for piece in read(payload, tuple[Piece, ...]) or ():
            tell = self._readers.get(piece.session)
            if tell is not None:
                tell(piece)
