from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.strategies.thoughts import (
    RATING,
    Beam,
    Bounds,
    Frontier,
    Node,
    Problem,
    Proposals,
    Purse,
    Queue,
    Tree,
    by_words,
    missing,
)

VALUES = st.lists(st.floats(0, 1), max_size=12)


def nodes(values: Iterable[float], depth: int = 1) -> tuple[Node, ...]:
    return tuple(
        Node(number, 0, ("t",) * depth, f"s{number}", value) for number, value in enumerate(values, start=100 * depth)
    )


def ranked(found: Iterable[Node]) -> list[Node]:
    return sorted(found, key=lambda node: (-node.value, -len(node.thoughts), node.number))


@pytest.mark.parametrize("make", [Beam, Queue])
@given(values=VALUES, breadth=st.integers(1, 5))
def test_a_frontier_is_never_wider_than_its_breadth_and_gives_the_best(
    make: Callable[[int], Frontier], values: list[float], breadth: int
) -> None:
    frontier, waiting = make(breadth), nodes(values)
    frontier.put(waiting)
    assert frontier.promise() == max(values, default=-float("inf"))
    assert list(frontier.take()) == ranked(waiting)[:breadth]


@given(values=VALUES, breadth=st.integers(1, 5))
def test_a_beam_forgets_what_it_does_not_follow_and_a_queue_goes_back_to_it(values: list[float], breadth: int) -> None:
    beam, queue, waiting = Beam(breadth), Queue(breadth), nodes(values)
    for frontier in (beam, queue):
        frontier.put(waiting)
        frontier.take()
    assert beam.take() == ()
    left: list[Node] = []
    while batch := queue.take():
        left.extend(batch)
    assert left == ranked(waiting)[breadth:]


def test_of_equals_a_queue_follows_the_deeper_and_then_the_older() -> None:
    queue = Queue(1)
    queue.put([*nodes([0.5, 0.5]), *nodes([0.5], depth=2)])
    assert [batch[0].number for batch in iter(queue.take, ())] == [200, 100, 101]


@given(calls=st.integers(0, 50), questions=st.integers(0, 20), repairs=st.integers(0, 3))
def test_a_purse_never_shares_out_more_than_it_holds(calls: int, questions: int, repairs: int) -> None:
    purse = Purse(calls)
    asked, again = purse.share(questions, repairs)
    assert asked * (1 + again) <= calls
    assert asked == min(questions, calls)
    assert again <= repairs
    if questions and calls >= questions * (1 + repairs):
        assert again == repairs
    purse.spend(asked)
    assert (purse.left, purse.spent) == (calls - asked, asked)


@given(proposed=st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=6), most=st.integers(1, 4))
def test_a_state_is_let_in_once_unless_a_shorter_way_leads_to_it(proposed: list[list[str]], most: int) -> None:
    def key(task: str, thoughts: tuple[str, ...]) -> str:
        return "".join(sorted(set(thoughts)))

    tree = Tree("", Problem(key=key), Bounds(thoughts=most))
    level, depths = [tree.root], dict[str, int]({tree.root.key: 0})
    for thoughts in proposed:
        for node in level:
            tree.proposals[node.key] = Proposals(tuple(thoughts))
        born = tree.grow(level)
        assert len(born) <= most * len(level)
        for node in born:
            assert node.key not in depths or len(node.thoughts) < depths[node.key]
            depths[node.key] = len(node.thoughts)
        level = list(born)


def test_a_shorter_way_to_a_state_lets_it_in_again_and_what_is_known_of_it_is_kept() -> None:
    tree = Tree("", Problem(key=lambda task, thoughts: thoughts[-1] if thoughts else ""), Bounds())
    deep = Node(7, 3, ("a", "b"), "b")
    tree.proposals = {"b": Proposals(("c",)), "": Proposals(("c", "c"))}
    (first,) = tree.grow([deep])
    (second,) = tree.grow([tree.root])
    assert (first.key, second.key) == ("c", "c")
    assert second.thoughts == ("c",)
    assert missing([first, second], {}) == (second,)
    assert missing([first, second], {"c": 1.0}) == ()


def test_no_more_states_are_let_in_than_the_bound_allows() -> None:
    tree = Tree("", Problem(), Bounds(states=2, thoughts=9))
    tree.proposals[""] = Proposals(("a", "b", "c"))
    assert [node.key for node in tree.grow([tree.root])] == ["a", "b"]


def test_a_state_without_a_name_is_not_allowed() -> None:
    tree = Tree("", Problem(key=lambda task, thoughts: None if "bad" in thoughts else "/".join(thoughts)), Bounds())
    tree.proposals[""] = Proposals(("bad", "good"))
    assert [node.key for node in tree.grow([tree.root])] == ["good"]


@pytest.mark.parametrize("value", [float("nan"), 0.0, -1.0])
def test_a_dead_end_is_neither_the_best_nor_an_end_nor_followed(value: float) -> None:
    tree = Tree("", Problem(), Bounds(depth=1))
    tree.values["s100"] = value
    valued = tree.appraise(nodes([0.0]))
    assert tree.open(valued) == ()
    assert tree.best is tree.end is tree.outcome() is None


@pytest.mark.parametrize(
    ("said", "worth"), [('"sure"', 1.0), ('"likely"', 0.5), ('"impossible"', 0.0), ("1", 0.1), ("10", 1.0)]
)
def test_a_rating_is_a_word_or_a_grade(said: str, worth: float) -> None:
    value = {"sure": "sure", "likely": "likely", "impossible": "impossible"}.get(said.strip('"')) or int(said)
    assert RATING.read({"value": value}).worth() == worth


@pytest.mark.parametrize("value", [0, 11, "maybe", None, 0.5])
def test_any_other_rating_is_sent_back(value: float | str | None) -> None:
    with pytest.raises(ValueError, match="value"):
        RATING.read({"value": value})


@pytest.mark.parametrize("name", ["breadth", "depth", "thoughts", "calls", "states"])
def test_bounds_within_which_nothing_can_be_found_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"the bound '{name}' must be at least 1, not 0"):
        Bounds(**{name: 0})
    with pytest.raises(ConfigError, match="'repairs' must be at least 0"):
        Bounds(repairs=-1)


def test_states_are_told_apart_by_their_words() -> None:
    assert by_words("", ("Add  1", "add 2")) == by_words("", ("add 1", "ADD 2\n"))
    assert by_words("", ("a", "b")) != by_words("", ("b", "a"))
