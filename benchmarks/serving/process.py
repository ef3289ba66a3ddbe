"""Process: a server under measurement: started on a core of its own, weighed from outside, ended with its children."""

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

from tests.ports import free_port

from benchmarks.launch import environment
from benchmarks.processes import TICK, tree
from benchmarks.serving.servers import Server

FILES = 65_536
PAGE = os.sysconf("SC_PAGE_SIZE")


class Weighed:
    """The server and what it started, as the kernel sees them."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Take the process and where it listens."""
        self._process, self.port = process, port

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def cpu(self) -> float:
        """Return the seconds of CPU it has taken, those of children that have ended too."""
        return sum(sum(map(int, stat[11:15])) for stat in tree(self._process.pid).values()) / TICK

    def memory(self) -> float:
        """Return its resident memory in KB."""
        return sum(int(stat[21]) for stat in tree(self._process.pid).values()) * PAGE / 1024

    def waited(self) -> float:
        """Return the seconds in which its first thread could have run and did not; 0 where that is not told."""
        try:
            return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0


def raise_limit() -> None:
    """Let this process, and those it starts, open as many files as they may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def cores() -> tuple[set[int], set[int]]:
    """Return the core for the server and those for the driver; where there is one, they share it."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others[:1]) or {first}


@contextlib.contextmanager
def started(server: Server, folder: Path) -> Generator[Weighed]:
    """Run a server meanwhile. It stays in our process group, so that whoever kills us kills it too."""
    port = free_port()
    theirs, ours = cores()
    environ = environment() | dict(server.environ)
    before = os.sched_getaffinity(0)
    with (folder / "log.txt").open("wb") as log:
        os.sched_setaffinity(0, theirs)
        try:
            process = subprocess.Popen(server.command(port, folder), cwd=folder, env=environ, stdout=log, stderr=log)
        finally:
            os.sched_setaffinity(0, ours)
    try:
        yield Weighed(process, port)
    finally:
        end(process)
        os.sched_setaffinity(0, before)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all below it; nothing of it is needed any more."""
    for pid in tree(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def last_words(folder: Path) -> str:
    """Return the end of what a server said, for an error."""
    lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
    return lines[-1][:150] if lines else "it said nothing"
