"""Door: the one place that knows asyncpg. Makes connections, and says in our words what went wrong with one."""

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from remit.core.errors import ConfigError, CorruptJournalError, JournalBusyError, JournalError
from remit.journal.postgres.address import Address
from remit.journal.postgres.archived import ARCHIVED, ArchivedError

INSTALL = "pip install 'remit[postgres]'"

OLDEST = 14
"""The first version of PostgreSQL that is good enough."""

Row = Sequence[Any]
"""A row as the driver gives it; whoever asks knows the types of the columns."""

_CONNECT = 10.0
"""Seconds that a connection may take, also of who waits for long statements."""

_GONE = ("08", "57P01", "57P02", "57P03", "57P05", "25006")
"""SQLSTATEs of a server that goes, comes back or is no longer the one that is written to."""
_CROWDED = ("53300", "53400", "55P03", "57014", "40001", "40P01")
"""SQLSTATEs of a server that is too busy, or where others hold what is needed."""
_UNFIT = ("22", "23", "21", "54")
"""SQLSTATEs that blame what was brought, not the server."""


class Notified(Protocol):
    """Hears a notification: connection, process, channel, payload."""

    def __call__(self, connection: Any, process: int, channel: str, payload: str, /) -> None:
        """Take it in; must not wait."""
        ...


class Line(Protocol):
    """A connection, as asyncpg has them."""

    async def fetch(self, query: str, *args: object) -> list[Row]: ...

    async def execute(self, query: str, *args: object) -> str: ...

    async def add_listener(self, channel: str, callback: Notified) -> None: ...

    async def remove_listener(self, channel: str, callback: Notified) -> None: ...

    def add_termination_listener(self, callback: Callable[[Any], None]) -> None: ...

    def get_server_version(self) -> tuple[int, ...]: ...

    def is_closed(self) -> bool: ...

    async def close(self, *, timeout: float | None = None) -> None: ...  # noqa: ASYNC109 - theirs

    def terminate(self) -> None: ...


class _Driver(Protocol):
    PostgresError: type[Exception]
    InterfaceError: type[Exception]
    InternalClientError: type[Exception]

    async def connect(self, dsn: str, **options: object) -> Line: ...


def _driver() -> _Driver:
    try:
        return cast("_Driver", importlib.import_module("asyncpg"))
    except ImportError:
        raise ConfigError(f"a journal on PostgreSQL needs asyncpg: {INSTALL}") from None


async def dial(address: Address, seconds: float, also: Mapping[str, str] | None = None) -> Line:
    """Connect; raise what the driver raises. `seconds` is how long a statement may take, and this if it is not long.

    `also` are more settings of the server.
    """
    milliseconds = max(10, int(seconds * 1000))
    settings = {
        "application_name": "remit",
        # The server gives up before we do: then it says what was in the way, and its connection stays good.
        "lock_timeout": str(milliseconds // 2),
        "statement_timeout": str(milliseconds * 4 // 5),
        "idle_in_transaction_session_timeout": str(milliseconds),
        "jit": "off",
    } | dict(also or {})
    driver = _driver()
    try:
        line = await driver.connect(
            address.url, timeout=min(seconds, _CONNECT), command_timeout=seconds, server_settings=settings
        )
    except ValueError as error:
        # Not repeated: it may quote the URL.
        raise ConfigError(f"the URL of {address.place} cannot be used ({type(error).__name__})") from None
    if line.get_server_version()[0] < OLDEST:
        line.terminate()
        raise ConfigError(f"{address.place} is too old; version {OLDEST} or later is needed")
    return line


def passing(error: Exception) -> bool:
    """Say whether it may be gone in a moment, so that what can be done twice should be tried again."""
    state = _state(error)
    return _is_broken(error) or (state is not None and state.startswith((*_GONE, *_CROWDED)))


def blames(error: Exception) -> bool:
    """Say whether what was brought is at fault, so that others who came with it may do better without."""
    if isinstance(error, UnicodeError | OverflowError):
        return True
    state = _state(error)
    if state is not None:
        return state.startswith(_UNFIT)
    # Data that cannot be sent is an `InterfaceError` which is a `ValueError` too.
    return isinstance(error, ValueError) and isinstance(error, _driver().InterfaceError)


def explain(address: Address, error: Exception, seconds: float = 0.0) -> Exception:
    """Say in our words, without what was in the statement or the URL, what went wrong."""
    if isinstance(error, JournalError | ConfigError):
        return error
    if _state(error) == ARCHIVED:
        return ArchivedError(_told(error))
    if blames(error):
        # Not repeated: it may quote what was brought.
        what = _state(error) or type(error).__name__
        return JournalError(f"{address.place} cannot store what it was given ({what})")
    state = _state(error)
    if state is None:
        return _unanswered(address, error, seconds)
    if state.startswith(_CROWDED):
        return JournalBusyError(f"{address.place} stayed busy for {seconds:.0f} s (SQLSTATE {state}); try again")
    return _explained(address, state, _told(error))


def _unanswered(address: Address, error: Exception, seconds: float) -> JournalError:
    if not _is_broken(error):
        return JournalError(f"{address.place} could not be asked ({type(error).__name__})")
    why = "it did not answer in time" if isinstance(error, TimeoutError) else _told(error)
    return JournalBusyError(
        f"{address.place} could not be reached for {seconds:.0f} s: {why}. Nothing that was confirmed is lost; "
        "see whether it runs"
    )


def _explained(address: Address, state: str, told: str) -> JournalError:
    if state.startswith("28"):
        return JournalError(f"{address.place} does not let us in: {told}. Check user and password of the URL")
    if state == "3D000":
        return JournalError(f"{address.place}: there is no such database; create it with createdb")
    if state == "53100":
        return JournalBusyError(f"no room left on the disk of {address.place}; nothing was lost. Free some")
    if state in {"XX001", "XX002"}:
        return CorruptJournalError(
            f"{address.place} is damaged ({told}); nothing was changed. Restore it from a backup"
        )
    if state in {"42501", "25006"}:
        return JournalError(f"{address.place} may not be written by this user: {told}")
    return JournalError(f"{address.place} cannot be used: {told} (SQLSTATE {state})")


def _is_broken(error: Exception) -> bool:
    if isinstance(error, OSError | TimeoutError | asyncio.IncompleteReadError):
        return True
    driver = _driver()
    if isinstance(error, ValueError):
        return False
    return isinstance(error, driver.InterfaceError | driver.InternalClientError)


def _state(error: Exception) -> str | None:
    if not isinstance(error, _driver().PostgresError):
        return None
    return str(getattr(error, "sqlstate", "") or "")


def _told(error: Exception) -> str:
    """Give the first line of a message; those of our own driver about a URL are not repeated."""
    if isinstance(error, OSError) or _state(error) is not None:
        return str(error).partition("\n")[0] or type(error).__name__
    return type(error).__name__
