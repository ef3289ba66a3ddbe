"""Database: a PostgreSQL of the run's own, which can be killed, started again, and have its disk filled."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.journal.postgres.server import NoServerError, Server, programs

_OPTIONS = {
    "max_connections": "150",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "log_min_messages": "warning",
}
_DISK = 640
"""Megabytes of the disk that can be filled."""
_SECONDS = 60.0
_PIECE = 1 << 20


class Database:
    """One cluster below a folder of its own; on a small disk of its own too where we may mount one."""

    def __init__(self) -> None:
        """Make the cluster and start it; raise `NoServerError` when there is no PostgreSQL here."""
        self.folder = Path(tempfile.mkdtemp(prefix="remit-chaos-", dir="/tmp"))
        self.small = self._mounted()
        """Whether the disk is so small that it can be filled."""
        try:
            self._server = Server(self.folder, **_OPTIONS)
        except NoServerError:
            self._unmount()
            raise

    @property
    def url(self) -> str:
        """Where it is."""
        return self._server.url

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def _mounted(self) -> bool:
        if os.geteuid() != 0:
            return False
        command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}m", "remit-chaos", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _unmount(self) -> None:
        if self.small:
            subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)

    def start(self) -> None:
        """Start it, again until it does: what was killed may still hold on to its memory."""
        end = time.monotonic() + _SECONDS
        while True:
            try:
                self._server.start()
            except subprocess.SubprocessError:
                if time.monotonic() > end:
                    raise
                if not self.runs():
                    time.sleep(0.2)
                else:
                    # It came up by itself, or takes its time.
                    self.kill()
            else:
                return

    def runs(self) -> bool:
        """Say whether its first process is there."""
        pid = self._pid()
        # The number may be another's by now.
        return pid is not None and _lives(pid) and str(self._data).encode() in _command(pid)

    def _pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        return None

    def kill(self) -> None:
        """End all its processes as a power cut would, and wait until they are gone."""
        pid = self._pid()
        if pid is None:
            return
        everything = [pid, *_children(pid)] if self.runs() else _children(pid)
        for one in everything:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        _gone(everything)

    def fill(self) -> None:
        """Leave no room on its disk."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:
            for size in (_PIECE, 4096):
                with contextlib.suppress(OSError):
                    while ballast.write(b"x" * size):
                        pass

    def free(self) -> None:
        """Give the room back, and start what did not survive the want of it."""
        self._ballast.unlink(missing_ok=True)
        if not self.runs():
            self.start()

    def dump(self, to: Path) -> None:
        """Write all that is in it to a file."""
        with to.open("wb") as file:
            subprocess.run(
                [str(programs() / "pg_dump"), "-d", self.url],
                check=False,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=120,
            )

    def log(self) -> str:
        """Give what it said."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """End it and take the folder away."""
        self.kill()
        self._unmount()
        shutil.rmtree(self.folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == pid:
                    found.append(int(folder.name))
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _gone(processes: list[int]) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and any(_lives(pid) for pid in processes):
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
