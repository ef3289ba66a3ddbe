"""Homes on PostgreSQL: agents run in it, a second worker keeps off, and killed workers repeat nothing."""

import asyncio
import random
import sys
from pathlib import Path

import pytest
from tests.journal.postgres.asking import ask
from tests.journal.postgres.life import CALLS, agent, counted, home, take_up

from remit.core.errors import SessionBusyError
from remit.core.events import EffectEnded
from remit.core.ports import SessionQuery
from remit.journal.postgres import Patience, PostgresJournal

SESSIONS, WORKERS, KILLS = 8, 3, 8


async def test_an_agent_runs_and_its_lease_ends_with_its_run(url: str, tmp_path: Path) -> None:
    journal = PostgresJournal(url)
    async with home(journal) as here:
        result = await here.run(agent(counted(tmp_path)), "go", session="s")
        assert (result.status, result.output) == ("done", "done")
        [[owner, epoch, head]] = ask(url, "SELECT owner, epoch, head FROM remit.sessions")
        assert (owner, epoch, head) == ("", 1, len(await here.store.read("s")))
        assert journal.workers.held == {}
        assert await journal.used("runs/tenant/t") == 0


async def test_a_second_worker_keeps_off_until_the_first_is_dead(url: str, tmp_path: Path) -> None:
    tool = counted(tmp_path)
    one = PostgresJournal(url)
    going = asyncio.Event()

    async with home(one) as here, home(PostgresJournal(url)) as there:

        def wait(moment: str) -> None:
            going.set()
            raise KeyboardInterrupt

        tool.around = wait
        with pytest.raises(KeyboardInterrupt):
            await here.run(agent(tool), "go", session="s")
        assert going.is_set()
        tool.around = lambda moment: None
        with pytest.raises(SessionBusyError, match=f"is being driven by worker {one.workers.me}"):
            await there.resume(agent(tool), "s")
        await one.close()
        await take_up(there, tool, "s")
        assert (await there.session("s")).run is None
    assert tool.twice() == []


async def start(url: str, folder: Path) -> asyncio.subprocess.Process:
    """Start a worker and wait until it lives."""
    command = (sys.executable, str(Path(__file__).with_name("life.py")), url, str(folder))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.slow
async def test_killed_workers_repeat_nothing_and_others_finish_their_sessions(url: str, tmp_path: Path) -> None:
    lots = random.Random(7)
    tool = counted(tmp_path)
    journal = PostgresJournal(url, patience=Patience(life=0.6))
    async with home(journal) as here:
        for number in range(SESSIONS):
            await here.begin(agent(tool), "go", tenant="t", session=f"s{number}")
        workers = [await start(url, tmp_path) for _ in range(WORKERS)]
        for _ in range(KILLS):
            # Not to wait for anything: this is the random moment.
            await asyncio.sleep(lots.uniform(0, 0.3))
            victim = workers.pop(0)
            if victim.returncode is None:
                victim.kill()
            await victim.wait()
            workers.append(await start(url, tmp_path))
        for worker in workers:
            assert await asyncio.wait_for(worker.wait(), 60) == 0
        rows = await here.sessions(SessionQuery(limit=100))
        assert {row.why for row in rows} == {"done"}
        assert tool.twice() == []
        for row in rows:
            records = await here.store.read(row.id)
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            ended = [record.event.outcome.call for record in records if isinstance(record.event, EffectEnded)]
            assert len(set(ended)) == len(ended)
        assert len(tool.happened()) == SESSIONS * CALLS
        assert await journal.used("runs/tenant/t") == 0
