"""Every way of working dies at every append: no `once` effect twice, nothing recorded asked again, one replay."""

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest

from remit import Agent, Home, Settings
from remit.core.events import ModelAnswered
from remit.core.messages import ToolMessage, UserMessage
from remit.core.moves import StrategyMaker
from remit.core.ports import Reply, Request, SessionQuery
from remit.core.values import JsonValue
from remit.journal import MemoryJournal
from remit.memory import MemoryLessons, lesson_tools
from remit.runtime import LocalWorkers, RunResult, doubted, settle
from remit.sandbox.monty import MontySandbox
from remit.strategies import (
    Bounds,
    Finding,
    Route,
    by_tool,
    code,
    debate,
    plan_and_execute,
    react,
    reflect,
    reflexion,
    router,
    self_consistency,
    tree_of_thoughts,
)
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore

Moment = Literal["before", "after"]


@dataclass(frozen=True)
class Way:
    """A strategy, a model without memory that goes with it, and what comes of a run that nothing disturbs."""

    strategy: StrategyMaker
    model: Callable[[Request], Reply]
    effects: int
    """Calls of the tool `effect`."""
    output: JsonValue = "good"
    lessons: int = 0
    """Lessons that later sessions are left."""


def last(request: Request) -> str:
    """Give what the model was told last."""
    return next(message.text for message in reversed(request.messages) if isinstance(message, UserMessage))


def since_told(request: Request) -> int:
    """Count the outcomes since the model was told something."""
    told = itertools.takewhile(lambda message: not isinstance(message, UserMessage), reversed(request.messages))
    return sum(isinstance(message, ToolMessage) for message in told)


def improves(request: Request) -> Reply:
    """Act, then answer badly, and better when told of findings or lessons; plan and criticise when asked to."""
    say = last(request)
    if "Plan the whole task" in say:
        return says('{"steps": [{"id": "a", "tool": "effect", "args": {"n": 1}}]}')
    if "Judge an answer" in say:
        bad = '{"findings": [{"text": "not good", "weight": 3}]}'
        return says('{"findings": []}' if "<answer>\ngood" in say else bad)
    if '"route": ' in say:
        return says('{"route": "mend"}')
    if "Write the lesson" in say:
        return says("Be good.")
    if request.tools and not since_told(request):
        return calls(use("effect", n=1))
    whole = " ".join(message.text for message in request.messages if isinstance(message, UserMessage))
    return says("good" if "not good" in whole or "Be good." in whole else "bad")


def argues(request: Request) -> Reply:
    """Act, then answer differently in each sample; take the first answer as a judge."""
    say = last(request)
    if '"route": ' in say:
        return says('{"route": "debate"}')
    if '"choice": ' in say:
        return says('{"choice": 1}')
    if request.tools and not since_told(request):
        return calls(use("effect", n=request.sample))
    return says("good" if request.sample % 3 == 0 else "bad")


def thinks(request: Request) -> Reply:
    """Propose and value thoughts, one of them at first in words that cannot be used."""
    say = last(request)
    if "Propose what could come next" in say:
        return says('{"thoughts": ["first", "second", "FIRST"]}')
    if "How good a way" in say:
        usable = "second" not in say or "could not be used" in say
        return says('{"value": "likely"}' if usable else "hm")
    return says("good" if "1. first\n2. first" in say else "bad")


def must_be_good(output: JsonValue) -> list[Finding]:
    return [] if output == "good" else [Finding("not good")]


def programs(request: Request) -> Reply:
    """Write a program that fails between its calls, and one that makes them all when told why."""
    acts = ["effect()"] * 3
    if "missing" not in last(request):
        acts.insert(2, '{}["missing"]')
    return says("```python\n" + "\n".join([*acts, '"good"']) + "\n```")


tested = by_tool("effect", lambda output: {"tested": output})

WAYS: Mapping[str, Way] = {
    "reflect": Way(reflect(check=must_be_good), improves, effects=2),
    "reflect-with-a-critic": Way(reflect(), improves, effects=2),
    "reflect-with-a-tool": Way(reflect(check=[tested, must_be_good]), improves, effects=4),
    "reflect-on-a-plan": Way(reflect(plan_and_execute, check=must_be_good), improves, effects=2),
    "reflexion": Way(reflexion(check=must_be_good), improves, effects=2, lessons=1),
    "reflexion-with-a-tool": Way(reflexion(check=[must_be_good, tested]), improves, effects=4, lessons=1),
    "reflexion-on-reflect": Way(
        reflexion(reflect(check=must_be_good, rounds=0), check=must_be_good), improves, effects=2, lessons=1
    ),
    "tree_of_thoughts": Way(tree_of_thoughts(bounds=Bounds(depth=2)), thinks, effects=0),
    "tree_of_thoughts-best-first": Way(
        tree_of_thoughts(search="best", bounds=Bounds(depth=2, breadth=1)), thinks, effects=0
    ),
    "self_consistency": Way(self_consistency(samples=4), argues, effects=4),
    "self_consistency-on-reflect": Way(self_consistency(reflect(check=must_be_good), samples=2), improves, effects=2),
    "self_consistency-on-a-tree": Way(
        self_consistency(tree_of_thoughts(bounds=Bounds(depth=2)), samples=3), thinks, effects=0
    ),
    "debate": Way(debate(2, 1), argues, effects=4),
    "code": Way(code(repairs=1), programs, effects=3),
    "reflect-on-code": Way(reflect(code(repairs=1), check=must_be_good), programs, effects=3),
    "router-to-a-debate": Way(router({"debate": Route(debate(2, 0), "for all")}), argues, effects=2),
    "router": Way(router({"mend": reflect(check=must_be_good, revise=react)}), improves, effects=2),
}
EFFECTS: Mapping[str, Callable[[], EffectCounter]] = {
    "idempotent": lambda: EffectCounter("idempotent"),
    "once": lambda: EffectCounter("once"),
    "once-with-probe": lambda: EffectCounter("once", reconciles=True),
}


@dataclass
class Machine:
    """A disk and an outside world that outlive processes."""

    way: Way
    effect: str
    sandbox: MontySandbox
    store: MemoryJournal = field(default_factory=MemoryJournal)
    lessons: MemoryLessons = field(default_factory=MemoryLessons)
    counter: EffectCounter = field(init=False)
    model: ScriptedModel = field(init=False)

    def __post_init__(self) -> None:
        self.counter = EFFECTS[self.effect]()

    def boot(self, at: int = 0, moment: Moment = "before") -> tuple[Home, Agent, DyingStore]:
        """Begin a process that dies at an append."""
        store = DyingStore(self.store, at, moment)
        self.model = ScriptedModel(itertools.repeat(self.way.model))
        tools = [self.counter, *lesson_tools(self.lessons)]
        agent = Agent("a", self.model, tools=tools, strategy=self.way.strategy, detectors=())
        return Home(store, LocalWorkers(), bytes(32), Settings(sandbox=self.sandbox)), agent, store

    async def answered(self, session: str) -> int:
        records = await self.store.read(session)
        return sum(isinstance(record.event, ModelAnswered) for record in records)

    async def live_on(self, session: str) -> RunResult:
        """Resume in new processes until it is done, answering questions truthfully from what the world saw."""
        for _ in range(10):
            home, agent, _ = self.boot()
            known = await self.answered(session)
            result = await home.resume(agent, session)
            assert self.model.asked == await self.answered(session) - known, "what was recorded was asked again"
            if result.status != "waiting":
                return result
            for effect in doubted(await home.session(session)):
                happened = f"{session}-{effect.call.id}" in self.counter.called()
                await settle(self.store, session, effect.call.id, happened=happened, by="ann", output="seen")
        raise AssertionError("never came to an end")

    async def check(self) -> None:
        """Live on, and hold what must be true whenever it died."""
        rows = await self.store.sessions(SessionQuery())
        if not rows:
            assert self.counter.called() == []
            return
        before = await self.store.read(rows[0].id)
        result = await self.live_on(rows[0].id)
        after = await self.store.read(rows[0].id)
        assert after[: len(before)] == before, "what was recorded changed"
        assert self.counter.twice() == []
        if result.status == "idle":
            return
        assert (result.status, result.output) == ("done", self.way.output)
        assert len(set(self.counter.called())) == self.way.effects
        assert len(await self.lessons.recall("go")) == self.way.lessons
        home, agent, _ = self.boot()
        replayed = await home.replay(agent, rows[0].id)
        assert [found.divergence for found in replayed] == [""]
        assert self.model.asked == 0


@pytest.fixture
async def sandbox() -> AsyncIterator[MontySandbox]:
    """Give one to all processes of a test; it is opened when a program runs."""
    sandbox = MontySandbox(workers=1)
    yield sandbox
    await sandbox.close()


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_crash_at_any_append_repeats_nothing(way: str, effect: str, sandbox: MontySandbox) -> None:
    whole = Machine(WAYS[way], effect, sandbox)
    home, agent, store = whole.boot()
    result = await home.run(agent, "go")
    assert (result.status, result.output) == ("done", WAYS[way].output), result
    assert len(whole.counter.happened()) == WAYS[way].effects
    for at in range(1, store.appends + 1):
        for moment in ("before", "after"):
            machine = Machine(WAYS[way], effect, sandbox)
            home, agent, _ = machine.boot(at, moment)
            with pytest.raises(Died):
                await home.run(agent, "go")
            await machine.check()


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("way", [name for name, way in WAYS.items() if way.effects])
async def test_a_crash_between_act_and_outcome_repeats_nothing(way: str, effect: str, sandbox: MontySandbox) -> None:
    for at in range(1, WAYS[way].effects + 1):
        for when in ("before", "after"):
            machine = Machine(WAYS[way], effect, sandbox)
            machine.counter.around = dies_at(at, when)
            home, agent, store = machine.boot()
            with pytest.raises(Died):
                await home.run(agent, "go")
            store.dead = True
            machine.counter.around = lambda moment: None
            await machine.check()


def dies_at(at: int, when: Moment) -> Callable[[Moment], None]:
    seen = {"before": 0, "after": 0}

    def around(moment: Moment) -> None:
        seen[moment] += 1
        if moment == when and seen[moment] == at:
            raise Died(f"{when} effect {at}")

    return around
