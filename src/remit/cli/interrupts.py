"""Interrupts: the first Ctrl-C pauses after the step under way, the second stops at once; neither loses anything."""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

from remit.cli import exits
from remit.home import Home

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Pauses a home when somebody wants the command to stop."""

    def __init__(self, home: Home, farewell: str) -> None:
        """Take what to pause, and what to say of going on when it is stopped at once."""
        self.asked = 0
        """How often somebody wanted it to stop."""
        self._home, self._farewell = home, farewell

    @contextmanager
    def heeded(self) -> Generator[None]:
        """Listen for SIGINT and SIGTERM meanwhile."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.asked += 1
        if self.asked > 1:
            # The journal holds every intent, so there is nothing to tidy up that going on would not.
            os.write(2, f"\nstopped at once; {self._farewell}\n".encode())
            os._exit(exits.PAUSED)
        self._home.lives.pause()
        os.write(2, b"\npausing after the step under way; Ctrl-C again stops at once\n")
