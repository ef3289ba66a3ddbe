"""Running: the views of a home, kept meanwhile.

Of a home in a database every server keeps its own: they are made of journals alone, so nothing is lost with them, and a
server that begins anew makes them anew, unless it was given a folder of its own to keep them in.
"""

import asyncio
import contextlib
import fcntl
import tempfile
from collections.abc import AsyncGenerator, Generator
from hashlib import sha256
from pathlib import Path

from remit.core.errors import ConfigError, RemitError
from remit.core.ports import Delta
from remit.home import MEMORY, Home
from remit.journal.postgres import Address
from remit.runtime import Session
from remit.server.exporting.following import Pace
from remit.server.projection.changing import EVERY
from remit.server.projection.files import FILE
from remit.server.projection.keeping import Keeper
from remit.server.projection.views import Views

_LAST = 2.0
"""Seconds for what came last."""


class _Ear:
    """Hears the end of one drive; meanwhile the follower looks by itself."""

    def __init__(self, keeper: Keeper, session: str) -> None:
        self._keeper, self._session = keeper, session

    def put(self, item: Delta | int) -> None:
        """Let it pass."""

    def end(self) -> None:
        self._keeper.touch(self._session)


@contextlib.asynccontextmanager
async def projecting(
    home: Home, place: str | Path, *, views: str | Path = "", pace: Pace | None = None, every: float = EVERY
) -> AsyncGenerator[Views]:
    """Keep the views of a home beside its store, which is in `place`, from before it drives its first session.

    They are in the folder `views` if one is named; those of a home in a database else in a folder that is gone with the
    process. At the end what came last is written. Raise `ConfigError` when the file cannot be used.
    """
    with _file(str(place), str(views)) as path:
        async with _kept(home, Keeper(home.store, path, pace=pace, every=every)) as found:
            yield found


@contextlib.asynccontextmanager
async def _kept(home: Home, keeper: Keeper) -> AsyncGenerator[Views]:
    def begun(living: Session) -> None:
        living.feed.attach(_Ear(keeper, living.id))

    home.lives.watch(begun)
    home.lives.listen(keeper.touch)
    running = asyncio.create_task(keeper.run(), name="remit-views")
    try:
        yield Views(keeper, home.store, home.tenants)
    finally:
        try:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            with contextlib.suppress(TimeoutError, RemitError, RuntimeError):
                # What it does not come to, or cannot write, the next process reads.
                async with asyncio.timeout(_LAST):
                    await keeper.look()
        finally:
            await keeper.close()


@contextlib.contextmanager
def _file(place: str, views: str) -> Generator[Path | None]:
    """Give the file of the views of a home, `None` for memory."""
    if place == MEMORY:
        yield None
    elif views:
        # Named after the home, or a server that was pointed at another one would show the sessions of both.
        path = Path(views) / f"views-{_name(place)}.db"
        with _alone(path):
            yield path
    elif "://" in place:
        with tempfile.TemporaryDirectory(prefix="remit-views-", ignore_cleanup_errors=True) as folder:
            yield Path(folder) / FILE
    else:
        yield Path(place) / FILE


def _name(place: str) -> str:
    # Of a database where it is, without who asks it, which may change.
    home = Address.of(place).place if "://" in place else str(Path(place).resolve())
    return sha256(home.encode()).hexdigest()[:8]


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Have a file to ourselves: each server reads all journals for its own views; two would write over each other."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("a")
    except OSError as error:
        raise ConfigError(f"views cannot be kept in {str(path.parent)!r}: {error}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another server keeps its views in {str(path.parent)!r}; give each a folder of its own"
            ) from None
        yield
