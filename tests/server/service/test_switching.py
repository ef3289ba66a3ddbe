"""Switches: a runaway stops within a step and goes on afterwards; nobody else is touched; nothing is lost."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.server.agents import acting, echo
from tests.server.rig import TENANTS, principal

from remit.core.agent import Agent
from remit.core.events import EffectEnded, MessageReceived
from remit.core.limits import Limits
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.core.state import State
from remit.home import HANDED_BACK, MEMORY, Home, Settings
from remit.server.access import AccessStore, MemoryAccessStore, SqliteAccessStore
from remit.server.service import RefusedError, Service, Wish
from remit.server.switches import Board, Switchable, guarded
from remit.testing import EffectCounter, ScriptedModel, says, use

ME, THEM = principal(), principal("other", "eve")


@contextlib.asynccontextmanager
async def served(
    *agents: Agent, place: str | Path = MEMORY, store: AccessStore | None = None, grace: float = 5
) -> AsyncGenerator[Service]:
    """Drive agents meanwhile."""
    access = store or (MemoryAccessStore() if place == MEMORY else SqliteAccessStore(place))
    async with (
        Board(access.switches, every=0.02).kept() as board,
        Home.open(place, guarded(Settings(tenants=TENANTS), board)) as home,
    ):
        service = Service(home, agents, switches=board)
        await service.start()
        try:
            yield service
        finally:
            await service.drain(grace)
    if store is None:
        await access.close()


def runaway(effect: EffectCounter, times: int = 10_000) -> Agent:
    """An agent that calls a tool again and again."""

    def turn(_: Request) -> Reply:
        return says("done") if len(effect.called()) >= times else says("", use("effect", number=len(effect.called())))

    model = ScriptedModel(itertools.repeat(turn))
    return Agent("runaway", model, tools=[effect], limits=Limits(steps=100_000), detectors=())


async def until(service: Service, session: str, *kinds: str, after: int = 0) -> int:
    async for record in service.home.store.follow(session, after=after):
        if type(record.event).__name__ in kinds:
            return record.seq
    raise AssertionError


async def state(service: Service, session: str) -> State:
    return State.fold(record.event for record in await service.home.store.read(session))


async def idle(service: Service) -> None:
    async with asyncio.timeout(10):
        while service.driver.working():  # noqa: ASYNC110 - nothing tells of the end of a session that does nothing
            await asyncio.sleep(0.005)


async def test_a_runaway_stops_within_a_step_and_goes_on_when_its_agent_is_on_again() -> None:
    effect = EffectCounter(pause=0.002)
    async with served(runaway(effect, 40), echo()) as service:
        session = (await service.begin(ME, Wish("runaway", "go"))).view.id
        await until(service, session, "EffectEnded")
        await service.switching.switch_off(ME, "agent", "runaway", "it loops")
        called = len(effect.called())
        seq = await until(service, session, "RunSuspended")
        run = (await state(service, session)).run
        assert run is not None
        assert run.suspended is not None
        assert run.suspended.question == HANDED_BACK
        assert len(effect.called()) <= called + 1
        assert (await service.get(ME, session)).why == "agent 'runaway' was switched off by ann: it loops"
        assert (await service.tracing.trace(ME, session)).session.status == "paused"
        await idle(service)
        assert (await state(service, session)).seq == seq
        # Others are not touched.
        other = (await service.begin(ME, Wish("echo", "hello"))).view.id
        await until(service, other, "RunEnded")
        # What is sent to it is kept, and waits.
        await service.post(ME, session, "are you there?")
        await idle(service)
        assert isinstance((await service.home.store.read(session))[-1].event, MessageReceived)
        await service.switching.switch_on(ME, "agent", "runaway")
        await until(service, session, "RunEnded")
    assert len(effect.called()) >= 40
    assert not effect.twice()


async def test_what_is_held_back_begins_nothing_and_is_not_resumed_and_says_why() -> None:
    effect = EffectCounter()
    async with served(acting(effect), echo()) as service:
        begun = await service.begin(ME, Wish("clerk", "act", key="one"))
        await until(service, begun.view.id, "RunEnded")
        await service.switching.switch_off(ME, "tenant", "acme", "an incident")
        with pytest.raises(RefusedError, match="tenant 'acme' was switched off by ann: an incident") as refused:
            await service.begin(ME, Wish("clerk", "act"))
        assert refused.value.kind == "unready"
        # What a key began before is found all the same.
        again = await service.begin(ME, Wish("clerk", "act", key="one"))
        assert (again.view.id, again.new) == (begun.view.id, False)
        with pytest.raises(RefusedError, match="switched off"):
            await service.begin(ME, Wish("clerk", "act", key="two"))
        await service.post(ME, begun.view.id, "more")
        with pytest.raises(RefusedError, match="switched off"):
            await service.resume(ME, begun.view.id)
        await idle(service)
        assert (await state(service, begun.view.id)).inbox
        # Another tenant is not touched.
        theirs = (await service.begin(THEM, Wish("echo", "hello"))).view.id
        await until(service, theirs, "RunEnded")


async def test_a_run_that_is_held_back_can_be_cancelled() -> None:
    effect = EffectCounter(pause=0.002)
    async with served(runaway(effect)) as service:
        session = (await service.begin(ME, Wish("runaway", "go"))).view.id
        await until(service, session, "EffectEnded")
        await service.switching.switch_off(ME, "agent", "runaway")
        await until(service, session, "RunSuspended")
        await idle(service)
        await service.cancel(ME, session, reason="enough")
        await until(service, session, "RunEnded")


async def test_a_tool_that_is_off_is_denied_in_the_middle_of_a_run_and_the_model_told() -> None:
    effect, told = EffectCounter(pause=0.002), list[str]()

    def turn(request: Request) -> Reply:
        last = request.messages[-1]
        if isinstance(last, ToolMessage) and last.outcome.status == "denied":
            told.append(str(last.outcome.output))
            return says("then not")
        return says("", use("effect", number=len(effect.called())))

    limits = Limits(steps=100_000)
    clerk = Agent("clerk", ScriptedModel(itertools.repeat(turn)), tools=[effect], limits=limits, detectors=())
    async with served(clerk) as service:
        session = (await service.begin(ME, Wish("clerk", "act"))).view.id
        await until(service, session, "EffectEnded")
        await service.switching.switch_off(ME, "tool", "effect", "wrong amounts")
        seq = await until(service, session, "RunEnded")
        await service.switching.switch_on(ME, "tool", "effect")
        await service.post(ME, session, "and now?")
        await until(service, session, "EffectStarted", after=seq)
        await service.cancel(ME, session)
        await until(service, session, "RunEnded", after=seq)
    assert told == ["not allowed: tool 'effect' was switched off by ann: wrong amounts"]


async def test_what_is_off_is_off_after_a_restart_and_goes_on_when_it_is_on(tmp_path: Path) -> None:
    effect = EffectCounter(pause=0.002, path=tmp_path / "effects")
    async with served(runaway(effect, 30), place=tmp_path) as service:
        session = (await service.begin(ME, Wish("runaway", "go"))).view.id
        await until(service, session, "EffectEnded")
        await service.switching.switch_off(ME, "agent", "runaway", "it loops")
        await until(service, session, "RunSuspended")
    async with served(runaway(effect, 30), place=tmp_path) as service:
        await idle(service)
        run = (await state(service, session)).run
        assert run is not None
        assert run.suspended is not None
        assert [one.name for one in service.switching.all(ME)] == ["runaway"]
        await service.switching.switch_on(ME, "agent", "runaway")
        await until(service, session, "RunEnded")
    assert not effect.twice()


async def test_a_switch_of_one_process_is_heeded_by_another(tmp_path: Path) -> None:
    effect = EffectCounter(pause=0.002)
    async with served(runaway(effect, 100), place=tmp_path) as service:
        session = (await service.begin(ME, Wish("runaway", "go"))).view.id
        await until(service, session, "EffectEnded")
        async with served(echo(), place=tmp_path) as elsewhere:
            # It serves the agent not, and knows it by its sessions.
            await elsewhere.switching.switch_off(ME, "agent", "runaway")
            await until(service, session, "RunSuspended")
            await idle(service)
            await elsewhere.switching.switch_on(ME, "agent", "runaway")
        await until(service, session, "RunEnded")


async def test_only_what_there_is_can_be_switched_and_only_ones_own_tenant() -> None:
    async with served(acting(EffectCounter())) as service:
        wrong: tuple[tuple[Switchable, str], ...] = (("agent", "clrek"), ("tool", "refnud"), ("tenant", "other"))
        for kind, name in wrong:
            with pytest.raises(RefusedError, match=f"no {kind} '{name}'") as refused:
                await service.switching.switch_off(ME, kind, name)
            assert refused.value.kind == "unknown"
        await service.switching.switch_off(THEM, "tool", "effect")
        assert service.switching.all(ME) == ()
        with pytest.raises(RefusedError, match="switched off"):
            await service.switching.switch_on(ME, "tool", "effect")
        session = (await service.begin(ME, Wish("clerk", "act"))).view.id
        await until(service, session, "RunEnded")
        events = [record.event for record in await service.home.store.read(session)]
        assert not [one for one in events if isinstance(one, EffectEnded) and one.outcome.status != "ok"]


async def test_a_server_without_switches_says_so() -> None:
    async with Home.open(MEMORY, Settings(tenants=TENANTS)) as home:
        service = Service(home, [echo()])
        assert service.switching.all(ME) == ()
        with pytest.raises(RefusedError, match="no switches"):
            await service.switching.switch_off(ME, "agent", "echo")
