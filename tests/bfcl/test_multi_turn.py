"""BFCL's `multi_turn_base` through the gateway: 200 of 200 end states and responses are what BFCL has itself."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.bfcl.backend import fresh, picture
from tests.bfcl.plays import Play
from tests.bfcl.tasks import WIDENED, Task, functions, tasks
from tests.bfcl.tools import PROBED, READS, reads

from remit import Home
from remit.core.messages import Call

IDS = [f"multi_turn_base_{number}" for number in range(200)]


def test_the_set_is_whole() -> None:
    assert [task.id for task in tasks()] == IDS
    assert sum(len(task.turns) for task in tasks()) == 734
    assert sum(len(task.calls) for task in tasks()) == 1142
    assert all(len(task.said) == len(task.turns) for task in tasks())


def test_no_class_of_a_task_hides_a_method_of_another() -> None:
    for task in tasks():
        names = [document.name for document in task.documents()]
        assert len(set(names)) == len(names)


def test_what_is_declared_to_read_changes_nothing_and_the_rest_does() -> None:
    """By the whole state before and after every call of every ground truth, also by what is private."""
    changing: Counter[str] = Counter()
    used: set[str] = set()
    for task in tasks():
        instances = fresh(task.config, task.classes)
        owners = {document.name: document for document in task.documents()}
        for call in task.calls:
            document = owners[call.tool]
            before = picture(instances)
            getattr(instances[document.owner], call.tool)(**copy.deepcopy(call.args))
            changed = picture(instances) != before
            assert not (changed and reads(document)), f"{task.id}: {call}"
            changing[call.tool] += changed
            used.add(call.tool)
    read = {name for owner in READS for name, document in functions(owner).items() if reads(document)}
    assert {name for name in used - read if not changing[name]} == {"contact_customer_support"}
    assert all(set(READS[owner].split()) <= set(functions(owner)) for owner in READS)


def test_one_call_does_not_keep_to_its_document() -> None:
    found = [
        (task.id, call.args)
        for task in tasks()
        for call in task.calls
        if any((call.tool, name) in WIDENED and not isinstance(value, int) for name, value in call.args.items())
    ]
    assert found == [("multi_turn_base_173", {"ticket_id": "ticket_001"})]


async def test_all_tasks_end_as_their_ground_truth() -> None:
    async with Home.open("memory") as home:
        played = [await Play(task, PROBED).through(home) for task in tasks()]
    wrong = {play.task.id: problems for play in played if (problems := play.problems())}
    assert wrong == {}
    assert [play.task.id for play in played] == IDS
    assert sum(len(play.world.done) for play in played) == 1142
    assert all(len(play.world.came) == len(play.task.calls) for play in played)


def instead(task: Task, place: int, *calls: Call) -> Task:
    """Put other calls in the place of one of a task's first turn."""
    first = task.turns[0]
    return replace(task, turns=((*first[:place], *calls, *first[place + 1 :]), *task.turns[1:]))


PLANTS: dict[str, tuple[Callable[[Task], Task], str]] = {
    "another argument": (lambda task: instead(task, 1, Call("mkdir", {"dir_name": "tmp"})), "wrong state: "),
    "one call too many": (
        lambda task: instead(task, 0, task.turns[0][0], Call("touch", {"file_name": "a"})),
        "wrong state: ",
    ),
    "a call left out": (lambda task: instead(task, 1), "wrong state: "),
    "a call that only reads left out": (lambda task: replace(task, turns=(*task.turns[:2], (), task.turns[3])), "resp"),
    "an argument of another type": (lambda task: instead(task, 1, Call("mkdir", {"dir_name": 7})), "outcomes "),
}


@pytest.mark.parametrize("plant", PLANTS)
async def test_a_planted_mistake_is_found(plant: str) -> None:
    change, found = PLANTS[plant]
    async with Home.open("memory") as home:
        play = await Play(change(tasks()[0]), PROBED).through(home)
    assert any(problem.startswith(found) for problem in play.problems()), play.problems()


async def test_the_gateway_keeps_wrong_arguments_away_from_the_method() -> None:
    async with Home.open("memory") as home:
        play = await Play(instead(tasks()[0], 1, Call("mkdir", {"dir_name": 7, "mode": "w"})), PROBED).through(home)
    refused = play.outcomes()[1]
    assert refused.status == "failed"
    assert '7 is not of type "string"' in str(refused.output)
    assert "'mode' was unexpected" in str(refused.output)
    assert len(play.world.came) == len(play.task.calls) - 1
