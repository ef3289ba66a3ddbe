"""The same tasks with a process that dies at a call chosen by lot: end states right, nothing twice, nothing lost."""

import asyncio
from collections.abc import Mapping

import pytest
from tests.bfcl.deaths import PLACES, Course, Crash, Mortal, Place, charted, chosen
from tests.bfcl.plays import Play
from tests.bfcl.tasks import tasks
from tests.bfcl.tools import BARE, FORGETFUL, KEYED, PROBED, Care

EXECUTED = {"probed, executed", "keyed, executed", "read, executed"}
NOT_EXECUTED = {"probed, not executed", "keyed, not executed", "read, not executed"}
TAKEN_UP: Mapping[Place, set[str]] = {
    "intent kept": NOT_EXECUTED,
    "before the act": NOT_EXECUTED,
    "after the act": EXECUTED,
    "outcome lost": EXECUTED,
    "between turns": {"no call"},
}
"""How the calls under way at a death are taken up, where the place alone decides that; each of these comes up."""


@pytest.fixture(scope="module")
def courses() -> Mapping[str, Course]:
    async def all_charted() -> dict[str, Course]:
        return {task.id: await charted(task) for task in tasks()}

    return asyncio.run(all_charted())


def care_of(number: int, place: Place) -> Care:
    """Let the side of half of the tasks be asked what happened, and the side of the others know a key again."""
    return (PROBED, KEYED)[(number + PLACES.index(place)) % 2]


@pytest.mark.parametrize("place", PLACES)
async def test_a_death_anywhere_changes_nothing(place: Place, courses: Mapping[str, Course]) -> None:
    lived = [
        await Mortal(Play(task, care_of(number, place)), chosen(task, place), courses[task.id]).through()
        for number, task in enumerate(tasks())
    ]
    assert {mortal.play.task.id: problems for mortal in lived if (problems := mortal.problems())} == {}
    assert [mortal.play.task.id for mortal in lived] == [f"multi_turn_base_{number}" for number in range(200)]
    kinds = {mortal.kind() for mortal in lived}
    assert kinds == TAKEN_UP.get(place, kinds)


async def died(care: Care, place: Place, courses: Mapping[str, Course]) -> Mortal:
    """Die at the second call of the first task, which makes a directory."""
    task = tasks()[0]
    return await Mortal(Play(task, care), Crash(place, 1, 0), courses[task.id]).through()


async def test_a_side_that_forgets_keys_is_seen_to_act_twice(courses: Mapping[str, Course]) -> None:
    mortal = await died(FORGETFUL, "after the act", courses)
    assert len(mortal.play.world.twice()) == 1
    assert any(problem.startswith("executed twice") for problem in mortal.problems())


async def test_a_side_that_cannot_be_asked_leaves_the_call_to_a_person(courses: Mapping[str, Course]) -> None:
    mortal = await died(BARE, "after the act", courses)
    (parked,) = mortal.play.results
    assert (parked.status, parked.reason.split(" (")[0]) == ("waiting", "did mkdir")
    assert mortal.play.world.twice() == []
    assert len(mortal.play.world.done) == 2


@pytest.mark.parametrize("care", [PROBED, KEYED], ids=["probed", "keyed"])
async def test_a_side_that_is_careful_passes_the_same_death(care: Care, courses: Mapping[str, Course]) -> None:
    assert (await died(care, "after the act", courses)).problems() == []
