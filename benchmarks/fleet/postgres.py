"""Postgres: a server of the bench's own, which writes to disk as it would in earnest, and is weighed from outside."""

import contextlib
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from tests.journal.postgres.server import NoServerError, Server

from benchmarks.processes import Weighed

__all__ = [
    "PREFIX",
    "NoServerError",
    "ask",
    "emptied",
    "made",
    "named",
    "server",
    "serving",
    "stored_bytes",
    "table_bytes",
]

PREFIX = "bench_"
"""Databases with such a name are the bench's and may be dropped."""
_OPTIONS = {
    "fsync": "on",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}
"""Beside these all is as PostgreSQL comes: with fsync and synchronous commits."""
_HURRY = "-c statement_timeout=120s"
"""A bench that hangs measures nothing."""
_CHECKPOINTER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"


@contextlib.contextmanager
def serving(folder: Path, **options: str) -> Generator[str]:
    """Run a server meanwhile, with its data in a folder that is then taken away; give the URL of its first database."""
    shutil.rmtree(folder, ignore_errors=True)
    cluster = Server(folder, **(_OPTIONS | options))
    try:
        yield cluster.url
    finally:
        cluster.close()


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
