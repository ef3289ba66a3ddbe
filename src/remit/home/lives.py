"""Lives: the sessions that this process drives, each by one driver."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from remit.core.errors import SessionBusyError
from remit.runtime import RunResult, Said, Session
from remit.runtime.session import PAUSED

HANDED_BACK = "handed back: the process that drove it stopped; the next one goes on with it"
"""What the run of a session says that is to go on by itself, unlike one that a person paused."""


class Lives:
    """Who is being driven now."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._active: dict[str, Session | None] = {}
        self._told: list[Callable[[Session], None]] = []
        self._stirred: list[Callable[[str], None]] = []

    def watch(self, tell: Callable[[Session], None]) -> None:
        """Have somebody told of each session that is about to be driven, before it does anything."""
        self._told.append(tell)

    def listen(self, tell: Callable[[str], None]) -> None:
        """Have somebody told of each session that something was written to while nobody drives it here."""
        self._stirred.append(tell)

    def stir(self, name: str) -> None:
        """Say that something was written to a session that nobody drives here."""
        for tell in self._stirred:
            tell(name)

    def drives(self, name: str) -> bool:
        """Say whether a session is being driven here, or is about to be."""
        return name in self._active

    def living(self, name: str) -> Session | None:
        """Give a session that is being driven here; `None` for any other."""
        return self._active.get(name)

    @contextmanager
    def begin(self, name: str) -> Generator[None]:
        """Be the one in this process who drives a session, from before the first await on; `drive` ends it."""
        if name in self._active:
            raise SessionBusyError(f"session {name!r} is being driven in this process; use `send` to leave a message")
        self._active[name] = None
        try:
            yield
        except BaseException:
            del self._active[name]
            raise

    def heed(self, living: Session) -> None:
        """Let a session that begins hear when all are to pause."""
        self._active[living.id] = living
        for tell in self._told:
            tell(living)

    async def drive(self, living: Session, said: Said | None = None, trace: str = "") -> RunResult:
        """Drive a session until it is idle or waits, with what is said to it from somewhere in a trace."""
        try:
            if said is not None:
                await living.hear(said, trace=trace)
            return await living.run()
        finally:
            self._active.pop(living.id, None)
            living.feed.end()

    def pause(self, why: str = PAUSED, which: Callable[[Session], bool] | None = None) -> None:
        """Have all stop after the step they are in, or only some of them."""
        for living in self._active.values():
            if living is not None and (which is None or which(living)):
                living.pause(why)
