"""Thoughts are paid for once: over crashes and over forks of the session, no answered question is asked again."""

import itertools
from collections import Counter

import pytest
from tests.runtime.rig import Rig
from tests.strategies.game import GAME, goal, player

from remit import Agent, Home, Limits, Settings
from remit.core.events import Event, ModelAnswered, ModelAsked
from remit.core.messages import UserMessage
from remit.core.ports import Request, SessionQuery
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers, fork, replay
from remit.strategies import Bounds, Problem, tree_of_thoughts
from remit.testing import ScriptedModel, says
from remit.testing.crash import Died, DyingStore

TASK = "2 5 7"
PROBLEM = Problem(key=GAME.key, goal=GAME.goal)
BOUNDS = Bounds(breadth=2, depth=2, thoughts=40, calls=60)


def searcher(model: ScriptedModel) -> Agent:
    strategy = tree_of_thoughts(PROBLEM, search="best", bounds=BOUNDS)
    return Agent("a", model, strategy=strategy, limits=Limits(steps=None), detectors=())


def model() -> ScriptedModel:
    return ScriptedModel(itertools.repeat(player), keep=True)


def questions(model: ScriptedModel) -> list[str]:
    """List what a model was asked, in order."""
    return [str(_said(request.messages[-1])) for request in model.requests]


def _said(message: object) -> str:
    assert isinstance(message, UserMessage)
    return message.text


def answered(events: list[Event]) -> list[str]:
    """List the questions of a journal that have an answer."""
    says = {event.step: event.say for event in events if isinstance(event, ModelAsked)}
    return [says[event.step] for event in events if isinstance(event, ModelAnswered)]


async def test_the_game_of_24_is_solved_end_to_end_and_each_question_is_asked_once(rig: Rig) -> None:
    plays = model()
    result = await rig.run(searcher(plays), TASK)
    assert (result.status, result.output) == ("done", "the numbers make 24")
    assert max(Counter(questions(plays)).values()) == 1
    assert 10 < plays.asked <= BOUNDS.calls
    closing = questions(plays)[-1]
    steps = [line.partition(". ")[2] for line in closing.splitlines() if "(left: " in line]
    assert goal(TASK, tuple(steps))


async def test_a_fork_of_the_session_asks_nothing_again_that_is_recorded(rig: Rig) -> None:
    plays = model()
    result = await rig.run(searcher(plays), TASK)
    length = len(await rig.events())
    for at in range(1, length + 1):
        name, again = f"fork{at}", model()
        await fork(rig.store, "s", name, at=at)
        known = answered(await rig.events(name))
        forked = await rig.resume(searcher(again), name)
        assert not set(questions(again)) & set(known), at
        assert again.asked + len(known) == plays.asked or forked.status == "idle"
        if forked.status == "done":
            assert forked.output == result.output
        found = await replay(await rig.store.read(name), searcher(again), rig.world(searcher(again)))
        assert [run.divergence for run in found] == [""] * len(found), at


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_at_any_append_costs_at_most_the_questions_under_way(moment: str) -> None:
    whole = DyingStore(MemoryJournal())
    first = model()
    home = Home(whole, LocalWorkers(), bytes(32), Settings())
    result = await home.run(searcher(first), TASK)
    for at in range(1, whole.appends + 1):
        disk, plays = MemoryJournal(), model()
        dying = Home(
            DyingStore(disk, at, "before" if moment == "before" else "after"), LocalWorkers(), bytes(32), Settings()
        )
        with pytest.raises(Died):
            await dying.run(searcher(plays), TASK)
        rows = await disk.sessions(SessionQuery())
        if not rows:
            continue
        known = answered([record.event for record in await disk.read(rows[0].id)])
        again = model()
        resumed = await Home(disk, LocalWorkers(), bytes(32), Settings()).resume(searcher(again), rows[0].id)
        assert not set(questions(again)) & set(known), at
        events = [record.event for record in await disk.read(rows[0].id)]
        if resumed.status == "done":
            assert Counter(answered(events)) == Counter(questions(first))
            assert resumed.output == result.output


class Score(float):
    """A number of a kind of its own, as those of numerical libraries are."""


async def test_values_of_any_kind_of_number_are_kept_and_found_again_and_one_that_is_none_is_a_dead_end() -> None:
    worth = {"a": Score("nan"), "b": Score(0.5)}
    problem = Problem(propose=lambda _, __: ["a", "b"], value=lambda _, thoughts: worth[thoughts[-1]])
    strategy = tree_of_thoughts(problem, bounds=Bounds(depth=1))
    agent = Agent("a", ScriptedModel(itertools.repeat(lambda request: says(_told(request)))), strategy=strategy)
    async with Home.open("memory") as home:
        run = await home.run(agent, "go", session="s")
        (found,) = await home.replay(agent, "s")
    assert run.status == "done"
    assert "1. b" in str(run.output)
    assert found.divergence == ""


def _told(request: Request) -> str:
    return _said(request.messages[-1])
