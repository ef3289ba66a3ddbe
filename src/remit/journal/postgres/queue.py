"""The queue's side of the database: what is to be driven is deferred here, by the transaction that makes it so.

Jobs are Procrastinate's, in a schema of their own. Nothing is lost with one of them: what can go on is known from the
sessions themselves, and `tend` defers again what is not in the queue though it should be.
"""

import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from remit.core.errors import ConfigError, NewerSchemaError
from remit.journal.postgres.address import Address
from remit.journal.postgres.door import INSTALL, Line
from remit.journal.postgres.lines import Lines, Patience
from remit.journal.postgres.schema import LOCK, UNHURRIED
from remit.journal.postgres.workers import PostgresWorkers

SCHEMA = "remit_queue"
"""Where the tables of the queue are."""
TASK = "remit.drive"
"""What every job is for."""

_FOREVER = 1 << 53
_LONGEST_LEFT = 30.0
"""Seconds by which a clock that is behind puts a session off at most."""

_EXTRAS = f"""
CREATE INDEX remit_jobs_by_lock ON {SCHEMA}.procrastinate_jobs (lock) WHERE status IN ('todo', 'doing');
CREATE INDEX remit_jobs_by_tenant ON {SCHEMA}.procrastinate_jobs ((args ->> 'tenant'));
ALTER TABLE {SCHEMA}.procrastinate_jobs
    SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
ALTER TABLE {SCHEMA}.procrastinate_events
    SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
"""
"""Its own indexes find the other jobs of a session by reading all that wait, and who takes one reads what is dead."""
_QUIET = f"""
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT tgname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid = '{SCHEMA}.procrastinate_jobs'::regclass AND NOT tgisinternal
          AND proname ~ '_(status|scheduled)_events'
    LOOP
        EXECUTE format('ALTER TABLE {SCHEMA}.procrastinate_jobs DISABLE TRIGGER %I', one.tgname);
    END LOOP;
END
$$;
"""
"""Its history of a job, three rows that went with the job, is in the session; when it was deferred is in the job."""

_MOST = 1000
"""Sessions that one statement looks after."""

_DEFER = """
SELECT remit.defer_1(id, agent, version, tenant, $2::text::jsonb, $3) FROM remit.sessions WHERE id = $1"""
_ASLEEP = """
UPDATE remit.sessions SET stirred = false, parked = NULL, wake = due.at
FROM (SELECT greatest(to_timestamp($3::bigint / 1000.0), clock_timestamp() + make_interval(secs => $4))) AS due (at)
WHERE id = $1 AND head = $2 AND (stirred OR parked IS NOT NULL OR wake IS DISTINCT FROM due.at)"""
# Looked at again by itself now and then, should whoever would let it go have died just before.
_HOLD = """
UPDATE remit.sessions SET parked = 'infinity', wake = clock_timestamp() + (1 + random()) * interval '5 minutes'
WHERE id = $1"""
_LET_GO = """
WITH freed AS (
    UPDATE remit.sessions SET parked = NULL, wake = NULL
    WHERE number IN (SELECT number FROM remit.sessions WHERE parked = 'infinity' LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id, agent, version, tenant)
SELECT id, remit.defer_1(id, agent, version, tenant, '{}', 0) FROM freed"""
_DEPTH = f"""
SELECT queue_name, count(*) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())),
       count(*) FILTER (WHERE status = 'doing'),
       coalesce(extract(epoch FROM clock_timestamp()) - min((args ->> 'at')::float8) FILTER (
           WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())), 0)::float8
FROM {SCHEMA}.procrastinate_jobs
WHERE status IN ('todo', 'doing') GROUP BY queue_name ORDER BY queue_name"""
_KEPT = """
SELECT agent, version, count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'waiting'),
       count(*) FILTER (WHERE status = 'idle')
FROM remit.sessions WHERE status IN ('running', 'waiting', 'idle') GROUP BY agent, version ORDER BY agent, version"""
_ALLOW = """
UPDATE remit.caps SET cap = now.cap FROM unnest($1::text[], $2::bigint[]) AS now (tenant, cap)
WHERE caps.tenant = now.tenant AND caps.cap <> now.cap"""
_TERMS = "SELECT kind, name, rank, paused FROM remit.terms ORDER BY kind, name"
_SET_TERM = """
INSERT INTO remit.terms (kind, name, rank, paused) VALUES ($1, $2, coalesce($3, 0), coalesce($4, false))
ON CONFLICT (kind, name) DO UPDATE SET rank = coalesce($3, terms.rank), paused = coalesce($4, terms.paused)"""


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits in one queue: the jobs of an agent's version."""

    queue: str
    waiting: int
    """Jobs that could be taken now."""
    taken: int
    oldest: float
    """Seconds since the oldest that waits was deferred; 0 when none does."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The sessions of an agent's version that are not closed: for as long as there are any, somebody must have it."""

    agent: str
    version: str
    running: int
    waiting: int
    """For a person, or for a time."""
    idle: int


@dataclass(frozen=True, slots=True)
class Term:
    """What an operator says of an agent, a tenant or the whole fleet."""

    kind: str
    name: str
    rank: int
    """Higher goes first; 0 for those of whom nothing is said."""
    paused: bool


async def install_queue(url: str, *, patience: Patience | None = None) -> list[str]:
    """Make the queue of a store, or bring it to the version of the library here, and say what was done.

    Raise `ConfigError` without the library, `NewerSchemaError` when a newer one made the queue.
    """
    scripts = _scripts()
    lines = Lines(Address.of(url), patience or UNHURRIED, 1)
    try:
        return await lines.do(lambda line: _bring(line, scripts))
    finally:
        await lines.close()


class PostgresQueue:
    """What there is to do, for whoever does it: put it there, take it back, put it off."""

    def __init__(self, lines: Lines, workers: PostgresWorkers) -> None:
        """Work over these connections, beside these workers."""
        self._lines, self._workers = lines, workers

    async def install(self) -> str:
        """Make the queue, or bring it to the version of the library here, and give that version.

        Raise `ConfigError` without the library, `NewerSchemaError` when a newer one made the queue.
        """
        scripts = _scripts()
        await self._lines.do(lambda line: _bring(line, scripts))
        return scripts.version

    async def put(
        self, session: str, *, forced: bool = False, tries: int = 0, broke: int = 0, delay: float = 0.0
    ) -> None:
        """Have a session driven, after `delay` seconds; `forced` goes on with one that sleeps until it is resumed.

        `tries` and `broke` say how often it was tried in vain, and how often its own code broke.
        """
        told = {name: said for name, said in (("forced", forced), ("tries", tries), ("broke", broke)) if said}
        await self._lines.do(lambda line: line.execute(_DEFER, session, json.dumps(told), delay))

    async def sleep(self, session: str, head: int, at: int | None, now: int) -> None:
        """Say that there is nothing to do in a session as of its event `head`, before `at` if there is a time.

        Milliseconds since the epoch; `now` is it by the clock of whoever says so: one that is behind would be called at
        once, and find again that it is too early. When somebody wrote to the session meanwhile nothing is said.
        """
        when = None if at is None else min(at, _FOREVER)
        left = None if at is None else min(max(at - now, 0) / 1000, _LONGEST_LEFT)
        await self._lines.do(lambda line: line.execute(_ASLEEP, session, head, when, left))

    async def park(self, session: str, account: str, cap: int) -> None:
        """Have a session wait until a run of its tenant ends, for which there is a cap in an account."""

        async def work(line: Line) -> bool:
            [[parked]] = await line.fetch("SELECT remit.park_1($1, $2, $3)", session, account, cap)
            return bool(parked)

        if not await self._lines.do(work):
            await self.put(session)

    async def hold(self, session: str) -> None:
        """Have a session wait until `let_go`, or for some minutes."""
        await self._lines.do(lambda line: line.execute(_HOLD, session))

    async def let_go(self, most: int = _MOST) -> int:
        """Have all driven that are held, so many at a time, and say how many there were; who must not is held again."""
        count = 0
        while True:
            rows = await self._lines.do(lambda line: line.fetch(_LET_GO, most))
            count += len(rows)
            if len(rows) < most:
                return count

    async def allow(self, caps: Mapping[str, int | None]) -> None:
        """Say how many runs tenants may have now, any number with `None`: there may be room for those who wait."""
        most = [_FOREVER if cap is None else cap for cap in caps.values()]
        await self._lines.do(lambda line: line.execute(_ALLOW, list(caps), most))

    async def tend(self, most: int = _MOST) -> bool:
        """Give the work of the dead to others, wake who is to be looked at, so many at once; say whether there is more.

        Does nothing while another process does it.
        """
        [[done]] = await self._lines.do(
            lambda line: line.fetch(
                "SELECT remit.tend_1($1, $2, $3)", self._workers.me, self._lines.patience.life, most
            )
        )
        return int(done) >= most

    async def depth(self) -> list[Depth]:
        """Say what waits."""
        rows = await self._lines.do(lambda line: line.fetch(_DEPTH))
        return [Depth(str(queue), int(waiting), int(taken), float(oldest)) for queue, waiting, taken, oldest in rows]

    async def kept(self) -> list[Kept]:
        """Say which versions of agents have sessions that are not closed; reads the whole list of sessions."""
        rows = await self._lines.do(lambda line: line.fetch(_KEPT))
        return [Kept(str(agent), str(version), *map(int, counts)) for agent, version, *counts in rows]

    async def terms(self) -> list[Term]:
        """Give what an operator says of who goes first and what stands still."""
        rows = await self._lines.do(lambda line: line.fetch(_TERMS))
        return [Term(str(kind), str(name), int(rank), bool(paused)) for kind, name, rank, paused in rows]

    async def set_term(self, kind: str, name: str, *, rank: int | None = None, paused: bool | None = None) -> None:
        """Say it; what is left out stays as it is. The fleet has no name."""
        if rank is not None and not -100 <= rank <= 100:
            raise ConfigError(f"a rank is from -100 to 100, not {rank}")
        await self._lines.do(lambda line: line.execute(_SET_TERM, kind, name, rank, paused))


@dataclass(frozen=True, slots=True)
class _Scripts:
    """What the library brings to make its tables."""

    version: str
    folder: Path


def _scripts() -> _Scripts:
    found = importlib.util.find_spec("procrastinate")
    if found is None or found.origin is None:
        raise ConfigError(f"a queue needs an extra: {INSTALL}")
    return _Scripts(importlib.metadata.version("procrastinate"), Path(found.origin).parent / "sql")


async def _bring(line: Line, scripts: _Scripts) -> list[str]:
    # Whoever gave us the line ends it when this raises, and with it the transaction.
    await line.execute("BEGIN")
    await line.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    changed = await _change(line, scripts)
    await line.execute("COMMIT")
    return [f"procrastinate {scripts.version}"] if changed else []


async def _change(line: Line, scripts: _Scripts) -> bool:
    [[known]] = await line.fetch("SELECT obj_description(to_regnamespace($1)::oid, 'pg_namespace')", SCHEMA)
    if known == scripts.version:
        return False
    if known is None:
        await line.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    elif _figures(str(known)) > _figures(scripts.version):
        raise NewerSchemaError(
            f"the queue was made by procrastinate {known}, and {scripts.version} is installed here; nothing was "
            "changed. Install the newer one"
        )
    await line.execute(f"SET LOCAL search_path TO {SCHEMA}, pg_catalog")
    if known is None:
        await line.execute((scripts.folder / "schema.sql").read_text(encoding="utf-8"))
        await line.execute(_EXTRAS)
    else:
        for step in sorted((scripts.folder / "migrations").glob("*.sql")):
            if _figures(str(known)) < _figures(step.name.partition("_")[0]) <= _figures(scripts.version):
                await line.execute(step.read_text(encoding="utf-8"))
    await line.execute(_QUIET)
    await line.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{scripts.version}'")
    return True


def _figures(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3] if part.isdigit()]
