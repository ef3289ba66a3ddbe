"""Replay: a strategy driven over its recording repeats itself or says loudly where it does not; it touches nothing."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.runtime.rig import Acting, Interrupted, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import OverloadedError
from remit.core.messages import Call
from remit.core.moves import Brief, GiveUp, Strategy, StrategyMaker, ask, fork, note, run, versioned
from remit.core.ports import Tool
from remit.policy import AskBefore
from remit.runtime import Replayed, cancel, decide, replay
from remit.strategies import plan_and_execute, react
from remit.testing import EffectCounter, calls, says, use

PLAN: Any = {"steps": (1, 2)}
"""As people write it: no JSON, but near enough."""


async def replayed(rig: Rig, strategy: StrategyMaker = react, tools: Sequence[Tool] = (), name: str = "s") -> list[str]:
    """Replay without a model that could answer or a tool that could act, and give what is wrong with each run."""
    declared = agent(scripted(), *tools, strategy=strategy)
    return [found.divergence for found in await replay(await rig.store.read(name), declared, rig.world(declared))]


def named(name: str, version: str = "1"):  # noqa: ANN201 - see `versioned`
    def mark(maker: StrategyMaker) -> StrategyMaker:
        maker.__name__ = name
        return versioned(version)(maker)

    return mark


@named("works")
def works(brief: Brief) -> Strategy:
    """All four moves."""

    def branch(number: int) -> Strategy:
        (outcome,) = yield from run([Call("act", {"n": number})])
        answer = yield from ask(f"branch {number}")
        return [outcome.output, answer.text]

    yield from note("plan", PLAN)
    answer = yield from ask(brief.task)
    yield from run(answer.calls)
    results = yield from fork([branch(1), branch(2)])
    verdict = yield from ask("judge", alone=True)
    return (verdict.text, results)  # pyright: ignore[reportReturnType] - a tuple is what people will return


async def rich(rig: Rig, name: str = "s") -> Acting:
    act = Acting(gives("ok"), "act", "once")
    model = scripted(says("so", use("act")), says("b"), says("b"), says("good"))
    session = await rig.open(agent(model, act, strategy=works), "go", name)
    result = await session.run()
    assert result.output == ["good", [["ok", "b"], ["ok", "b"]]]
    return act


async def test_a_recorded_session_repeats_itself_and_touches_nothing(rig: Rig) -> None:
    act = await rich(rig)
    made = len(act.seen)
    assert await replayed(rig, works, [act]) == [""]
    assert len(act.seen) == made


async def test_every_run_of_a_session_is_replayed(rig: Rig) -> None:
    session = await rig.open(agent(scripted(says("a"), says("b"))), "one")
    await session.run()
    await session.hear("two")
    await session.run()
    declared = agent(scripted())
    found = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert found == (Replayed(1, 1), Replayed(2, 1))


async def test_a_plan_repeats_itself(rig: Rig) -> None:
    plan = '{"steps": [{"id": "a", "tool": "effect", "args": {}, "depends_on": []}]}'
    counter = EffectCounter("read")
    await rig.run(agent(scripted(says(plan), says("done")), counter, strategy=plan_and_execute))
    assert await replayed(rig, plan_and_execute, [counter]) == [""]


@named("works", "2")
def asks_otherwise(brief: Brief) -> Strategy:
    yield from note("plan", PLAN)
    yield from ask("something else")
    return "x"


@named("works")
def notes_otherwise(brief: Brief) -> Strategy:
    yield from note("plan", {"steps": [1]})
    return "x"


@named("works")
def ends_early(brief: Brief) -> Strategy:
    yield from note("plan", PLAN)
    return "x"


@named("works")
def asks_where_it_noted(brief: Brief) -> Strategy:
    yield from ask(brief.task)
    return "x"


@named("works")
def acts_where_it_noted(brief: Brief) -> Strategy:
    yield from run([Call("act", {})])
    return "x"


@named("works")
def notes_where_it_asked(brief: Brief) -> Strategy:
    yield from note("plan", PLAN)
    yield from note("plan", {})
    return "x"


@named("works")
def calls_otherwise(brief: Brief) -> Strategy:
    def branch() -> Strategy:
        yield from run([Call("act", {"n": 99})])
        return "x"

    yield from note("plan", PLAN)
    answer = yield from ask(brief.task)
    yield from run(answer.calls)
    yield from fork([branch(), branch()])
    return "x"


@named("works")
def asks_in_its_branches(brief: Brief) -> Strategy:
    def branch() -> Strategy:
        yield from ask("hm")
        return "x"

    yield from note("plan", PLAN)
    answer = yield from ask(brief.task)
    yield from run(answer.calls)
    yield from fork([branch(), branch()])
    return "x"


@named("works")
def skips_the_calls(brief: Brief) -> Strategy:
    yield from note("plan", PLAN)
    yield from ask(brief.task)
    yield from ask("judge", alone=True)
    return "x"


@named("works")
def notes_in_its_branches(brief: Brief) -> Strategy:
    def branch() -> Strategy:
        yield from note("hm", None)
        return "x"

    yield from note("plan", PLAN)
    answer = yield from ask(brief.task)
    yield from run(answer.calls)
    yield from fork([branch(), branch()])
    return "x"


OTHERS = {
    asks_otherwise: (
        "at step 1",
        "a question to the default model, saying 'go'",
        "'something else'",
        "(recorded by works@1, replayed by works@2)",
    ),
    notes_otherwise: ("at step 0", "the plan note", "{'steps': [1]}"),
    ends_early: ("at step 1", "a question to a model", "never gets there"),
    asks_where_it_noted: ("at step 0", "a note", "a question"),
    acts_where_it_noted: ("at step 0", "a note", "a call of act"),
    notes_where_it_asked: ("at step 1", "a question", "note"),
    calls_otherwise: ("at step 3.0.0", "act({'n': 1})", "act({'n': 99})"),
    asks_in_its_branches: ("at step 3.0.0", "a call of act", "a question"),
    notes_in_its_branches: ("at step 3.0.0", "a call of act", "note"),
    skips_the_calls: ("step 2",),
}


@pytest.mark.parametrize("other", OTHERS, ids=lambda maker: maker.__code__.co_name)
async def test_a_changed_strategy_diverges_and_says_where(rig: Rig, other: StrategyMaker) -> None:
    act = await rich(rig)
    made = len(act.seen)
    (divergence,) = await replayed(rig, other, [act])
    for part in OTHERS[other]:
        assert part in divergence
    assert len(act.seen) == made


@pytest.mark.parametrize("other", list(OTHERS)[1:], ids=lambda maker: maker.__code__.co_name)
async def test_a_changed_strategy_ends_a_recovered_run_as_diverged_before_it_acts(
    rig: Rig, other: StrategyMaker
) -> None:
    act = Acting(gives("ok"), "act", "once")
    model = scripted(says("so", use("act")), says("b"), says("b"), KeyboardInterrupt())
    session = await rig.open(agent(model, act, strategy=works), "go")
    with pytest.raises(KeyboardInterrupt):
        await session.run()
    made = len(act.seen)
    asked = scripted(*[says("new")] * 5)
    result = await rig.resume(agent(asked, act, strategy=other))
    assert result.status == "diverged", result
    assert (len(act.seen), asked.asked) == (made, 0)


async def test_another_version_of_a_strategy_is_not_driven_at_all(rig: Rig) -> None:
    session = await rig.open(agent(scripted(), strategy=works), "go")
    session.pause()
    await session.run()
    result = await rig.resume(agent(scripted(), strategy=asks_otherwise))
    assert (result.status, "a run of works@1" in result.reason) == ("diverged", True)


async def test_another_output_is_a_divergence(rig: Rig) -> None:
    @named("react")
    def shouts(brief: Brief) -> Strategy:
        answer = yield from ask()
        return answer.text.upper()

    await rig.run(agent(scripted(says("hello"))))
    assert await replayed(rig, shouts) == ["the output was 'hello' and is now 'HELLO'"]


async def test_a_strategy_that_wants_more_than_was_recorded_diverges(rig: Rig) -> None:
    @named("react")
    def more(brief: Brief) -> Strategy:
        yield from ask()
        yield from ask("more")
        return "x"

    await rig.run(agent(scripted(says("hello"))))
    assert await replayed(rig, more) == [
        "the run ended, but the strategy now wants more: step 1: a question to a model"
    ]


async def test_a_run_that_failed_replays(rig: Rig) -> None:
    @named("gives_up")
    def gives_up(brief: Brief) -> Strategy:
        yield from ask()
        raise GiveUp("no", ("so", "far"))  # pyright: ignore[reportArgumentType] - a tuple

    await rig.run(agent(scripted(says("x")), strategy=gives_up))
    assert await replayed(rig, gives_up) == [""]


async def test_a_run_without_an_answer_of_its_model_replays(rig: Rig) -> None:
    await rig.run(agent(scripted(OverloadedError("down"))))
    assert await replayed(rig) == [""]


async def test_a_run_that_waits_replays_up_to_where_it_waits(rig: Rig) -> None:
    counter = EffectCounter("once")
    declared = agent(scripted(calls(use("effect")), says("x")), counter, guards=[AskBefore("effect")])
    await rig.run(declared)
    assert await replayed(rig, react, [counter]) == [""]
    await decide(rig.store, "s", "", granted=True, by="ann")
    await rig.resume(declared)
    assert await replayed(rig, react, [counter]) == [""]


async def test_a_run_that_was_cancelled_replays(rig: Rig) -> None:
    async def cancels() -> None:
        await cancel(rig.store, "s", by="ann")

    counter = EffectCounter("once")
    await rig.run(agent(Interrupted(cancels, calls(use("effect"))), counter))
    assert await replayed(rig, react, [counter]) == [""]


async def test_a_strategy_that_ends_where_the_recorded_run_waits_diverges(rig: Rig) -> None:
    @named("react")
    def hasty(brief: Brief) -> Strategy:
        yield from ask()
        return "x"

    counter = EffectCounter("once")
    await rig.run(agent(scripted(calls(use("effect"))), counter, guards=[AskBefore("effect")]))
    (divergence,) = await replayed(rig, hasty, [counter])
    assert divergence == "the run goes on in the journal, but the strategy now ends"


async def test_a_question_under_way_is_where_knowledge_ends(rig: Rig) -> None:
    session = await rig.open(agent(scripted(KeyboardInterrupt())), "go")
    with pytest.raises(KeyboardInterrupt):
        await session.run()
    assert await replayed(rig) == [""]


async def test_an_agent_has_a_strategy_when_it_is_replayed(rig: Rig) -> None:
    await rig.run(agent(scripted(says("x"))))
    declared = Agent("a", scripted(), strategy=react)
    assert [found.run for found in await replay(await rig.store.read("s"), declared, rig.world(declared))] == [1]


async def test_an_id_of_a_strategys_own_is_kept(rig: Rig) -> None:
    @named("own")
    def own(brief: Brief) -> Strategy:
        yield from run([Call("act", {}, id="mine")])
        yield from ask()
        return "x"

    act = Acting(gives("ok"))
    session = await rig.open(agent(scripted(KeyboardInterrupt(), says("x")), act, strategy=own), "go")
    with pytest.raises(KeyboardInterrupt):
        await session.run()
    result = await rig.resume(agent(scripted(says("x")), act, strategy=own))
    assert (result.output, len(act.seen)) == ("x", 1)
    assert await replayed(rig, own, [act]) == [""]


async def test_a_strategys_own_call_that_waits_is_where_knowledge_ends(rig: Rig) -> None:
    @named("own")
    def own(brief: Brief) -> Strategy:
        yield from run([Call("effect", {})])
        return "x"

    counter = EffectCounter("once")
    await rig.run(agent(scripted(), counter, strategy=own, guards=[AskBefore("effect")]))
    assert await replayed(rig, own, [counter]) == [""]


@named("react")
def notes_at_the_end(brief: Brief) -> Strategy:
    yield from ask()
    yield from note("one", "more")
    return "x"


@named("react")
def acts_at_the_end(brief: Brief) -> Strategy:
    yield from ask()
    yield from run([Call("act", {})])
    return "x"


@pytest.mark.parametrize("more", [notes_at_the_end, acts_at_the_end])
async def test_any_further_move_of_a_finished_run_is_a_divergence(rig: Rig, more: StrategyMaker) -> None:
    await rig.run(agent(scripted(says("hello"))))
    (divergence,) = await replayed(rig, more)
    assert divergence.startswith("the run ended, but the strategy now wants more: step 1: a ")
