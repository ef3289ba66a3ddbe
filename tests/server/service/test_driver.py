"""The driver: takes up what is to be done, tries again what could not be, and hands back what it must leave."""

import asyncio
import contextlib
import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from tests.server.agents import HeldModel, acting, echo
from tests.server.rig import TENANTS, principal

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.limits import Tenant
from remit.core.moves import Brief, Strategy
from remit.core.ports import SessionQuery, ToolContext
from remit.core.state import State
from remit.core.values import JsonValue, now_ms
from remit.home import HANDED_BACK, Home, Settings
from remit.policy import AskBefore
from remit.runtime import decide
from remit.server.service import Driver, RefusedError, Service, Wish
from remit.testing import EchoModel, EffectCounter, ScriptedModel, says, use
from remit.tools import tool

ME = principal()


async def _state(home: Home, session: str) -> State:
    return State.fold(record.event for record in await home.store.read(session))


async def _until(home: Home, session: str, *kinds: str, after: int = 0) -> int:
    async for record in home.store.follow(session, after=after):
        if type(record.event).__name__ in kinds:
            return record.seq
    raise AssertionError


async def _rests(driver: Driver) -> None:
    for _ in itertools.takewhile(lambda _: driver.working(), itertools.count()):
        await asyncio.sleep(0)


async def test_what_an_earlier_process_left_is_taken_up_at_the_start(tmp_path: Path) -> None:
    settings = Settings(tenants=TENANTS)
    async with Home.open(tmp_path, settings) as home:
        unread = await home.begin(echo(), "hello", tenant="acme")
        asking = acting(EffectCounter(), asks=True)
        waiting = await home.begin(asking, "act", tenant="acme")
        assert (await home.resume(asking, waiting)).status == "waiting"
        await decide(home.store, waiting, "", granted=False, by="bob")
        silent = await home.begin(echo(), tenant="acme")
    async with Home.open(tmp_path, settings) as home:
        service = Service(home, [echo(), acting(EffectCounter(), asks=True)])
        await service.start()
        await asyncio.gather(_until(home, unread, "RunEnded"), _until(home, waiting, "RunEnded"))
        assert (await _state(home, silent)).seq == 1
        await service.drain(5)


async def test_a_drained_session_says_why_it_sleeps_and_goes_on_in_the_next_process(tmp_path: Path) -> None:
    effect = EffectCounter(pause=0.01, path=tmp_path / "effects")
    async with Home.open(tmp_path, Settings(tenants=TENANTS)) as home:
        service = Service(home, [acting(effect, times=20)])
        session = (await service.begin(ME, Wish("clerk", "act"))).view.id
        await _until(home, session, "EffectStarted")
        await service.drain(20)
        run = (await _state(home, session)).run
        assert run is not None
        assert run.suspended is not None
        assert run.suspended.question == HANDED_BACK
        # It takes up nothing more.
        service.driver.wake(session)
        assert service.driver.working() == 0
    async with Home.open(tmp_path, Settings(tenants=TENANTS)) as home:
        service = Service(home, [acting(effect, times=20)])
        await service.start()
        await _until(home, session, "RunEnded")
        await service.drain(5)
    assert len(effect.called()) == 20
    assert not effect.twice()


async def test_a_step_that_outlasts_the_grace_is_cut_off_and_found_again(tmp_path: Path) -> None:
    model = HeldModel()
    async with Home.open(tmp_path, Settings(tenants=TENANTS)) as home:
        service = Service(home, [Agent("held", model)])
        session = (await service.begin(ME, Wish("held", "go"))).view.id
        await model.asked.wait()
        await service.drain(0.01)
        run = (await _state(home, session)).run
        assert run is not None
        assert run.suspended is None
    model.go = asyncio.Semaphore(3)
    async with Home.open(tmp_path, Settings(tenants=TENANTS)) as home:
        service = Service(home, [Agent("held", model)])
        await service.start()
        await _until(home, session, "RunEnded")
        await service.drain(5)


async def test_a_question_that_nobody_answers_lapses_by_itself() -> None:
    effect = EffectCounter()
    model = ScriptedModel([says("", use("effect")), says("well")])
    agent = Agent("clerk", model, tools=[effect], guards=[AskBefore("effect", expires=timedelta(milliseconds=30))])
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        service = Service(home, [agent])
        session = (await service.begin(ME, Wish("clerk", "act"))).view.id
        await _until(home, session, "RunEnded")
        assert effect.called() == []
        await service.drain(5)


async def test_a_session_for_which_there_is_no_room_is_tried_again() -> None:
    held = HeldModel()
    tenants = (Tenant(name="acme", sessions=1),)
    async with Home.open("memory", Settings(tenants=tenants)) as home:
        service = Service(home, [Agent("held", held), echo()])
        first = (await service.begin(ME, Wish("held", "go"))).view.id
        await held.asked.wait()
        second = (await service.begin(ME, Wish("echo", "go"))).view.id
        for _ in range(3):
            held.go.release()
        await asyncio.gather(_until(home, first, "RunEnded"), _until(home, second, "RunEnded"))
        await service.drain(5)


async def test_a_session_that_another_process_drives_is_looked_at_again_afterwards(tmp_path: Path) -> None:
    held = HeldModel(pieces=["same"])
    settings = Settings(tenants=TENANTS)
    async with Home.open(tmp_path, settings) as theirs, Home.open(tmp_path, settings) as home:
        session = await theirs.begin(Agent("held", held), "one", tenant="acme")
        driving = asyncio.create_task(theirs.resume(Agent("held", held), session))
        await held.asked.wait()
        service = Service(home, [Agent("held", held)])
        await service.post(ME, session, "two")
        for _ in range(3):
            held.go.release()
        await driving
        first = await _until(home, session, "RunEnded")
        await _until(home, session, "RunEnded", after=first)
        await service.drain(5)


async def test_a_thing_that_breaks_one_session_leaves_the_others_alone() -> None:
    broken = Agent("broken", ScriptedModel(itertools.repeat(lambda request: 1 / 0)))  # type: ignore[arg-type, return-value]
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        service = Service(home, [broken, Agent("echo", EchoModel())])
        await service.begin(ME, Wish("broken", "go"))
        session = (await service.begin(ME, Wish("echo", "go"))).view.id
        await _until(home, session, "RunEnded")
        await service.drain(5)


async def test_many_sessions_at_once_all_get_their_turn() -> None:
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        service = Service(home, [acting(EffectCounter(), times=2)])
        begun = await asyncio.gather(*(service.begin(ME, Wish("clerk", f"{n}")) for n in range(50)))
        await asyncio.gather(*(_until(home, one.view.id, "RunEnded") for one in begun))
        rows = await home.sessions(SessionQuery(status="idle", tenant="acme"))
        assert len(rows) == 50
        await service.drain(5)


async def test_two_agents_of_one_name_are_not_served_together() -> None:
    async with Home.open("memory") as home:
        with pytest.raises(ConfigError, match="same name"):
            Service(home, [echo(), echo()])


async def test_what_another_process_leaves_later_is_found_too(tmp_path: Path) -> None:
    settings = Settings(tenants=TENANTS)
    asking = acting(EffectCounter(), asks=True)
    async with Home.open(tmp_path, settings) as theirs, Home.open(tmp_path, settings) as home:
        driver = Driver(home, {one.name: one for one in (echo(), asking)}, look_again=0.01)
        await driver.start()
        unread = await theirs.begin(echo(), "hello", tenant="acme")
        await _until(home, unread, "RunEnded")
        waiting = await theirs.begin(asking, "act", tenant="acme")
        asleep = await _until(home, waiting, "RunSuspended")
        await decide(theirs.store, waiting, "", granted=False, by="bob")
        await _until(home, waiting, "RunEnded", after=asleep)
        await driver.drain(5)


async def test_a_step_that_does_not_let_itself_be_cut_off_keeps_nobody_from_stopping() -> None:
    let, begun = asyncio.Event(), asyncio.Event()

    @tool(effect="read")
    async def stubborn(context: ToolContext) -> JsonValue:
        """End when it likes."""
        begun.set()
        while not let.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let.wait()
        return None

    model = ScriptedModel([says("", use("stubborn")), says("well")])
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        driver = Driver(home, {"slow": Agent("slow", model, tools=[stubborn])}, cut=0.01)
        session = await home.begin(Agent("slow", model, tools=[stubborn]), "go", tenant="acme")
        driver.wake(session)
        await begun.wait()
        await driver.drain(0.01)
        assert driver.working() == 1
        let.set()
        while driver.working():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)


async def test_a_resumed_session_for_which_there_is_no_room_goes_on_when_there_is() -> None:
    held, tenants = HeldModel(), (Tenant(name="acme", sessions=1),)
    agent = acting(EffectCounter(), asks=True)
    async with Home.open("memory", Settings(tenants=tenants)) as home:
        service = Service(home, [Agent("held", held), agent])
        first = (await service.begin(ME, Wish("clerk", "act"))).view.id
        await _until(home, first, "RunSuspended")
        fork = await service.fork(ME, first, at=5)
        assert fork.status == "paused"
        await service.begin(ME, Wish("held", "go"))
        await held.asked.wait()
        await service.resume(ME, fork.id)
        while service.driver.working() > 1:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
        for _ in range(3):
            held.go.release()
        await _until(home, fork.id, "ApprovalAsked")
        await service.drain(5)


async def test_a_process_that_hands_back_takes_no_pause_that_it_would_forget() -> None:
    held = HeldModel()
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        service = Service(home, [Agent("held", held)])
        session = (await service.begin(ME, Wish("held", "go"))).view.id
        await held.asked.wait()
        draining = asyncio.create_task(service.drain(5))
        while not service.driver.draining:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
        with pytest.raises(RefusedError, match="stopping"):
            await service.pause(ME, session)
        for _ in range(3):
            held.go.release()
        await draining


async def test_a_session_whose_own_code_breaks_is_tried_a_few_times_and_then_sleeps(tmp_path: Path) -> None:
    tries, fifth, sixth = itertools.count(1), asyncio.Event(), asyncio.Event()

    def breaks(brief: Brief) -> Strategy:
        number = next(tries)
        if number == 5:
            fifth.set()
        if number == 6:
            sixth.set()
        raise TypeError("a mistake in the strategy")
        yield

    agent = Agent("broken", EchoModel(), strategy=breaks)
    async with Home.open(tmp_path, Settings(tenants=TENANTS)) as home:
        driver = Driver(home, {"broken": agent}, look_again=0.01)
        await driver.start()
        session = await home.begin(agent, "hello", tenant="acme")
        driver.wake(session)
        await asyncio.wait_for(fifth.wait(), 30)
        while driver.working():
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == f"remit-{session}"))
        asleep = (await _state(home, session)).run
        assert asleep is not None
        assert asleep.suspended is not None
        assert (asleep.suspended.why, "it broke 5 times (TypeError;" in asleep.suspended.question) == ("alarm", True)
        assert "a mistake" not in asleep.suspended.question
        assert await home.store.used("runs/tenant/acme") == 0
        await home.send(session, "are you there?")
        driver.wake(session)
        await _rests(driver)
        assert not sixth.is_set()
        driver.wake(session, force=True)
        await asyncio.wait_for(sixth.wait(), 30)
        await driver.drain(5)
    assert next(tries) == 7


async def test_a_machine_that_slept_finds_what_lapsed_meanwhile_by_the_clock_on_the_wall() -> None:
    effect = EffectCounter()
    agent = acting(effect, guard=AskBefore("effect", persons=2, escalate=1000, expires=3600))
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        service = Service(home, [agent])
        session = (await service.begin(ME, Wish("clerk", "act"))).view.id
        await _until(home, session, "RunSuspended")
        driver = service.driver
        assert isinstance(driver, Driver)
        await _rests(driver)
        driver.catch_up(now_ms())
        assert driver.working() == 0
        driver.catch_up(now_ms() + 1000_000)
        assert driver.working() == 1
        await _rests(driver)
        # It is not time yet by the clock that counts, so it sleeps on and is looked at again then.
        assert (await _state(home, session)).seq == await _until(home, session, "RunSuspended")
        driver.catch_up(now_ms() + 1000_000)
        assert service.driver.working() == 1
        await service.drain(5)
