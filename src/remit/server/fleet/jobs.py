"""Jobs: takes them from Procrastinate. The one place that knows its Python; what defers them is in the database."""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Collection
from typing import Any

from remit.core.errors import ConfigError
from remit.journal.postgres import Address, Patience
from remit.journal.postgres.door import INSTALL
from remit.journal.postgres.lines import Lines
from remit.journal.postgres.queue import SCHEMA, TASK
from remit.server.fleet.gathering import SETTINGS, Gathering
from remit.server.fleet.port import Handle, Job

_log = logging.getLogger("remit.fleet")

_CONNECTIONS = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds before the database is tried again after it went away."""

_UNDER_WAY = f"SELECT id FROM {SCHEMA}.procrastinate_jobs WHERE worker_id = $1 AND status = 'doing'"
_AGAIN = "SELECT remit.again_1($1)"


class ProcrastinateJobs:
    """The jobs of a database, for one worker of it."""

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        """Take them from the queue that `PostgresQueue.install` made; nothing is connected yet."""
        self._url, self._patience = url, patience or Patience()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._worker: Any = None
        self._lines = Lines(Address.of(url), self._patience, 2, SETTINGS)

    async def take(self, handle: Handle, queues: Collection[str], at_once: int) -> None:
        """See `Jobs.take`; goes on when the database was away, and what is under way meanwhile goes on too."""
        library, room = _library(), asyncio.Semaphore(at_once)

        async def one(job: Job) -> None:
            # Those that outlived who took them count too.
            async with room:
                await handle(job)

        minding = asyncio.create_task(self._mind())
        taking = asyncio.create_task(self._keep_taking(library, one, queues, at_once))
        try:
            await asyncio.shield(taking)
        finally:
            if self._worker is not None:
                # From here on those under way are waited for.
                self._worker.shutdown_graceful_timeout = None
            for task in (taking, minding):
                task.cancel()
            await asyncio.gather(taking, minding, return_exceptions=True)
            if self._running:
                await asyncio.wait(self._running.values())
            await self._lines.close()

    async def _keep_taking(self, library: Any, handle: Handle, queues: Collection[str], at_once: int) -> None:
        pause, now = _FIRST_PAUSE, asyncio.get_running_loop().time
        while True:
            began = now()
            try:
                # The library's connections are tried again ever more rarely; ours are not.
                await self._lines.do(lambda line: line.execute("SELECT 1"))
                await self._take(library, handle, queues, at_once)
            except Exception as error:  # noqa: BLE001 - whatever ended it, jobs are taken for as long as we live
                _log.warning("jobs cannot be taken now: %s", type(error).__name__)
            # One that worked for a while is tried again soon.
            pause = _FIRST_PAUSE if now() - began > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _take(self, library: Any, handle: Handle, queues: Collection[str], at_once: int) -> None:
        app = library.App(connector=library.PsycopgConnector(pool_factory=_pool, **self._connections()))
        read = importlib.import_module("procrastinate.jobs").Job.from_row
        app.job_manager = Gathering(app.job_manager, read, self._lines, lambda: at_once - len(self._running))

        @app.task(name=TASK, pass_context=True)
        async def drive(context: Any, session: str, **said: Any) -> None:
            job = Job(session, bool(said.get("forced")), int(said.get("tries", 0)), int(said.get("broke", 0)))
            await asyncio.shield(self._begin(int(context.job.id), handle, job))

        beat, life = self._patience.beat, self._patience.life
        async with app.open_async():
            self._worker = importlib.import_module("procrastinate.worker").Worker(
                app,
                queues=list(queues),
                concurrency=at_once,
                fetch_job_polling_interval=beat,
                # Nothing of ours aborts a job: what is to stop is told in the session.
                abort_job_polling_interval=3600.0,
                # It ends when it cannot reach its database, and would take no job before the last is done.
                shutdown_graceful_timeout=0.0,
                install_signal_handlers=False,
                delete_jobs="always",
                update_heartbeat_interval=beat,
                stalled_worker_timeout=10 * life,
            )
            await self._worker.run()

    def _begin(self, number: int, handle: Handle, job: Job) -> asyncio.Task[None]:
        """Do a job in a task that does not end with whoever took it."""

        async def do() -> None:
            await handle(job)

        def done(task: asyncio.Task[None]) -> None:
            if self._running.get(number) is task:
                del self._running[number]
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("the job of session %s broke", job.session, exc_info=error)

        task = self._running[number] = asyncio.create_task(do(), name=f"remit-{job.session}")
        task.add_done_callback(done)
        return task

    def _connections(self) -> dict[str, Any]:
        wait = max(int(self._patience.statement), 1)
        return {
            "conninfo": self._url,
            "min_size": 1,
            "max_size": _CONNECTIONS,
            "timeout": self._patience.statement,
            "reconnect_timeout": self._patience.outage,
            "kwargs": {
                "options": f"-c search_path={SCHEMA},pg_catalog -c statement_timeout={wait * 1000}",
                "connect_timeout": wait,
                # A server that went without a word is noticed.
                "keepalives_idle": wait,
                "keepalives_interval": wait,
                "keepalives_count": 2,
                "tcp_user_timeout": wait * 1000,
                "application_name": "remit worker",
            },
        }

    async def _mind(self) -> None:
        """Give back what the database says we do and we do not: the word that it was done did not arrive."""
        before: set[int] = set()
        while True:
            await asyncio.sleep(self._patience.life)
            me = getattr(self._worker, "worker_id", None)
            if me is None:
                continue
            with contextlib.suppress(Exception):
                rows = await self._lines.once(lambda line, me=me: line.fetch(_UNDER_WAY, me))
                left = {int(job) for (job,) in rows} - self._running.keys()
                # One that was taken just now may not run yet.
                for job in left & before:
                    await self._lines.once(lambda line, job=job: line.fetch(_AGAIN, job))
                before = left


def _library() -> Any:
    try:
        return importlib.import_module("procrastinate")
    except ImportError as error:
        raise ConfigError(f"a worker needs an extra: {INSTALL} ({error})") from error


def _pool(**options: Any) -> Any:
    # A statement is one round trip instead of four; a connection that broke is found out by the first that uses it.
    made = options | {"check": None, "configure": _alone}
    return importlib.import_module("psycopg_pool").AsyncConnectionPool(**made)


async def _alone(line: Any) -> None:
    await line.set_autocommit(True)
