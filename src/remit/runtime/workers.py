"""Workers: who drives sessions on this machine. A lock on a file tells the living from the dead, without clocks."""

import fcntl
import os
import uuid
from pathlib import Path


class LocalWorkers:
    """The one worker of a store that no other process can reach."""

    def __init__(self) -> None:
        """Take a name."""
        self._me = f"local-{uuid.uuid4().hex[:12]}"

    @property
    def me(self) -> str:
        """See `Workers.me`."""
        return self._me

    def alive(self, worker: str) -> bool:
        """See `Workers.alive`."""
        return worker == self._me


class FileWorkers:
    """Workers that hold a lock on a file of their name while they live; the system lets it go when they die."""

    def __init__(self, folder: Path) -> None:
        """Take a name and its lock."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._me = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._file = (folder / self._me).open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def me(self) -> str:
        """See `Workers.me`."""
        return self._me

    def alive(self, worker: str) -> bool:
        """See `Workers.alive`: a stopped process is alive, it may yet go on."""
        if worker == self._me:
            return True
        try:
            with (self._folder / worker).open("r") as file:
                # Shared, so that two who look at the same time do not take each other for the worker.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        (self._folder / worker).unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Die in order."""
        (self._folder / self._me).unlink(missing_ok=True)
        self._file.close()
