"""What can be done to a strategy from outside: its questions changed, its first one given a preface."""

from collections.abc import Generator
from typing import Any

import pytest
from msgspec.structs import replace

from remit.core.moves import Answer, Ask, Fork, GiveUp, Note, Strategy, altered, ask, fork, note, prefaced


def asks(*says: str, alone: bool = False) -> Strategy:
    """Ask so often and return all answers."""
    answers: list[str] = []
    for say in says:
        answer = yield from ask(say, alone=alone)
        answers.append(answer.text)
    return [*answers]


def follow(strategy: Strategy) -> tuple[list[Any], Any]:
    """Answer every question with what was said, branches in turn; give all moves and the output."""
    moves: list[Any] = []
    answer: Any = None
    while True:
        try:
            move = strategy.send(answer)
        except StopIteration as end:
            return moves, end.value
        moves.append(move)
        match move:
            case Ask(say=say):
                answer = Answer(say)
            case Fork(branches):
                ended = [follow(branch) for branch in branches]
                moves.extend(inner for inner, _ in ended)
                answer = tuple(output for _, output in ended)
            case _:
                answer = None


def test_every_question_is_changed_also_those_of_branches() -> None:
    def whole() -> Strategy:
        first = yield from asks("a")
        rest = yield from fork([asks("b", alone=True), asks("c")])
        yield from note("n", 1)
        return [first, *rest]

    moves, output = follow(altered(whole(), lambda move: replace(move, say=move.say.upper(), sample=3)))
    assert output == [["A"], ["B"], ["C"]]
    assert moves[0] == Ask("A", sample=3)
    assert moves[2:] == [[Ask("B", alone=True, sample=3)], [Ask("C", sample=3)], Note("n", 1)]


def test_a_preface_is_told_once_and_before_what_is_said_anyway() -> None:
    assert follow(prefaced(asks("a", "b"), "know this"))[1] == ["know this\n\na", "b"]
    assert follow(prefaced(asks("", "b"), "know this"))[1] == ["know this", "b"]
    assert follow(prefaced(asks("a"), ""))[1] == ["a"]


def test_a_preface_is_for_the_conversation_and_not_for_a_question_apart() -> None:
    def whole() -> Strategy:
        apart = yield from asks("judge", alone=True)
        within = yield from asks("go")
        return [apart, within]

    assert follow(prefaced(whole(), "know this"))[1] == [["judge"], ["know this\n\ngo"]]


def test_every_branch_is_told_when_it_branches_first() -> None:
    def whole() -> Strategy:
        branches = yield from fork([asks("b"), asks("c")])
        after = yield from asks("d")
        return [*branches, after]

    assert follow(prefaced(whole(), "know"))[1] == [["know\n\nb"], ["know\n\nc"], ["d"]]


def test_what_no_branch_was_told_is_told_afterwards() -> None:
    def whole() -> Strategy:
        apart = yield from fork([asks("b", alone=True), asks("c", alone=True)])
        after = yield from asks("d", "e")
        return [*apart, after]

    assert follow(prefaced(whole(), "know"))[1] == [["b"], ["c"], ["know\n\nd", "e"]]


def test_a_branch_within_a_branch_that_was_told_is_enough() -> None:
    def deep() -> Strategy:
        return [*(yield from fork([asks("c")]))]

    def whole() -> Strategy:
        within = yield from fork([deep()])
        after = yield from asks("d")
        return [*within, after]

    assert follow(prefaced(whole(), "know"))[1] == [[["know\n\nc"]], ["d"]]


def test_a_changed_strategy_is_closed_with_what_it_wraps_and_gives_up_with_it() -> None:
    ended: list[str] = []

    def inner() -> Generator[Any, Any, Any]:
        try:
            yield from ask("a")
        finally:
            ended.append("inner")
        raise GiveUp("no use")

    outer = altered(inner(), lambda move: move)
    next(outer)
    outer.close()
    assert ended == ["inner"]
    again = prefaced(inner(), "x")
    next(again)
    with pytest.raises(GiveUp, match="no use"):
        again.send(Answer("no"))
