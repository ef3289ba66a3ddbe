import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies.game import GAME, follow, plays, shown, solvable, state

from remit.core.moves import Ask, Brief, Fork, GiveUp, Move, Note, Strategy, identity
from remit.core.values import JsonObject, JsonValue
from remit.strategies import Bounds, Problem, Thoughts, attempt, tree_of_thoughts
from remit.strategies.tree_of_thoughts import PROMPTS

Drive = Callable[[Strategy, Sequence[object]], tuple[list[Move], JsonValue]]
Search = Literal["breadth", "best"]

BRIEF = Brief("Plan the party")
WIDE = Bounds(breadth=5, depth=3, thoughts=40, calls=400)


def next_steps(*thoughts: str, done: bool = False) -> str:
    return msgspec.json.encode({"thoughts": thoughts, "done": done}).decode()


def worth(value: str | int) -> str:
    return msgspec.json.encode({"value": value}).decode()


def asks(moves: Sequence[Move]) -> list[Ask]:
    return [move for move in moves if isinstance(move, Ask)]


def valued(moves: Sequence[Move]) -> list[str]:
    return [move.say for move in asks(moves) if "How good a way" in move.say]


def proposed(moves: Sequence[Move]) -> list[str]:
    return [move.say for move in asks(moves) if "Propose what could come next" in move.say]


def drawn(moves: Sequence[Move]) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", move.body) for move in moves if isinstance(move, Note)]


@pytest.mark.parametrize("search", ["breadth", "best"])
@pytest.mark.parametrize("task", ["4 9 10 13", "2 3 4", "1 5 5 5", "3 3 8 8"])
def test_the_game_of_24_is_solved_by_legal_steps(search: Search, task: str) -> None:
    moves: list[Move] = []
    strategy = tree_of_thoughts(GAME, search=search, bounds=WIDE)
    output = follow(strategy(Brief(task)), plays, moves)
    steps = cast("list[str]", output)
    assert state(task, steps) == (24,)
    assert len(steps) == len(task.split()) - 1
    assert GAME.key(task, tuple(steps)) == "24"
    assert [child["thought"] for body in drawn(moves) for child in body["next"] if child["goal"]] == steps[-1:]


def test_best_first_leaves_a_way_that_disappoints_for_an_older_one() -> None:
    moves: list[Move] = []
    bounds = Bounds(breadth=1, depth=3, thoughts=40, calls=400)
    follow(tree_of_thoughts(GAME, search="best", bounds=bounds)(Brief("3 3 8 8")), blind, moves)
    depths = [len(cast("str", body["state"]).split()) for body in drawn(moves)]
    assert any(after >= before for before, after in itertools.pairwise(depths)), "it never went back"
    with pytest.raises(GiveUp):
        follow(tree_of_thoughts(GAME, bounds=bounds)(Brief("3 3 8 8")), blind, [])


def blind(question: str) -> str:
    """Value states of three numbers alike: only what follows from them tells which was good."""
    said = plays(question)
    return worth(5) if '"likely"' in said or "who knows" in said else said


@settings(max_examples=25, deadline=None)
@given(
    task=st.lists(st.integers(1, 9), min_size=3, max_size=4).map(lambda found: " ".join(map(str, found))),
    search=st.sampled_from(["breadth", "best"]),
    breadth=st.integers(1, 3),
    calls=st.integers(1, 60),
    problem=st.sampled_from([GAME, Problem(key=GAME.key, goal=GAME.goal)]),
)
def test_no_bound_is_ever_passed_and_no_state_is_paid_for_twice(
    task: str, search: Search, breadth: int, calls: int, problem: Problem
) -> None:
    bounds = Bounds(breadth=breadth, depth=3, thoughts=12, calls=calls)
    moves: list[Move] = []
    strategy = tree_of_thoughts(problem, search=search, bounds=bounds)(Brief(task))
    output = cast("JsonObject", follow(attempt(strategy), plays, moves))
    assert len(asks(moves)) <= calls
    if "failed" in output:
        assert cast("JsonObject", output["output"])["calls"] == len(asks(moves))
    elif problem is GAME:
        assert state(task, cast("list[str]", output["output"])) == (24,)
    for questions in (valued(moves), proposed(moves)):
        states = [shown(state(task, _steps(question))) for question in questions]
        assert len(set(states)) == len(states)
    expanded = [body["state"] for body in drawn(moves)]
    if search == "breadth":
        for _, level in itertools.groupby(drawn(moves), key=lambda body: len(body["state"].split())):
            assert len(list(level)) <= breadth
    assert len(proposed(moves)) == len(set(expanded))


def _steps(question: str) -> list[str]:
    section = question.partition("Steps so far:\n")[2].partition("\n\n")[0]
    return [] if section == "(none)" else [section.splitlines()[-1]]


def test_questions_of_a_level_are_asked_together_alone_and_without_tools(drive: Drive) -> None:
    strategy = tree_of_thoughts(bounds=Bounds(breadth=2, depth=2, thoughts=2))
    moves, output = drive(
        strategy(BRIEF),
        [
            next_steps("music", "cake", "never read: over the bound"),
            worth("likely"),
            worth(7),
            next_steps("chocolate", "lemon"),
            next_steps("a band"),
            worth("sure"),
            worth("impossible"),
            worth(1),
            "Cake of chocolate.",
        ],
    )
    forks = [len(move.branches) for move in moves if isinstance(move, Fork)]
    assert forks == [1, 2, 2, 3]
    assert all(move.alone and move.tools == () for move in asks(moves)[:-1])
    assert [move.role for move in asks(moves)[1:3]] == ["judge", "judge"]
    assert asks(moves)[3].say.startswith(
        "Task:\nPlan the party\n\nSteps so far:\n1. cake\n\nPropose what could come next"
    )
    assert asks(moves)[-1] == Ask(PROMPTS.text("closing", thoughts="1. cake\n2. chocolate"), tools=())
    assert output == "Cake of chocolate."


def test_the_answer_is_drawn_from_the_best_end_in_the_conversation(drive: Drive) -> None:
    answers = [next_steps("a", "b"), worth(4), worth(6), "Done by b."]
    moves, output = drive(tree_of_thoughts(bounds=Bounds(depth=1), role="cheap", judge="strict")(BRIEF), answers)
    assert asks(moves)[-1] == Ask(PROMPTS.text("closing", thoughts="1. b"), role="cheap", tools=())
    assert [move.role for move in asks(moves)] == ["cheap", "strict", "strict", "cheap"]
    assert output == "Done by b."


def test_every_expanded_state_is_noted_with_what_followed_so_that_the_tree_can_be_drawn(drive: Drive) -> None:
    answers = [next_steps("a", "b"), worth(4), worth("impossible"), next_steps("c"), worth(9), "ok"]
    moves, _ = drive(tree_of_thoughts(bounds=Bounds(depth=2))(BRIEF), answers)
    a: JsonObject = {"id": 1, "thought": "a", "state": "a", "value": 0.4, "goal": False}
    b: JsonObject = {"id": 2, "thought": "b", "state": "b", "value": 0.0, "goal": False}
    c: JsonObject = {"id": 3, "thought": "c", "state": "a\nc", "value": 0.9, "goal": False}
    root: JsonObject = {"id": 0, "thought": "", "state": "", "value": 1.0, "goal": False}
    assert drawn(moves) == [{**root, "parent": -1, "next": [a, b]}, {**a, "parent": 0, "next": [c]}]


def test_a_state_that_is_already_done_is_an_end_and_better_than_one_that_only_goes_deeper(drive: Drive) -> None:
    answers = [next_steps("a", "b"), worth(9), worth(5), next_steps(done=True), next_steps("c"), worth(6), "a it is"]
    moves, _ = drive(tree_of_thoughts(bounds=Bounds(depth=3, breadth=2))(BRIEF), answers)
    assert asks(moves)[-1].say == PROMPTS.text("closing", thoughts="1. a")


def test_an_end_does_not_stop_the_search_while_something_better_waits(drive: Drive) -> None:
    answers = [next_steps("a", "b"), worth(6), worth(5), next_steps(done=True), next_steps("c", "d")]
    answers += [worth(7), worth(8), next_steps(), next_steps(), "a"]
    moves, _ = drive(tree_of_thoughts(bounds=Bounds(depth=3, breadth=2))(BRIEF), answers)
    assert [body["thought"] for body in drawn(moves)] == ["", "a", "b", "d", "c"]
    assert asks(moves)[-1].say == PROMPTS.text("closing", thoughts="1. a")


def test_a_task_that_needs_no_step_is_answered_at_once(drive: Drive) -> None:
    moves, output = drive(tree_of_thoughts()(BRIEF), [next_steps(done=True), "Nothing to do."])
    assert asks(moves)[-1].say == PROMPTS.text("closing", thoughts="(none)")
    assert output == "Nothing to do."


def test_when_no_end_is_reached_the_best_state_found_is_taken(drive: Drive) -> None:
    answers = [next_steps("a", "b"), worth(4), worth(6), next_steps(), next_steps(), "b, then."]
    moves, _ = drive(tree_of_thoughts()(BRIEF), answers)
    assert asks(moves)[-1].say == PROMPTS.text("closing", thoughts="1. b")


def test_a_solution_is_taken_without_paying_for_its_value(drive: Drive) -> None:
    problem = Problem(goal=lambda task, thoughts: thoughts[-1:] == ("b",), answer=lambda task, thoughts: thoughts[0])
    moves, output = drive(tree_of_thoughts(problem)(BRIEF), [next_steps("a", "b", "c")])
    assert output == "b"
    assert len(asks(moves)) == 1
    assert [child["value"] for child in drawn(moves)[0]["next"]] == [None, None, None]


def test_two_ways_to_one_state_are_one_question(drive: Drive) -> None:
    problem = Problem(key=lambda task, thoughts: "".join(sorted("".join(thoughts))))
    answers = [next_steps("a", "b", "a"), worth(4), worth(6), next_steps("a"), next_steps("b", "c")]
    answers += [worth(8), worth(2), "ab"]
    moves, _ = drive(tree_of_thoughts(problem, bounds=Bounds(depth=2))(BRIEF), answers)
    assert len(valued(moves)) == 4
    assert [child["state"] for body in drawn(moves) for child in body["next"]] == ["a", "b", "ab", "ac"]


def test_a_shorter_way_to_a_known_state_follows_it_further_at_no_cost(drive: Drive) -> None:
    # By way of x and u the state z lies at the third level, by way of y at the second.
    answers = [next_steps("x", "y"), worth(9), worth(3), next_steps("u"), worth(8), next_steps("z"), worth(4)]
    answers += [next_steps("v"), worth(1), next_steps("z"), "v, after y and z"]
    bounds = Bounds(breadth=1, depth=4)
    problem = Problem(
        key=lambda task, thoughts: thoughts[-1] if thoughts else "",
        goal=lambda task, thoughts: thoughts == ("y", "z", "v"),
    )
    moves, _ = drive(tree_of_thoughts(problem, search="best", bounds=bounds)(BRIEF), answers)
    assert [body["thought"] for body in drawn(moves)] == ["", "x", "u", "z", "y", "z"]
    assert asks(moves)[-1].say == PROMPTS.text("closing", thoughts="1. y\n2. z\n3. v")


def test_code_can_propose_and_value_so_that_no_model_is_asked(drive: Drive) -> None:
    def more(task: str, thoughts: Thoughts) -> Sequence[str]:
        return [str(number) for number in range(1, 4)]

    def total(task: str, thoughts: Thoughts) -> float:
        return sum(map(int, thoughts))

    problem = Problem(
        more, total, lambda task, thoughts: total(task, thoughts) == 7, answer=lambda task, thoughts: [*thoughts]
    )
    moves, output = drive(tree_of_thoughts(problem, search="best")(BRIEF), [])
    assert output == ["3", "3", "1"]
    assert asks(moves) == []


def test_an_answer_that_cannot_be_used_is_asked_for_again_and_then_that_way_ends(drive: Drive) -> None:
    answers = [next_steps("a", "b"), "no idea", "{}", worth(3), next_steps("c"), worth(5), "done"]
    moves, _ = drive(tree_of_thoughts(bounds=Bounds(depth=2))(BRIEF), ["[]", *answers])
    said = asks(moves)
    assert said[1].say.startswith(said[0].say)
    assert "could not be used" in said[1].say
    # The state `a` was never valued in a usable way, so only `b` is followed.
    assert [body["thought"] for body in drawn(moves)] == ["", "b"]


def test_a_state_from_which_nothing_usable_is_proposed_is_a_dead_end(drive: Drive) -> None:
    with pytest.raises(GiveUp, match="no solution was found in 2 of 40 model calls and 3 levels") as stop:
        drive(tree_of_thoughts()(BRIEF), ["no", "no"])
    assert stop.value.output == {"thoughts": [], "value": None, "calls": 2}


def test_repairs_count_against_the_calls(drive: Drive) -> None:
    bounds = Bounds(calls=4, repairs=3, depth=1)
    with pytest.raises(GiveUp, match="in 3 of 4 model calls"):
        drive(tree_of_thoughts(bounds=bounds)(BRIEF), ["no"] * 3)
    moves, output = drive(tree_of_thoughts(bounds=bounds)(BRIEF), [next_steps("a", "b", "c"), worth(2), worth(3), "b."])
    assert (len(asks(moves)), output) == (4, "b.")


def test_a_search_for_a_goal_gives_up_with_the_best_thoughts_it_had(drive: Drive) -> None:
    problem = Problem(goal=lambda task, thoughts: False)
    with pytest.raises(GiveUp) as stop:
        drive(
            tree_of_thoughts(problem, bounds=Bounds(depth=1))(BRIEF),
            [next_steps("a", "b", done=True), worth(2), worth(9)],
        )
    assert stop.value.output == {"thoughts": ["b"], "value": 0.9, "calls": 3}


def test_unsolvable_numbers_are_given_up_and_not_made_up() -> None:
    assert not solvable(state("1 1 1 1", []))
    with pytest.raises(GiveUp):
        follow(tree_of_thoughts(GAME, search="best", bounds=WIDE)(Brief("1 1 1 1")), plays, [])


def test_the_words_can_be_replaced_and_an_old_run_would_notice(drive: Drive) -> None:
    mine = PROMPTS.having(closing="Answer from: {thoughts}")
    moves, _ = drive(tree_of_thoughts(prompts=mine)(BRIEF), [next_steps(done=True), "x"])
    assert asks(moves)[-1].say == "Answer from: (none)"
    assert identity(tree_of_thoughts()) == "tree_of_thoughts@1"
    assert identity(tree_of_thoughts(prompts=mine)) == f"tree_of_thoughts@{mine.id}" != "tree_of_thoughts@1"


@pytest.mark.parametrize("search", ["breadth", "best"])
def test_following_again_over_the_same_answers_repeats_every_move(search: Search) -> None:
    runs: list[list[Any]] = []
    for _ in range(2):
        moves: list[Move] = []
        follow(tree_of_thoughts(GAME, search=search, bounds=WIDE)(Brief("4 9 10 13")), plays, moves)
        runs.append([len(move.branches) if isinstance(move, Fork) else _plain(move) for move in moves])
    assert runs[0] == runs[1]


def _plain(move: Move) -> object:
    return (move.say, move.role) if isinstance(move, Ask) else move


def test_what_is_asked_shows_the_examples_word_for_word() -> None:
    shipped: Mapping[str, str] = {example.of: example.text for example in PROMPTS.examples}
    assert shipped["propose"] in PROMPTS.text("propose", task="t", thoughts="(none)", most=3)
    assert '{"thoughts": ["4 * 6 = 24 (left: 24)"' in shipped["propose"]
