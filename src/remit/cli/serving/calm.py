"""Calm: what a process says at its terminal again and again while something is away, it says now and then."""

import contextlib
import logging
import time
from collections.abc import Callable, Generator

_OFTEN = 60.0
"""Seconds in which the same is said once."""
_THEIRS = frozenset({"procrastinate", "psycopg"})
"""Libraries that write down the whole way an error took, for each attempt; what came of it our own words say."""
_KEPT = 1000


class Calm:
    """Lets a line through that was not said within the last minute, and what libraries say in one line of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Have heard nothing."""
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to let it through; see `logging.Handler.addFilter`."""
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        # Of a task of theirs that nobody waited for, asyncio tells.
        theirs = _theirs(record.name) or (record.name == "asyncio" and _theirs(type(error).__module__))
        if theirs:
            why = f" ({_first(str(_cause(error)))})" if error is not None else ""
            record.msg, record.args = _first(text) + why, ()
            record.exc_info = record.exc_text = None
        key = (record.name, record.funcName if theirs else text)
        now = self._clock()
        if now - self._said.get(key, float("-inf")) < _OFTEN:
            return False
        if len(self._said) >= _KEPT:
            self._said.clear()
        self._said[key] = now
        return True


def _theirs(name: str) -> bool:
    return name.partition(".")[0] in _THEIRS


def _cause(error: BaseException) -> BaseException:
    """Give what an error began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _first(text: str) -> str:
    return text.partition("\n")[0]


@contextlib.contextmanager
def calm() -> Generator[None]:
    """Be calm at the terminal meanwhile; logs that go elsewhere have all of it."""
    terminal, calm = logging.lastResort, Calm()
    if terminal is None:
        yield
        return
    terminal.addFilter(calm)
    try:
        yield
    finally:
        terminal.removeFilter(calm)
