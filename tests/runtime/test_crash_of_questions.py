"""A process may die at any moment, also while a call asks or falls back. Every account stays exact."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from tests.runtime.rig import Rig, agent

from remit.core.agent import Agent
from remit.core.errors import InputRequiredError, RejectedError
from remit.core.limits import Limits
from remit.core.messages import Call, ToolMessage
from remit.core.moves import Brief, Strategy, StrategyMaker, run
from remit.core.ports import Guard, Probe, Reply, Request, ToolContext, Verdict
from remit.core.state import State
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos, now_ms
from remit.journal import MemoryJournal
from remit.policy import AskBefore, Breakers, Tolerance
from remit.runtime import RunResult, answer, awaited, decide, doubted, fork, replay, settle, waiting
from remit.runtime.ledger import day, spent_account
from remit.runtime.people import loose_ends
from remit.strategies import react
from remit.testing import ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore, Moment

PRICE = nanos(0.25)


@dataclass
class Paying:
    """A priced tool that may ask a person some times first, may refuse, and notes on its own side when it acted."""

    name: str
    asks: int = 0
    effect: EffectClass = "once"
    fallback: str = ""
    refuses: bool = False
    withheld: str = ""
    acted: list[str] = field(default_factory=list[str])
    given: list[JsonValue] = field(default_factory=list[JsonValue])

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name=self.name, description="", schema={"type": "object"}, effect=self.effect, price=PRICE,
            fallback=self.fallback, withheld=self.withheld, retries=0,
        )  # fmt: skip

    def check(self, args: JsonObject) -> str:
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        done = 0 if context.resume is None else int(str(context.resume.memo))
        if done < self.asks:
            raise InputRequiredError("which?", {"type": "object", "properties": {"a": {"type": "string"}}}, done + 1)
        if self.refuses:
            raise RejectedError("no")
        self.acted.append(context.key)
        self.given.append(None if context.resume is None else context.resume.given)
        assert args.get("secret") in {None, "-"}, "what a guard took out reached the tool"
        return {"done": self.name}

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return None


class Hides:
    """Takes a word out of the arguments of one tool."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        if "secret" in call.args and call.args["secret"] != "-" and spec.name == "first":
            return Verdict("redact", "no secrets", args={**call.args, "secret": "-"})
        return Verdict()


def wishes(request: Request) -> Reply:
    done = any(isinstance(message, ToolMessage) for message in request.messages)
    return says("done") if done else calls(use("first", secret="x"))


def by_itself(brief: Brief) -> Strategy:
    outcomes = yield from run([Call("first", {"secret": "x"})])
    return outcomes[0].output


STRATEGIES: Mapping[str, StrategyMaker] = {"model": react, "strategy": by_itself}


@dataclass
class Case:
    """What the two tools are, which guards there are and whether the first tool's circuit is open in the first life."""

    first: Callable[[], Paying]
    second: Callable[[], Paying] = lambda: Paying("second")
    guards: Sequence[Guard] = (Hides(),)
    open: bool = False


def _first(asks: int = 0, *, refuses: bool = False) -> Callable[[], Paying]:
    return lambda: Paying("first", asks, fallback="second", refuses=refuses)


CASES: Mapping[str, Case] = {
    "asks": Case(_first(1)),
    "asks three times": Case(_first(3)),
    "asks after an approval": Case(_first(1), guards=(Hides(), AskBefore("first"))),
    "asks and then fails": Case(_first(1, refuses=True)),
    "fails": Case(_first(refuses=True)),
    "fails and the fallback asks": Case(_first(refuses=True), lambda: Paying("second", 2)),
    "fails and the fallback needs approval": Case(_first(refuses=True), guards=(Hides(), AskBefore("second"))),
    "fails and the fallback is withheld": Case(_first(refuses=True), lambda: Paying("second", withheld="changed")),
    "is not begun": Case(_first(), open=True),
    "is not begun and the fallback asks": Case(_first(), lambda: Paying("second", 1), open=True),
    "is not begun and the fallback needs approval": Case(_first(), guards=(Hides(), AskBefore("second")), open=True),
    "is not begun and the fallback is withheld": Case(_first(), lambda: Paying("second", withheld="x"), open=True),
    "is not begun and the fallback fails": Case(_first(), lambda: Paying("second", refuses=True), open=True),
    "is approved and not begun": Case(_first(), guards=(Hides(), AskBefore("first")), open=True),
    "is not begun and may be repeated": Case(
        lambda: Paying("first", effect="idempotent", fallback="second"),
        lambda: Paying("second", effect="idempotent"),
        open=True,
    ),
}  # fmt: skip


@dataclass
class World:
    """A disk, two tools and people who answer truthfully."""

    case: Case
    way: str
    store: MemoryJournal = field(default_factory=MemoryJournal)
    first: Paying = field(init=False)
    second: Paying = field(init=False)

    def __post_init__(self) -> None:
        self.first, self.second = self.case.first(), self.case.second()

    def agent(self) -> Agent:
        return agent(
            ScriptedModel(itertools.repeat(wishes)), self.first, self.second, guards=self.case.guards,
            limits=Limits(usd=1.0, unpriced="allow"), strategy=STRATEGIES[self.way],
        )  # fmt: skip

    def boot(self, at: int = 0, moment: Moment = "before", *, down: bool = False) -> tuple[Rig, DyingStore]:
        store = DyingStore(self.store, at, moment)
        rig = Rig(store=store, gate=Breakers(Tolerance(failures=1)))
        if down:
            entered = rig.gate.enter("tool:first")
            assert not isinstance(entered, str)
            entered.report(ok=False)
        return rig, store

    async def live(self, rig: Rig, name: str = "s") -> RunResult:
        """Begin or go on, and answer what is asked, until it is over."""
        result = await (rig.resume(self.agent(), name) if await self.store.read(name) else rig.run(self.agent()))
        for _ in range(12):
            if result.status != "waiting":
                return result
            await self.attend(rig, name)
            result = await rig.resume(self.agent(), name)
        raise AssertionError("never came to an end")

    async def attend(self, rig: Rig, name: str) -> None:
        state = await rig.state(name)
        for effect in waiting(state):
            await decide(rig.store, name, effect.call.id, granted=True, by="ann")
        for effect in awaited(state):
            await answer(rig.store, name, effect.call.id, {"a": "b"}, by="ann")
        for effect in doubted(state):
            acted = self.first.acted + self.second.acted
            await settle(rig.store, name, effect.call.id, happened=f"{name}-{effect.call.id}" in acted, by="ann")

    async def check(self, rig: Rig, where: object) -> None:
        state = await rig.state()
        assert state.run is None, where
        acted = self.first.acted + self.second.acted
        if "once" in {self.first.effect, self.second.effect}:
            assert len(acted) == len(set(acted)), (where, acted)
        assert not (self.first.acted and self.second.acted), (where, "both happened")
        assert await self.store.used(spent_account("default", day(now_ms()))) == state.spent, where
        assert not loose_ends(state), where
        found = await replay(await self.store.read("s"), self.agent(), rig.world(self.agent()))
        assert [run.divergence for run in found] == [""] * len(found), where


async def appends_of(case: Case, way: str) -> tuple[int, str]:
    world = World(case, way)
    rig, store = world.boot(down=case.open)
    result = await world.live(rig)
    assert result.status == "done", result
    await world.check(rig, "without a crash")
    return store.appends, str(result.output)


@pytest.mark.parametrize("way", STRATEGIES)
@pytest.mark.parametrize("case", CASES)
async def test_a_crash_at_any_append_loses_and_repeats_nothing_and_every_cent_is_accounted_for(
    case: str, way: str
) -> None:
    number, _ = await appends_of(CASES[case], way)
    for at in range(1, number + 1):
        for moment in ("before", "after"):
            world = World(CASES[case], way)
            rig, _ = world.boot(at, moment, down=CASES[case].open)
            with pytest.raises(Died):
                await world.live(rig)
            again, _ = world.boot()
            if await world.store.read("s"):
                result = await world.live(again)
                assert result.status in {"done", "idle"}, (at, moment, result)
                await world.check(again, (at, moment))


@pytest.mark.parametrize("way", STRATEGIES)
@pytest.mark.parametrize("case", CASES)
async def test_a_fork_at_any_place_uses_no_answer_and_no_approval_of_its_source(case: str, way: str) -> None:
    world = World(CASES[case], way)
    rig, _ = world.boot(down=CASES[case].open)
    await world.live(rig)
    length = len(await rig.events())
    for at in range(1, length + 1):
        name = f"f{at}"
        await fork(rig.store, "s", name, at=at)
        run = (await rig.state(name)).run
        for effect in run.effects.values() if run else ():
            # An outcome may be inherited; what a person allowed for one act is not.
            assert effect.status == "ended" or (effect.given is None and effect.got is None), at
        result = await world.live(rig, name)
        assert result.status in {"done", "idle"}, (at, result)
