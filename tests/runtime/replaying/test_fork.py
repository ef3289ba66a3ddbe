"""Fork: a new life from another's past, from any place, that repeats nothing it remembers."""

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import ConfigError
from remit.core.events import EffectEnded, EffectStarted, ModelAsked, RunSuspended, SessionOpened, Tree
from remit.core.limits import Limits
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.policy import AskBefore
from remit.runtime import decide, fork, replay, waiting
from remit.runtime.ledger import children_account
from remit.runtime.replaying.replay import boundary
from remit.testing import EffectCounter, ScriptedModel, calls, says, use


def by_heart(request: Request) -> Reply:
    """Say what comes next by what the conversation holds."""
    done = sum(isinstance(message, ToolMessage) for message in request.messages)
    if done == 0:
        return calls(use("effect", n=1), use("effect", n=2))
    return calls(use("effect", n=3)) if done < 3 else says("done")


async def test_a_fork_at_any_event_repeats_no_effect_it_remembers(rig: Rig) -> None:
    counter = EffectCounter("once")
    declared = agent(ScriptedModel([by_heart] * 99), counter, guards=[AskBefore("effect", above={"n": 2})])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "done"
    length = len(await rig.events())
    assert length >= 18
    for at in range(1, length + 1):
        name = f"fork{at}"
        taken = await fork(rig.store, "s", name, at=at)
        assert 1 <= taken <= at
        remembered = {outcome.call for outcome in await rig.outcomes(name)}
        before = len(counter.called())
        result = await rig.resume(declared, name)
        if waiting(await rig.state(name)):
            await decide(rig.store, name, "", granted=True, by="ann")
            result = await rig.resume(declared, name)
        made = counter.called()[before:]
        assert not remembered & {key.removeprefix(f"{name}-") for key in made}, at
        assert result.status in {"done", "idle"}, at
        assert counter.twice() == []
        found = await replay(await rig.store.read(name), declared, rig.world(declared))
        assert [run.divergence for run in found] == [""] * len(found), at


async def test_an_approval_is_not_inherited_before_it_was_used(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once")
    declared = agent(scripted(calls(use("effect")), says("x")), act, guards=[AskBefore("effect")])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    rig.forget()
    await fork(rig.store, "s", "t")
    assert "ApprovalGiven" not in await rig.kinds("t")
    assert (await rig.resume(declared, "t")).status == "waiting"
    assert act.seen == []


async def test_a_fork_of_all_there_is_goes_on_from_there(rig: Rig) -> None:
    await rig.run(agent(scripted(says("one"))))
    await fork(rig.store, "s", "t")
    session = await rig.load(agent(scripted(says("two"))), "t")
    await session.hear("more")
    assert (await session.run()).output == "two"
    opened = (await rig.events("t"))[0]
    assert isinstance(opened, SessionOpened)
    assert (opened.forked, opened.tree.root) == ("s@6", "t")
    assert len(await rig.events("s")) == 6


async def test_a_fork_of_a_run_under_way_sleeps_until_it_is_wanted(rig: Rig) -> None:
    declared = agent(scripted(calls(use("effect")), KeyboardInterrupt(), says("x")), EffectCounter("once"))
    with pytest.raises(KeyboardInterrupt):
        await rig.run(declared)
    rig.forget()
    await fork(rig.store, "s", "t")
    last = (await rig.events("t"))[-1]
    assert isinstance(last, RunSuspended)
    assert last.question == "forked from s here"
    assert (await rig.resume(declared, "t")).output == "x"


@pytest.mark.parametrize("at", [0, -1, 99])
async def test_a_session_can_be_forked_only_where_it_was(rig: Rig, at: int) -> None:
    await rig.run(agent(scripted(says("one"))))
    with pytest.raises(ConfigError, match=f"has events 1 to 6; cannot fork at {at}"):
        await fork(rig.store, "s", "t", at=at)


async def test_nobody_can_be_forked_from_nothing(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="no session 'nobody' to fork from"):
        await fork(rig.store, "nobody", "t")


async def test_a_fork_of_a_child_stays_in_its_tree_and_counts(rig: Rig) -> None:
    tree = Tree("root", "root", 1, max_children=2)
    session = await rig.open(agent(scripted(says("one"))), "go", "child", tree)
    await session.run()
    await fork(rig.store, "child", "twin")
    opened = (await rig.events("twin"))[0]
    assert isinstance(opened, SessionOpened)
    assert opened.tree.root == "root"
    assert await rig.store.used(children_account("root")) == 2


async def test_no_fork_begins_inside_a_question_or_an_effect(rig: Rig) -> None:
    declared = agent(scripted(calls(use("effect")), says("x")), EffectCounter("once"), limits=Limits())
    await rig.run(declared)
    events = await rig.events()
    for end in range(1, len(events) + 1):
        taken = events[: boundary(events, end)]
        questions = sum(isinstance(event, ModelAsked) for event in taken)
        answers = sum(type(event).__name__ == "ModelAnswered" for event in taken)
        started = sum(isinstance(event, EffectStarted) for event in taken)
        ended = sum(isinstance(event, EffectEnded) for event in taken)
        assert (questions, started) == (answers, ended)
