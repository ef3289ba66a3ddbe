"""Workers take what the database has for them, whoever wrote it, and lose nothing with one of them."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.journal.postgres.asking import ask
from tests.server.agents import acting, echo
from tests.server.fleet.rig import comes, ended, home, journal_of, until, working

from remit.core.agent import Agent
from remit.core.events import EffectStarted, RunOpened
from remit.core.limits import Tenant
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.home import Home
from remit.models.prices import FREE
from remit.policy import AskBefore
from remit.testing import EffectCounter, ScriptedModel, says

JOBS = "SELECT count(*) FROM remit_queue.procrastinate_jobs"


class Gate:
    """A model that answers when it is let, and counts who waits."""

    def __init__(self) -> None:
        """Be closed."""
        self.spec = ModelSpec("gate", FREE)
        self.open = asyncio.Event()
        self.waiting = 0
        self.most = 0
        self.order: list[str] = []

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Wait, then answer."""
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        self.order.append(request.session)
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        return says("done")


@pytest_asyncio.fixture
async def here(url: str) -> AsyncIterator[Home]:
    """A process that takes requests and drives nothing; there is a queue."""
    async with home(url, (Tenant(), Tenant(name="noisy", sessions=100), Tenant(name="small", sessions=2))) as opened:
        await journal_of(opened).queue.install()
        yield opened


async def test_what_one_process_is_told_another_does(url: str, here: Home) -> None:
    async with home(url) as there, working(there, echo()):
        session = await here.begin(echo(), "hello", tenant="default")
        records = await until(here, session, "RunEnded")
        assert (await here.session(session)).last is not None
        [opened] = [record.event for record in records if isinstance(record.event, RunOpened)]
        assert opened.worker == journal_of(there).workers.me
        await here.send(session, "again")
        await until(here, session, "RunEnded", times=2)


async def test_a_question_takes_no_worker_and_its_answer_by_anybody_wakes_the_session(url: str, here: Home) -> None:
    effect = EffectCounter()
    agent = acting(effect, asks=True)
    async with home(url) as there, working(there, agent) as worker:
        session = await here.begin(agent, "act", tenant="default")
        await until(here, session, "RunSuspended")
        await comes(lambda: worker.working() == 0 and ask(url, JOBS)[0][0] == 0)
        [[owner, stirred, wake]] = ask(url, "SELECT owner, stirred, wake IS NOT NULL FROM remit.sessions")
        assert (owner, stirred, wake) == ("", False, True)
        await here.approve(session, by="ann")
        await until(here, session, "RunEnded")
    assert len(effect.called()) == 1


async def test_a_question_that_lapses_is_found_by_the_clock_of_the_database(url: str, here: Home) -> None:
    effect = EffectCounter()
    agent = acting(effect, guard=AskBefore("effect", expires=1.0))
    async with home(url) as there, working(there, agent):
        session = await here.begin(agent, "act", tenant="default")
        await until(here, session, "RunEnded")
    assert len(effect.called()) == 0


async def test_a_worker_that_is_taken_for_dead_is_replaced_and_writes_nothing_when_it_wakes_up(
    url: str, here: Home
) -> None:
    stuck, quick = Gate(), Gate()
    quick.open.set()
    async with home(url) as zombie, home(url) as there, working(zombie, Agent("held", stuck)):
        session = await here.begin(Agent("held", stuck), "hello", tenant="default")
        await comes(lambda: stuck.waiting == 1)
        for task in asyncio.all_tasks():
            # Its signs of life, of which the queue has its own.
            if "_live" in str(task.get_coro()) or task.get_name() in {"update_heartbeats", "remit-tending"}:
                task.cancel()
        async with working(there, Agent("held", quick)):
            records = await until(here, session, "RunEnded")
            drivers = [worker for record in records if (worker := getattr(record.event, "worker", ""))]
            assert drivers == [journal_of(one).workers.me for one in (zombie, there)]
            stuck.open.set()
            await comes(lambda: stuck.waiting == 0 and not zombie.lives.drives(session))
            await comes(lambda: ask(url, JOBS)[0][0] == 0)
            assert await here.store.read(session) == records


async def test_a_tenant_has_no_more_runs_than_it_may_and_all_come_to_their_turn(url: str, here: Home) -> None:
    gate = Gate()
    agent = Agent("held", gate)
    tenants = (Tenant(), Tenant(name="small", sessions=2))
    async with (
        home(url, tenants) as one,
        home(url, tenants) as two,
        working(one, agent),
        working(two, agent),
    ):
        for number in range(8):
            await here.begin(agent, "go", tenant="small", session=f"s{number}")
        parked = "SELECT count(*) FROM remit.sessions WHERE parked IS NOT NULL"
        await comes(lambda: gate.waiting == 2 and ask(url, parked)[0][0] == 6)
        gate.open.set()
        await ended(here, 8)
        assert gate.most == 2
        assert await here.store.used("runs/tenant/small") == 0


async def test_a_quiet_tenant_does_not_wait_for_all_of_a_noisy_one(url: str, here: Home) -> None:
    gate = Gate()
    gate.open.set()
    agent = Agent("held", gate)
    for number in range(30):
        await here.begin(agent, "go", tenant="noisy", session=f"noisy{number}")
    await here.begin(agent, "go", tenant="default", session="quiet")
    async with home(url, (Tenant(), Tenant(name="noisy"))) as there, working(there, agent, at_once=1):
        await ended(here, 31)
    assert gate.order.index("quiet") <= 1


async def test_who_has_a_higher_rank_goes_first(url: str, here: Home) -> None:
    gate = Gate()
    gate.open.set()
    agents = [Agent("slow", gate), Agent("urgent", gate)]
    queue = journal_of(here).queue
    await queue.set_term("agent", "urgent", rank=5)
    for number in range(5):
        await here.begin(agents[0], "go", tenant="default", session=f"slow{number}")
    await here.begin(agents[1], "go", tenant="default", session="urgent")
    async with home(url) as there, working(there, *agents, at_once=1):
        await ended(here, 6)
    assert gate.order[0] == "urgent"


@pytest.mark.parametrize(("kind", "name"), [("fleet", ""), ("tenant", "default"), ("agent", "clerk")])
async def test_what_an_operator_pauses_stops_after_its_step_and_goes_on_when_he_says_so(
    kind: str, name: str, url: str, here: Home
) -> None:
    effect = EffectCounter(pause=0.05)
    agent = acting(effect, times=20)
    queue = journal_of(here).queue
    async with home(url) as there, working(there, agent) as worker:
        session = await here.begin(agent, "act", tenant="default")
        await until(here, session, "EffectEnded", times=3)
        await queue.set_term(kind, name, paused=True)
        await until(here, session, "RunSuspended")
        await comes(lambda: worker.working() == 0)
        done = len(effect.called())
        await here.send(session, "go on")
        await comes(lambda: worker.working() == 0 and ask(url, JOBS)[0][0] == 0)
        assert len(effect.called()) == done
        await queue.set_term(kind, name, paused=False)
        records = await until(here, session, "RunEnded")
    # What was said meanwhile begins another run.
    assert sum(isinstance(record.event, EffectStarted) for record in records) == 20
    assert effect.twice() == []


async def test_a_worker_that_stops_hands_its_sessions_to_another(url: str, here: Home) -> None:
    effect = EffectCounter(pause=0.05)
    agent = acting(effect, times=20)
    sessions = [await here.begin(agent, "act", tenant="default") for _ in range(3)]
    async with home(url) as one, home(url) as two:
        async with working(one, agent):
            await until(here, sessions[0], "EffectEnded", times=5)
        async with working(two, agent):
            drivers: set[str] = set()
            for session in sessions:
                records = await until(here, session, "RunEnded")
                drivers |= {getattr(record.event, "worker", "") for record in records} - {""}
                assert [record.event for record in records if type(record.event).__name__ == "EffectInDoubt"] == []
    assert len(drivers) == 2
    assert len(effect.called()) == 60
    assert effect.twice() == []


async def test_sessions_are_driven_by_those_who_have_their_version(url: str, here: Home) -> None:
    old, new = (
        Agent("echo", ScriptedModel(itertools.repeat(says("old")))),
        Agent("echo", ScriptedModel(itertools.repeat(says("new"))), version="2"),
    )
    first = await here.begin(old, "hello", tenant="default")
    second = await here.begin(new, "hello", tenant="default")
    async with home(url) as there, home(url) as elsewhere:
        async with working(there, new):
            await until(here, second, "RunEnded")
            await here.send(second, "again")
            await until(here, second, "RunEnded", times=2)
            assert (await here.session(first)).runs == 0
        async with working(elsewhere, new, adopts=[("echo", "1")]):
            await until(here, first, "RunEnded")
    last = (await here.session(first)).last
    assert last is not None
    assert last.output == "new"


async def test_a_session_whose_own_code_breaks_sleeps_after_a_few_tries(url: str, here: Home) -> None:
    def breaks(request: Request) -> Reply:
        raise TypeError("a mistake")

    agent = Agent("broken", ScriptedModel(itertools.repeat(breaks)))
    session = await here.begin(agent, "go", tenant="default")
    async with home(url) as there, working(there, agent, echo()):
        await until(here, session, "RunSuspended")
        well = await here.begin(echo(), "hello", tenant="default")
        await until(here, well, "RunEnded")
    run = (await here.session(session)).run
    assert run is not None
    assert run.suspended is not None
    assert run.suspended.why == "alarm"
    assert "a mistake" not in run.suspended.question


async def test_work_whose_job_was_lost_is_found(url: str, here: Home) -> None:
    session = await here.begin(echo(), "hello", tenant="default")
    ask(url, "SET search_path TO remit_queue", "DELETE FROM procrastinate_jobs")
    async with home(url) as there, working(there, echo()):
        await until(here, session, "RunEnded")


async def test_a_job_that_seems_under_way_forever_is_given_again(url: str, here: Home) -> None:
    async with home(url) as there, working(there, echo()):
        first = await here.begin(echo(), "hello", tenant="default")
        await until(here, first, "RunEnded")
        await comes(lambda: ask(url, JOBS)[0][0] == 0)
        # The word that it was done did not arrive, and the worker lives on.
        ask(
            url,
            "INSERT INTO remit_queue.procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id) "
            f"SELECT 'echo@1', 'remit.drive', '{first}', '{{\"session\": \"{first}\", \"tenant\": \"\"}}', 'doing', "
            "max(id) FROM remit_queue.procrastinate_workers",
        )
        await here.send(first, "again")
        await until(here, first, "RunEnded", times=2)


async def test_where_there_is_no_queue_nothing_waits_in_one(url: str) -> None:
    async with home(url) as alone:
        result = await alone.run(echo(), "hello")
        assert result.status == "done"
        await alone.send(result.session, "again")
    assert ask(url, "SELECT to_regclass('remit_queue.procrastinate_jobs')")[0][0] is None


async def test_who_drives_a_session_itself_calls_no_worker_for_it(url: str, here: Home) -> None:
    result = await here.run(echo(), "hello")
    assert result.status == "done"
    assert ask(url, JOBS)[0][0] == 0


async def test_ten_messages_at_once_are_ten_messages(url: str, here: Home) -> None:
    session = await here.begin(echo(), "0", tenant="default")
    async with home(url) as one, home(url) as two, working(one, echo()), working(two, echo()):
        await asyncio.gather(*(here.send(session, str(number), key=f"k{number}") for number in range(1, 10)))
        await comes(lambda: ask(url, JOBS)[0][0] == 0)
        state = await here.session(session)
    assert not state.inbox
    assert state.run is None
    runs = [record.event for record in await here.store.read(session) if isinstance(record.event, RunOpened)]
    assert 1 <= len(runs) <= 10
    assert not any(isinstance(record.event, EffectStarted) for record in await here.store.read(session))
