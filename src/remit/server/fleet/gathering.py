"""Gathering: many jobs taken with one statement, and many that are done taken out of the queue with one.

Nothing of it waits for a disk. What a crash of the database takes back was not done, or is done again: whoever drives a
session twice finds nothing to do, and of two that drive it one is refused. What must last is in the sessions.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from remit.journal.postgres.door import Line, Row
from remit.journal.postgres.lines import Lines
from remit.journal.postgres.queue import SCHEMA

_MOST = 32
"""Jobs that are taken at once: other workers should get some too."""
_DOUBLY = "23505"
"""SQLSTATE when somebody else took another job of the same session in this moment."""

SETTINGS = {
    "search_path": f"{SCHEMA},pg_catalog",
    "synchronous_commit": "off",
    # All is found by its index, whatever a planner believes of a table that is empty now and full in a moment.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""Of the connections that this needs."""

_COLUMNS = (
    "id", "status", "task_name", "priority", "lock", "queueing_lock", "args", "scheduled_at", "queue_name", "attempts",
    "worker_id",
)  # fmt: skip
# As Procrastinate takes one: the first of each session, if none of it is under way.
_TAKE = f"""
WITH candidate AS (
    SELECT jobs.id FROM {SCHEMA}.procrastinate_jobs AS jobs
    WHERE status = 'todo' AND queue_name = ANY ($1::text[]) AND (scheduled_at IS NULL OR scheduled_at <= now())
      AND NOT EXISTS (
          SELECT FROM {SCHEMA}.procrastinate_jobs AS other
          WHERE other.lock = jobs.lock AND other.status IN ('todo', 'doing')
            AND (other.status = 'doing' OR other.priority > jobs.priority
                 OR (other.priority = jobs.priority AND other.id < jobs.id)))
    ORDER BY priority DESC, id LIMIT $3 FOR UPDATE OF jobs SKIP LOCKED)
UPDATE {SCHEMA}.procrastinate_jobs AS jobs SET status = 'doing', worker_id = $2
FROM candidate WHERE jobs.id = candidate.id
RETURNING {", ".join(f"jobs.{name}" for name in _COLUMNS)}"""
_DONE = f"DELETE FROM {SCHEMA}.procrastinate_jobs WHERE id = ANY ($1::bigint[]) AND status IN ('todo', 'doing')"


class Gathering:
    """Procrastinate's manager of jobs, but for what is done with each of them."""

    def __init__(
        self, manager: Any, made: Callable[[dict[str, Any]], Any], lines: Lines, room: Callable[[], int]
    ) -> None:
        """Take its place: `made` makes a job of a row, `room` says for how many more there is room."""
        self._manager, self._made = manager, made
        self._lines, self._room = lines, room
        self._taken: deque[Any] = deque()
        self._done: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._telling: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to it."""
        return getattr(self._manager, name)

    async def fetch_job(self, queues: Iterable[str], worker_id: int) -> Any:
        """Give the next job, or nothing."""
        if not self._taken:
            most = max(1, min(_MOST, self._room()))
            names = list(queues)
            try:
                rows = await self._lines.once(lambda line: line.fetch(_TAKE, names, worker_id, most))
            except Exception as error:
                if getattr(error, "sqlstate", None) != _DOUBLY:
                    raise
                return None
            self._taken.extend(map(self._read, sorted(rows, key=_rank)))
        return self._taken.popleft() if self._taken else None

    def _read(self, row: Row) -> Any:
        job: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
        return self._made(job | {"args": json.loads(job["args"])})

    async def finish_job(self, job: Any, status: Any, delete_job: bool) -> None:  # noqa: FBT001 - theirs
        """Take a job out of the queue that is done."""
        if not delete_job:
            await self._manager.finish_job(job=job, status=status, delete_job=delete_job)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done.append((int(job.id), future))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())
        await future

    async def _tell(self) -> None:
        while self._done:
            await asyncio.sleep(0)
            done = list(self._done)
            self._done.clear()
            try:
                await self._lines.do(lambda line, done=done: _take_out(line, [number for number, _ in done]))
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                for _, future in done:
                    if not future.done():
                        future.set_exception(error)
            else:
                for _, future in done:
                    if not future.done():
                        future.set_result(None)


async def _take_out(line: Line, numbers: list[int]) -> None:
    await line.execute(_DONE, numbers)


def _rank(row: Row) -> tuple[int, int]:
    return -row[_COLUMNS.index("priority")], row[_COLUMNS.index("id")]
