"""Waiting: what sessions cost that wait for a person, and how soon all go on when everybody decides at once."""

import asyncio
import time

from benchmarks.fleet.agents import quick
from benchmarks.fleet.crew import StuckError
from benchmarks.fleet.flowing import LIMIT, Meter, warm
from benchmarks.fleet.postgres import ask, stored_bytes, table_bytes
from benchmarks.fleet.yard import TENANT, Site, Yard, each, finished, first, yard
from benchmarks.measure import Figures
from benchmarks.serving.ruler import percentile
from benchmarks.world import hold_prompt
from remit.core.events import ApprovalGiven, RunResumed

STEPS = 1
"""Taken by a session before it waits."""
_WAITING = "SELECT count(*) FROM remit.sessions WHERE status = 'waiting'"
_JOURNAL = "SELECT sum(octet_length(body)) FROM remit.batches"
SETTLE = 3.0
_FILLERS = 200
_COPY = """
WITH made AS (
    INSERT INTO remit.sessions (id, agent, version, tenant, parent, status, why, opened, changed, head, epoch, owner,
                                stirred, wake, parked)
    SELECT id || '-' || copy, agent, version, tenant, parent, status, why, opened, changed, head, epoch, owner,
           stirred, wake, parked
    FROM remit.sessions, generate_series(%s::int, %s::int) AS copy WHERE id ~ '^s[0-9]+$'
    RETURNING number, id)
INSERT INTO remit.batches (session, seq, at, mark, body)
SELECT made.number, batches.seq, batches.at, batches.mark, batches.body
FROM made JOIN remit.sessions AS origin ON origin.id = split_part(made.id, '-', 1)
JOIN remit.batches ON batches.session = origin.number"""
"""More sessions like those there are: what waits is its rows, and nobody looks into them."""
_COPIES = 5
"""Of each, in a statement."""


async def fill(here: Yard, names: list[str]) -> None:
    """Bring sessions to where they wait, by the driver's own hand: as a worker does, without one."""

    async def one(name: str) -> None:
        result = await here.home.run(quick, hold_prompt(STEPS), session=name, tenant=TENANT)
        if result.status != "waiting":
            raise StuckError(f"a session is {result.status}, and does not wait: {result.reason}")

    await each(names, one, _FILLERS)


async def multiplied(here: Yard, real: int, sessions: int) -> int:
    """Copy the sessions there are until there are about so many; give how many there are."""
    copies = max(0, sessions // real - 1)
    for low in range(1, copies + 1, _COPIES):
        await asyncio.to_thread(ask, here.url, _COPY, low, min(low + _COPIES - 1, copies))
    return real * (copies + 1)


async def asleep(site: Site, workers: int, sizes: tuple[int, int], seconds: float) -> Figures:
    """Have many sessions wait; return what they take on disk, and what the fleet does meanwhile.

    The second size is how many are brought there in earnest, whose room on disk is taken; the others are copies.
    """
    many, sessions = sizes
    async with yard(site, 0) as here:
        await fill(here, ["first"])
        before, journal = stored_bytes(here.url), int(ask(here.url, _JOURNAL)[0][0])
        tables = table_bytes(here.url)
        began = time.perf_counter()
        await fill(here, [f"s{number}" for number in range(sessions)])
        took = time.perf_counter() - began
        ask(here.url, "CHECKPOINT")
        grown = stored_bytes(here.url) - before
        said = int(ask(here.url, _JOURNAL)[0][0]) - journal
        parts = {name: size - tables.get(name, 0) for name, size in table_bytes(here.url).items()}
        all_of_them = await multiplied(here, sessions, many)
        ask(here.url, "VACUUM ANALYZE")
        ask(here.url, "CHECKPOINT")
        await here.crew.start(workers)
        await asyncio.sleep(SETTLE)
        meter = Meter(here)
        await asyncio.sleep(seconds)
        worker, served, _, others = meter.read()
        memory = here.crew.weighed.memory() / workers
        if int(ask(here.url, _WAITING)[0][0]) != all_of_them + 1:
            raise StuckError("sessions did not go on waiting")
    async with yard(site, workers) as empty:
        await asyncio.sleep(SETTLE)
        meter = Meter(empty)
        await asyncio.sleep(seconds)
        idle_worker, idle_served, _, _ = meter.read()
        rest = empty.crew.weighed.memory() / workers
    return {
        "fill_s": took,
        "waiting": float(all_of_them),
        "bytes": grown / sessions,
        "journal_bytes": said / sessions,
        "beyond_bytes": (grown - said) / sessions,
        "batches_bytes": parts.get("remit.batches", 0) / sessions,
        "sessions_bytes": parts.get("remit.sessions", 0) / sessions,
        "accounts_bytes": parts.get("remit.accounts", 0) / sessions,
        "queue_bytes": sum(size for name, size in parts.items() if name.startswith("remit_queue")) / sessions,
        "worker_ms_s": worker / seconds / workers * 1e3,
        "server_ms_s": served / seconds * 1e3,
        "empty_worker_ms_s": idle_worker / seconds / workers * 1e3,
        "empty_server_ms_s": idle_served / seconds * 1e3,
        "memory_mb": memory,
        "empty_memory_mb": rest,
        "others": others * 100,
    }


async def storm(site: Site, workers: int, sessions: int) -> Figures:
    """Have all waiting sessions decided at once; return how soon they went on."""
    async with yard(site, workers) as here:
        await warm(here)
        names = [f"s{number}" for number in range(sessions)]
        await fill(here, names)
        await asyncio.sleep(SETTLE)
        meter, start = Meter(here), time.time() * 1e3

        async def grant(name: str) -> None:
            await here.home.approve(name, by="bench")

        await each(names, grant, sessions)
        granted = time.time() * 1e3
        await here.done(LIMIT)
        worker, served, _, others = meter.read()
        waits: list[float] = []
        resumed: list[int] = []
        for records in await here.journals(names):
            given = first(records, ApprovalGiven)
            back = [record.at for record in records if isinstance(record.event, RunResumed)]
            if given is None or not back or not finished(records):
                raise StuckError("a session did not go on")
            waits.append(back[0] - given.at)
            resumed.append(back[0])
        return {
            "granted_s": (granted - start) / 1e3,
            "all_s": (max(resumed) - start) / 1e3,
            "p50_ms": percentile(waits, 0.5),
            "p95_ms": percentile(waits, 0.95),
            "worker_us": worker / sessions * 1e6,
            "server_us": served / sessions * 1e6,
            "others": others * 100,
        }
