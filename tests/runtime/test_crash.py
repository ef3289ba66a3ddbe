"""A process may die at any moment. No `once` effect happens twice, no recorded outcome is lost, nothing hangs."""

import contextlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest

from remit import Agent, Brief, Call, Home, Limits, Settings, Strategy, fork, run
from remit.core.events import EffectEnded, Record
from remit.core.messages import ToolMessage
from remit.core.moves import StrategyMaker
from remit.core.ports import Reply, Request, SessionQuery
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers, RunResult, doubted, settle
from remit.strategies import call, pipeline, plan_and_execute, react
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore

Moment = Literal["before", "after"]

PLAN = """{"steps": [
  {"id": "a", "tool": "effect", "args": {"n": 1}, "depends_on": []},
  {"id": "b", "tool": "effect", "args": {"n": 2}, "depends_on": []},
  {"id": "c", "tool": "effect", "args": {"n": 3}, "depends_on": ["a", "b"]}]}"""


def reacts(request: Request) -> Reply:
    """Wish two calls, then a third, then answer: by what the conversation holds, as a model without memory does."""
    done = sum(isinstance(message, ToolMessage) for message in request.messages)
    if done == 0:
        return calls(use("effect", n=1), use("effect", n=2))
    return calls(use("effect", n=3)) if done == 2 else says("done")


def plans(request: Request) -> Reply:
    """Write the plan when asked for one, else the answer."""
    return says(PLAN) if request.shape else says("done")


def branches(brief: Brief) -> Strategy:
    """Two branches with a call each, then a call."""

    def branch(number: int) -> Strategy:
        outcomes = yield from run([Call("effect", {"n": number})])
        return outcomes[0].output

    yield from fork([branch(1), branch(2)])
    yield from run([Call("effect", {"n": 3})])
    return "done"


WAYS: Mapping[str, tuple[StrategyMaker, Callable[[Request], Reply]]] = {
    "react": (react, reacts),
    "pipeline": (
        pipeline(
            one=call("effect", {"n": 1}),
            two=call("effect", {"n": 2}),
            three=call("effect", {"n": 3}),
        ),
        reacts,
    ),
    "plan_and_execute": (plan_and_execute, plans),
    "fork": (branches, reacts),
}
EFFECTS: Mapping[str, Callable[[], EffectCounter]] = {
    "read": lambda: EffectCounter("read"),
    "idempotent": lambda: EffectCounter("idempotent"),
    "once": lambda: EffectCounter("once"),
    "once-with-probe": lambda: EffectCounter("once", reconciles=True),
}


@dataclass
class Machine:
    """A disk and an outside world that outlive processes."""

    way: str
    effect: str
    store: MemoryJournal = field(default_factory=MemoryJournal)
    counter: EffectCounter = field(init=False)

    def __post_init__(self) -> None:
        self.counter = EFFECTS[self.effect]()

    def agent(self) -> Agent:
        strategy, model = WAYS[self.way]
        return Agent("a", ScriptedModel(itertools.repeat(model)), tools=[self.counter], strategy=strategy)

    def boot(self, at: int = 0, moment: Moment = "before") -> tuple[Home, DyingStore]:
        store = DyingStore(self.store, at, moment)
        return Home(store, LocalWorkers(), bytes(32), Settings()), store

    async def session(self) -> str:
        rows = await self.store.sessions(SessionQuery())
        return rows[0].id if rows else ""

    async def live_on(self) -> RunResult | None:
        """Resume in a new process until it is done, answering questions truthfully from what the world saw."""
        session = await self.session()
        if not session:
            return None
        for _ in range(10):
            home, _ = self.boot()
            result = await home.resume(self.agent(), session)
            if result.status != "waiting":
                return result
            state = await home.session(session)
            questions = doubted(state)
            assert questions, "waits without a question"
            assert result.reason.startswith("did effect")
            for effect in questions:
                happened = f"{session}-{effect.call.id}" in self.counter.called()
                await settle(self.store, session, effect.call.id, happened=happened, by="ann", output="seen")
        raise AssertionError("never came to an end")


def outcomes(records: list[Record]) -> list[str]:
    return [record.event.outcome.call for record in records if isinstance(record.event, EffectEnded)]


async def appends_of(way: str, effect: str) -> int:
    machine = Machine(way, effect)
    home, store = machine.boot()
    result = await home.run(machine.agent(), "go")
    assert result.status == "done", result
    assert len(machine.counter.happened()) == 3
    return store.appends


async def check(machine: Machine) -> None:
    before = await machine.store.read(await machine.session())
    result = await machine.live_on()
    if result is None:
        assert machine.counter.called() == []
        return
    after = await machine.store.read(result.session)
    assert result.status in {"done", "idle"}, result
    assert after[: len(before)] == before, "what was recorded changed"
    assert len(set(outcomes(after))) == len(outcomes(after)), "an outcome was recorded twice"
    assert machine.counter.twice() == []
    if result.status == "done":
        assert len(set(machine.counter.called())) == 3


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_crash_at_any_append_never_repeats_a_once_only_effect(way: str, effect: str) -> None:
    number = await appends_of(way, effect)
    assert number >= 4
    for at in range(1, number + 1):
        for moment in ("before", "after"):
            machine = Machine(way, effect)
            home, _ = machine.boot(at, moment)
            with pytest.raises(Died):
                await home.run(machine.agent(), "go")
            await check(machine)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_crash_between_act_and_outcome_never_repeats_a_once_only_effect(way: str, effect: str) -> None:
    for at in (1, 2, 3):
        for moment in ("before", "after"):
            machine = Machine(way, effect)
            machine.counter.around = dies_at(at, moment)
            home, store = machine.boot()
            with pytest.raises(Died):
                await home.run(machine.agent(), "go")
            store.dead = True
            machine.counter.around = lambda moment: None
            await check(machine)


def dies_at(at: int, when: Moment) -> Callable[[Moment], None]:
    seen = {"before": 0, "after": 0}

    def around(moment: Moment) -> None:
        seen[moment] += 1
        if moment == when and seen[moment] == at:
            raise Died(f"{when} effect {at}")

    return around


@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_second_crash_during_recovery_is_survived_too(effect: str) -> None:
    first = 2
    for at in range(1, 8):
        for moment in ("before", "after"):
            machine = Machine("react", effect)
            machine.counter.around = dies_at(first, "after")
            home, _ = machine.boot()
            with pytest.raises(Died):
                await home.run(machine.agent(), "go")
            machine.counter.around = lambda moment: None
            again, _ = machine.boot(at, moment)
            with contextlib.suppress(Died):
                await again.resume(machine.agent(), await machine.session())
            await check(machine)


async def test_without_the_intent_the_suite_would_notice() -> None:
    """The safeguard broken: a journal that forgets intents lets an effect happen twice, and the counter sees it."""
    machine = Machine("react", "once")
    machine.counter.around = dies_at(1, "after")
    home, _ = machine.boot()
    with pytest.raises(Died):
        await home.run(machine.agent(), "go")
    machine.counter.around = lambda moment: None
    session = await machine.session()
    records = await machine.store.read(session)
    forgetful = MemoryJournal()
    kept = [record.event for record in records if type(record.event).__name__ != "EffectStarted"]
    await forgetful.append(session, kept, after=0)
    machine.store = forgetful
    result = await machine.live_on()
    assert result is not None
    assert machine.counter.twice() != []


async def test_a_run_has_one_limit_of_steps_over_all_its_lives() -> None:
    machine = Machine("react", "read")
    home, _ = machine.boot(at=3, moment="after")
    agent = machine.agent()
    tight = Agent("a", agent.model, tools=agent.tools, strategy=react, limits=Limits(steps=2))
    with pytest.raises(Died):
        await home.run(tight, "go")
    home, _ = machine.boot()
    result = await home.resume(tight, await machine.session())
    assert result.status == "stopped"
    assert "2 of 2 steps" in result.reason
