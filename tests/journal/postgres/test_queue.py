"""The queue by itself: made once, by whichever library; put off, parked, held, let go, tended, counted."""

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.journal.postgres.asking import Opened, ask

from remit.core.errors import ConfigError, NewerSchemaError
from remit.core.events import SessionClosed
from remit.journal.postgres import Patience, PostgresJournal
from remit.journal.postgres.door import Line, Row
from remit.journal.postgres.queue import install_queue
from remit.testing.journals import session_opened

PATIENCE = Patience(beat=0.1, life=0.6, poll=0.1)
JOBS = "SELECT count(*) FROM remit_queue.procrastinate_jobs"
SESSION = """
INSERT INTO remit.sessions
    (id, agent, version, tenant, parent, status, why, opened, changed, head, epoch, owner, stirred)
SELECT 's' || i, 'a', '1', 't', '', 'idle', 'message', i, i, 2, 0, '', true FROM generate_series(1, {}) AS i"""
ROW = "SELECT stirred, wake IS NOT NULL, parked::text FROM remit.sessions WHERE id = 's1'"


@pytest_asyncio.fixture
async def there(opened: Opened) -> AsyncIterator[PostgresJournal]:
    """A store with a queue."""
    journal = opened(PATIENCE)
    await journal.queue.install()
    yield journal


async def sent(journal: PostgresJournal, *statements: str) -> list[Row]:
    """Send statements over a connection of the store, where the queue's tables need no schema; give the last rows."""

    async def work(line: Line) -> list[Row]:
        rows: list[Row] = []
        await line.execute("BEGIN")
        await line.execute("SET LOCAL search_path TO remit_queue")
        for statement in statements:
            rows = await line.fetch(statement)
        await line.execute("COMMIT")
        return rows

    return await journal._lines.once(work)  # pyright: ignore[reportPrivateUsage]


def older(url: str, version: str) -> None:
    """Say that another version of the library made the queue."""
    ask(url, f"COMMENT ON SCHEMA remit_queue IS '{version}'")


async def test_all_may_make_the_queue_at_once(url: str, opened: Opened) -> None:
    journals = [opened(PATIENCE) for _ in range(6)]
    versions = await asyncio.gather(*(journal.queue.install() for journal in journals))
    assert set(versions) == {importlib.metadata.version("procrastinate")}
    assert ask(url, JOBS)[0][0] == 0
    assert await install_queue(url) == []


async def test_a_queue_of_a_newer_library_is_left_alone(url: str, there: PostgresJournal) -> None:
    older(url, "99.0.0")
    with pytest.raises(NewerSchemaError, match=r"99\.0\.0"):
        await there.queue.install()
    assert ask(url, "SELECT obj_description('remit_queue'::regnamespace)")[0][0] == "99.0.0"


async def test_a_queue_of_an_older_library_is_brought_to_the_one_here(url: str, there: PostgresJournal) -> None:
    # Nothing was changed between these two.
    older(url, "3.9.0")
    assert await install_queue(url) == [f"procrastinate {importlib.metadata.version('procrastinate')}"]
    assert await install_queue(url) == []


async def test_what_is_put_is_there_and_what_is_put_off_comes_later(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(1))
    await there.queue.put("s1", forced=True, tries=2, broke=1)
    await there.queue.put("s1", delay=60)
    await there.queue.put("nobody")
    [[args, priority], [later, last]] = ask(
        url, "SELECT (args - 'at')::text, priority FROM remit_queue.procrastinate_jobs ORDER BY id"
    )
    assert args == '{"broke": 1, "tries": 2, "forced": true, "tenant": "t", "session": "s1"}'
    assert later == '{"tenant": "t", "session": "s1"}'
    assert last < priority
    [depth] = await there.queue.depth()
    assert (depth.queue, depth.waiting, depth.taken) == ("a@1", 1, 0)
    assert depth.oldest > 0


async def test_a_stale_head_says_nothing(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(1))
    await there.queue.sleep("s1", 1, 5000, 0)
    assert tuple(ask(url, ROW)[0]) == (True, False, None)
    await there.queue.sleep("s1", 2, 5000, 0)
    assert tuple(ask(url, ROW)[0]) == (False, True, None)
    await there.queue.sleep("s1", 2, None, 0)
    assert tuple(ask(url, ROW)[0]) == (False, False, None)


async def test_who_is_held_is_not_tended_until_let_go(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(5))
    for number in range(1, 6):
        await there.queue.hold(f"s{number}")
    await there.queue.tend()
    assert ask(url, JOBS)[0][0] == 0
    assert await there.queue.let_go(2) == 5
    assert ask(url, JOBS)[0][0] == 5
    assert tuple(ask(url, ROW)[0]) == (True, False, None)
    assert await there.queue.let_go() == 0


async def test_tending_does_so_many_at_a_time(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(25), "UPDATE remit.sessions SET wake = now() - interval '1 second', stirred = false")
    assert await there.queue.tend(10)
    assert ask(url, JOBS)[0][0] == 10
    assert await there.queue.tend(10)
    assert not await there.queue.tend(10)
    assert ask(url, JOBS)[0][0] == 25
    # Each has its job now.
    ask(url, "UPDATE remit.sessions SET stirred = true")
    assert not await there.queue.tend(10)
    assert ask(url, JOBS)[0][0] == 25


async def test_tending_waits_for_nobody_who_has_a_session(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(2), "UPDATE remit.sessions SET wake = now(), stirred = false")
    lines = there._lines  # pyright: ignore[reportPrivateUsage]
    line = await lines.take()
    try:
        await line.execute("BEGIN")
        await line.execute("SELECT FROM remit.sessions WHERE id = 's1' FOR UPDATE")
        await there.queue.tend()
        assert ask(url, JOBS)[0][0] == 1
    finally:
        line.terminate()


async def test_only_one_tends_at_a_time(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(1))
    lines = there._lines  # pyright: ignore[reportPrivateUsage]
    line = await lines.take()
    try:
        await line.execute("BEGIN")
        await line.fetch("SELECT pg_advisory_xact_lock(1380275540, 1)")
        assert not await there.queue.tend()
        assert ask(url, JOBS)[0][0] == 0
    finally:
        line.terminate()


async def test_versions_that_have_sessions_are_counted_until_these_are_closed(there: PostgresJournal) -> None:
    for number, (version, ends) in enumerate((("1", False), ("1", True), ("2", False), ("3", True))):
        name = f"s{number}"
        opened = msgspec.structs.replace(session_opened(), version=version)
        tail = await there.append(name, [opened], after=0)
        if ends:
            await there.append(name, [SessionClosed("ann")], after=tail)
    counts = [(one.version, one.running, one.waiting, one.idle) for one in await there.queue.kept()]
    assert counts == [("1", 0, 0, 1), ("2", 0, 0, 1)]


async def test_what_an_operator_says_stands(there: PostgresJournal) -> None:
    await there.queue.set_term("agent", "O'Brien", rank=5)
    await there.queue.set_term("agent", "O'Brien", paused=True)
    [term] = await there.queue.terms()
    assert (term.kind, term.name, term.rank, term.paused) == ("agent", "O'Brien", 5, True)
    with pytest.raises(ConfigError, match="-100"):
        await there.queue.set_term("agent", "a", rank=101)


async def test_one_who_waits_does_not_slow_down_who_comes(url: str, there: PostgresJournal) -> None:
    """An index is used for what waits, whatever the collation of what is asked and however old the statistics."""
    ask(url, SESSION.format(300), "UPDATE remit.sessions SET tenant = 't' || number % 100")
    ask(url, "SELECT remit.defer_1(id, agent, version, tenant, '{}', 0) FROM remit.sessions")
    read = ask(
        url,
        "SELECT pg_stat_force_next_flush()" if _flushes(url) else "SELECT pg_sleep(1.1)",
        "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'procrastinate_jobs'",
    )
    assert read[0][0] == 0


def _flushes(url: str) -> bool:
    return bool(ask(url, "SELECT count(*) FROM pg_proc WHERE proname = 'pg_stat_force_next_flush'")[0][0])


Act = tuple[Literal["begin", "end", "cap", "tend"], int]
acts = st.lists(
    st.tuples(st.sampled_from(["begin", "begin", "begin", "end", "end", "cap", "tend"]), st.integers(1, 4)), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=acts)
@example(acts=[("begin", 1), ("begin", 1), ("begin", 1), ("cap", 4)])
async def test_never_more_runs_than_the_cap_and_none_parked_while_there_is_room(
    acts: Sequence[Act], there: PostgresJournal
) -> None:
    """A model of runs against the functions: jobs are done as they come, in any order of the acts."""
    await sent(
        there,
        "DELETE FROM remit.sessions",
        "DELETE FROM remit.caps",
        "DELETE FROM remit_queue.procrastinate_jobs",
        "INSERT INTO remit.accounts VALUES ('runs', 0) ON CONFLICT (name) DO UPDATE SET used = 0",
        SESSION.format(25),
        "UPDATE remit.sessions SET stirred = false",
    )
    cap, number, running = 2, 0, 0
    for act, value in [*acts, ("tend", 1)]:
        match act:
            case "begin":
                number += 1
                await there.queue.put(f"s{number}")
            case "end" if running:
                running -= 1
                await sent(
                    there, "UPDATE remit.accounts SET used = used - 1 WHERE name = 'runs'", "SELECT remit.unpark_1('t')"
                )
            case "cap":
                cap = value
                await there.queue.allow({"t": cap})
            case "tend":
                await there.queue.tend()
            case _:
                pass
        while jobs := await sent(there, "DELETE FROM remit_queue.procrastinate_jobs RETURNING lock"):
            for (session,) in jobs:
                if running < cap:
                    running += 1
                    await sent(there, "UPDATE remit.accounts SET used = used + 1 WHERE name = 'runs'")
                else:
                    await there.queue.park(session, "runs", cap)
    [[used]] = await sent(there, "SELECT used FROM remit.accounts WHERE name = 'runs'")
    [[parked]] = await sent(there, "SELECT count(*) FROM remit.sessions WHERE parked IS NOT NULL")
    assert used == running
    assert parked == 0 or running >= cap


async def test_whoever_finds_room_after_all_is_not_parked(url: str, there: PostgresJournal) -> None:
    ask(url, SESSION.format(1), "INSERT INTO remit.accounts VALUES ('runs', 1)")
    await there.queue.park("s1", "runs", 2)
    assert tuple(ask(url, ROW)[0])[2] is None
    assert ask(url, JOBS)[0][0] == 1
