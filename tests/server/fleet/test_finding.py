"""Nothing is lost between two who look: wake-ups, holds, clocks, names, servers that go and come back."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.journal.postgres.asking import ask
from tests.journal.postgres.server import Server
from tests.server.agents import acting, echo
from tests.server.fleet.rig import PATIENCE, comes, ended, home, journal_of, until, working
from tests.server.fleet.test_worker import JOBS, Gate

from remit.core.agent import Agent
from remit.core.events import Event, RunOpened
from remit.core.limits import Tenant
from remit.core.ports import Alarm, Reply, Request
from remit.core.state import State
from remit.home import Home
from remit.journal.postgres import migrate
from remit.server.fleet import Worker
from remit.server.fleet.port import Handle, Job
from remit.server.fleet.worker import queue_of
from remit.testing import EffectCounter, ScriptedModel, says

PARKED = "SELECT count(*) FROM remit.sessions WHERE parked IS NOT NULL"


class Alarming:
    """A detector that finds something once."""

    sees: frozenset[type[Event]] = frozenset({RunOpened})

    def __init__(self, due: Iterator[bool]) -> None:
        """Find it while something is due."""
        self._due = due

    async def see(self, event: Event, state: State) -> Alarm | None:
        """See `Detector.see`."""
        return Alarm("strange", "pause", "strange") if next(self._due, False) else None


@pytest_asyncio.fixture
async def here(url: str) -> AsyncIterator[Home]:
    """A process that takes requests and drives nothing; there is a queue."""
    async with home(url, (Tenant(), Tenant(name="small", sessions=1))) as opened:
        await journal_of(opened).queue.install()
        yield opened


@pytest.mark.parametrize("name", ["a" * 40, "ä" * 30, "a" * 200, "with@sign", 'O\'Brien \\ "x" %s', "nul\0", " "])
async def test_agents_may_have_any_name(name: str, url: str, here: Home) -> None:
    agent = Agent(name, echo().model)
    session = await here.begin(agent, "hello", tenant="default")
    async with home(url) as there, working(there, agent):
        await until(here, session, "RunEnded")


async def test_two_agents_whose_names_and_versions_look_alike_have_queues_of_their_own(url: str, here: Home) -> None:
    one, two = Agent("echo@1", echo().model, version="2"), Agent("echo", echo().model, version="1@2")
    assert queue_of(one.name, one.version) != queue_of(two.name, two.version)
    session = await here.begin(one, "hello", tenant="default")
    async with home(url) as there, working(there, two) as idle:
        await comes(lambda: idle.working() == 0)
        async with home(url) as elsewhere, working(elsewhere, one):
            await until(here, session, "RunEnded")


async def test_a_job_of_an_agent_that_is_not_driven_here_is_left_to_others(url: str, here: Home) -> None:
    session = await here.begin(Agent("other", echo().model), "hello", tenant="default")
    ask(url, "UPDATE remit_queue.procrastinate_jobs SET queue_name = 'echo@1'")
    async with home(url) as there, working(there, echo()):
        await comes(lambda: ask(url, JOBS + " WHERE queue_name = 'other@1' AND args ->> 'tries' = '1'")[0][0] == 1)
    assert ask(url, "SELECT stirred FROM remit.sessions")[0][0] is True
    async with home(url) as there, working(there, Agent("other", echo().model)):
        await until(here, session, "RunEnded")


async def test_what_a_person_resumed_goes_on_though_its_tenant_had_no_room(url: str, here: Home) -> None:
    gate, tenants = Gate(), (Tenant(), Tenant(name="small", sessions=1))
    alarmed = iter([True])
    agent, held = Agent("alarmed", echo().model, detectors=[lambda: Alarming(alarmed)]), Agent("held", gate)
    session = await here.begin(agent, "go", tenant="small")
    async with home(url, tenants) as there, working(there, agent, held):
        await until(here, session, "RunSuspended")
        other = await here.begin(held, "go", tenant="small")
        await comes(lambda: gate.waiting == 1)
        await journal_of(here).queue.put(session, forced=True)
        await comes(lambda: ask(url, JOBS + " WHERE (args ->> 'tries')::int > 0")[0][0] == 1)
        gate.open.set()
        await until(here, other, "RunEnded")
        await until(here, session, "RunEnded")


async def test_waiting_for_another_driver_does_not_count_as_breaking(url: str, here: Home) -> None:
    asked = itertools.count()

    def turn(request: Request) -> Reply:
        if next(asked) == 0:
            raise TypeError("a mistake")
        return says("done")

    agent = Agent("broken", ScriptedModel(itertools.repeat(turn)))
    session = await here.begin(agent, "go", tenant="default")
    ask(url, "UPDATE remit_queue.procrastinate_jobs SET args = args || '{\"tries\": 4}'")
    async with home(url) as there, working(there, agent):
        await until(here, session, "RunEnded")


async def test_a_parked_session_that_cannot_go_does_not_keep_the_place_of_one_that_can(url: str, here: Home) -> None:
    gate, tenants = Gate(), (Tenant(), Tenant(name="small", sessions=1))
    agent, gone = Agent("held", gate), Agent("gone", gate)
    async with home(url, tenants) as there, home(url, tenants) as old, working(there, agent):
        first = await here.begin(agent, "go", tenant="small")
        await comes(lambda: gate.waiting == 1)
        async with working(old, gone):
            await here.begin(gone, "go", tenant="small")
            await comes(lambda: ask(url, PARKED)[0][0] == 1)
        # Nobody drives that one any more, and it has waited longest.
        last = await here.begin(agent, "go", tenant="small")
        await comes(lambda: ask(url, PARKED)[0][0] == 2)
        gate.open.set()
        await until(here, first, "RunEnded")
        await until(here, last, "RunEnded")


async def test_a_tenant_that_may_have_more_runs_has_them_at_once(url: str, here: Home) -> None:
    gate = Gate()
    agent = Agent("held", gate)
    async with home(url, (Tenant(), Tenant(name="small", sessions=1))) as there, working(there, agent):
        for _ in range(4):
            await here.begin(agent, "go", tenant="small")
        await comes(lambda: gate.waiting == 1 and ask(url, PARKED)[0][0] == 3)
        async with home(url, (Tenant(), Tenant(name="small", sessions=3))) as more, working(more, agent):
            await comes(lambda: gate.waiting == 3)
            gate.open.set()
            await ended(here, 4)


async def test_who_is_held_just_after_all_were_let_go_is_found(url: str, here: Home) -> None:
    queue = journal_of(here).queue
    session = await here.begin(echo(), "hello", tenant="default")
    held = itertools.chain(["held"], itertools.repeat(""))
    async with home(url) as there, working(there, echo(), held=lambda tenant, agent: next(held)):
        await until(here, session, "RunEnded")
    await comes(lambda: ask(url, PARKED)[0][0] == 0)
    # Whoever would have let it go died.
    await queue.hold(session)
    await here.send(session, "again")
    ask(url, "SET search_path TO remit_queue", "DELETE FROM procrastinate_jobs")
    [[soon]] = ask(url, "SELECT wake < now() + interval '11 minutes' FROM remit.sessions")
    assert soon
    ask(url, "UPDATE remit.sessions SET wake = now()")
    async with home(url) as there, working(there, echo()):
        await until(here, session, "RunEnded", times=2)
    assert ask(url, PARKED)[0][0] == 0


async def test_two_changes_in_a_row_let_all_go(url: str, here: Home) -> None:
    """The second comes while what the first let go is held again."""
    off = {"a", "b"}
    agents = [Agent(name, echo().model) for name in sorted(off)]
    sessions = [await here.begin(agent, "hello", tenant="default") for agent in agents]
    async with home(url) as there, working(there, *agents, held=lambda _, agent: "off" if agent in off else "") as one:
        await comes(lambda: ask(url, PARKED)[0][0] == 2)
        off.discard("a")
        one.switched()
        await asyncio.sleep(0)
        off.discard("b")
        one.switched()
        for session in sessions:
            await until(here, session, "RunEnded")


async def test_a_clock_that_is_behind_has_nobody_called_again_and_again(url: str, here: Home) -> None:
    effect = EffectCounter()
    agent = acting(effect, asks=True)
    queue = journal_of(here).queue
    async with home(url) as there, working(there, agent) as worker:
        session = await here.begin(agent, "act", tenant="default")
        await until(here, session, "RunSuspended")
        await comes(lambda: worker.working() == 0 and ask(url, JOBS)[0][0] == 0)
    [[head]] = ask(url, "SELECT head FROM remit.sessions")
    [[now]] = ask(url, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    # A question lapsed a minute ago, and whoever looks believes that this is ten seconds ahead.
    lapsed = int(now) - 60_000
    await queue.sleep(session, head, lapsed, lapsed - 10_000)
    left = "SELECT extract(epoch FROM wake - clock_timestamp())::float8 FROM remit.sessions"
    assert 5 < ask(url, left)[0][0] <= 10
    await queue.sleep(session, head, lapsed, lapsed - 10_000_000)
    assert 20 < ask(url, left)[0][0] <= 30
    # A clock that is ahead changes nothing.
    await queue.sleep(session, head, int(now) + 60_000, int(now) + 90_000)
    assert 50 < ask(url, left)[0][0] <= 60


async def test_jobs_go_on_being_taken_while_one_that_outlived_the_connection_is_under_way(server: Server) -> None:
    await migrate(server.url)
    gate = Gate()
    slow, quick = Agent("held", gate), echo()
    async with home(server.url) as here, home(server.url) as there, working(there, slow, quick) as worker:
        first = await here.begin(slow, "go", tenant="default")
        await comes(lambda: gate.waiting == 1)
        server.kill()
        server.start()
        second = await here.begin(quick, "hello", tenant="default")
        await until(here, second, "RunEnded")
        assert worker.working() == 1
        gate.open.set()
        await until(here, first, "RunEnded")
        assert gate.most == 1


async def test_a_job_is_not_lost_however_long_the_database_is_away(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(server.url)
    agent = Agent("unheard", echo().model)
    caplog.set_level(logging.WARNING, "remit.fleet")
    hasty = replace(PATIENCE, outage=0.2)
    async with home(server.url) as here, home(server.url, patience=hasty) as there:
        await journal_of(here).queue.install()
        session = await here.begin(agent, "go", tenant="default")
        taken: list[Handle] = []

        class Once:
            """Gives one job, by itself."""

            async def take(self, handle: Handle, queues: object, at_once: int) -> None:
                """See `Jobs.take`."""
                taken.append(handle)
                await asyncio.Event().wait()

        worker = Worker(there, {"unheard": agent}, Once())
        await worker.start()
        await comes(lambda: bool(taken))
        ask(server.url, "SET search_path TO remit_queue", "DELETE FROM procrastinate_jobs")
        server.kill()
        working_on = asyncio.ensure_future(taken[0](Job(session, forced=True)))
        await comes(lambda: caplog.text.count(f"session {session}") >= 2)
        assert not working_on.done()
        server.start()
        await working_on
        jobs = ask(server.url, JOBS + " WHERE args ->> 'forced' = 'true'")[0][0]
        assert jobs == 1 or (await here.session(session)).last is not None
        await worker.drain(1)
