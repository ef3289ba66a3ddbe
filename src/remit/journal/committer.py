"""Committers: how the works of many sessions come to share a transaction. One writer a store, group commit.

A work checks before it writes, so one that raises a `RemitError` has changed nothing and its neighbours go on.
"""

import asyncio
import queue
import sqlite3
import threading
import types
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from remit.core.errors import JournalError, RemitError
from remit.journal.database import BUSY_SECONDS, explain, is_busy

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Committer(Protocol):
    """Runs works in transactions, in the order they came, and answers when they are durable."""

    syncs: int
    """How many commits asked the disk to be sure."""

    async def do(self, work: Work[T], *, urgent: bool = True) -> T:
        """Run a work and commit; `urgent` ones survive a power cut where the store promises that."""
        ...

    async def close(self) -> None:
        """Finish what is queued."""
        ...


@dataclass(slots=True, eq=False)
class _Job:
    work: Work[Any]
    urgent: bool = True
    future: "asyncio.Future[Any] | None" = None
    done: bool = False
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Tell whoever waits."""
        self.done = True
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)

    def outcome(self) -> Any:
        """Give what came of it."""
        if self.error is not None:
            raise self.error
        return self.result


def _transact(connection: sqlite3.Connection, jobs: list[_Job], path: Path) -> None:
    """Run all jobs in one transaction; raise only when the database is busy."""
    connection.execute("BEGIN IMMEDIATE")
    spoiler = None
    try:
        spoiler = _run(connection, jobs, path)
        if spoiler is None:
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        for job in jobs:
            job.error = explain(path, error)
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    rest = [job for job in jobs if job is not spoiler]
    if spoiler is not None and rest:
        # What it wrote before it broke is undone, and what its neighbours wrote too: they come again without it.
        _transact(connection, rest, path)


def _run(connection: sqlite3.Connection, jobs: list[_Job], path: Path) -> _Job | None:
    """Run the jobs up to the first that breaks, and give that one."""
    for job in jobs:
        try:
            job.result, job.error = job.work(connection), None
        except RemitError as error:
            job.error = error
        except Exception as error:  # noqa: BLE001 - whoever brings what cannot be stored is told, and nobody else suffers
            job.error = explain(path, error) if isinstance(error, sqlite3.Error) else error
            return job
    return None


@types.coroutine
def _turn() -> Generator[None]:
    """Let all others who are ready have their turn."""
    yield


class TickCommitter:
    """Commits in the event loop, once a tick: no thread hop. Survives the death of the process, not of the machine."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take over the store's only writing connection."""
        connection.execute("PRAGMA busy_timeout = 0")
        self.syncs = 0
        self._connection, self._path = connection, path
        self._jobs: list[_Job] = []
        self._waited = 0.0
        self._closed = False

    async def do(self, work: Work[T], *, urgent: bool = True) -> T:
        """See `Committer.do`; all works are equally urgent here."""
        if self._closed:
            raise JournalError(f"{self._path} was closed")
        job = _Job(work, urgent)
        self._jobs.append(job)
        if len(self._jobs) == 1:
            # The first of a tick commits for all who come before its next turn.
            try:
                await _turn()
            finally:
                self._commit()
            if job.done:
                return job.outcome()
        job.future = asyncio.get_running_loop().create_future()
        return await job.future

    def _commit(self) -> None:
        jobs = self._jobs
        try:
            _transact(self._connection, jobs, self._path)
        except sqlite3.Error as error:
            if is_busy(error) and self._waited < BUSY_SECONDS:
                # Another process writes. Waiting in SQLite would stop every session of this one.
                pause = min(0.001 + self._waited, 0.05)
                self._waited += pause
                asyncio.get_running_loop().call_later(pause, self._commit)
                return
            for job in jobs:
                job.error = explain(self._path, error)
        self._waited = 0.0
        self._jobs = []
        for job in jobs:
            job.settle()

    async def close(self) -> None:
        """See `Committer.close`."""
        self._closed = True
        while self._jobs:
            await _turn()


class ThreadCommitter:
    """Commits in one thread, with one fsync for all urgent works that wait. Survives a power cut."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take over the store's only writing connection."""
        self.syncs = 0
        self._connection, self._path = connection, path
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"remit-writer-{path.name}", daemon=True)
        self._thread.start()
        self._closed = False

    async def do(self, work: Work[T], *, urgent: bool = True) -> T:
        """See `Committer.do`."""
        if self._closed:
            raise JournalError(f"{self._path} was closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Job(work, urgent, future))
        return await future

    def _serve(self) -> None:
        going_on = True
        while going_on:
            jobs: list[_Job] = []
            job = self._queue.get()
            while job is not None:
                jobs.append(job)
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
            else:
                going_on = False
            if jobs:
                self._commit(jobs)

    def _commit(self, jobs: list[_Job]) -> None:
        sure = any(job.urgent for job in jobs)
        try:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if sure else 'NORMAL'}")
            _transact(self._connection, jobs, self._path)
        except sqlite3.Error as error:
            for job in jobs:
                job.error = explain(self._path, error)
        self.syncs += sure
        loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in jobs:
            assert job.future is not None
            loops.setdefault(job.future.get_loop(), []).append(job)
        for loop, mine in loops.items():
            # A loop that is gone has nobody left who waits.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, mine)

    async def close(self) -> None:
        """See `Committer.close`."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
