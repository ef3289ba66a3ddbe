from collections.abc import Callable, Sequence

import msgspec
import pytest

from remit.core.moves import Answer, Ask, Brief, GiveUp, Move, Strategy, ask, fork
from remit.core.shape import shape
from remit.core.values import JsonValue
from remit.strategies import ask_alone, attempt, react

Drive = Callable[[Strategy, Sequence[object]], tuple[list[Move], JsonValue]]


class Verdict(msgspec.Struct):
    good: bool


def judged() -> Strategy:
    verdict: Verdict = yield from ask_alone(shape(Verdict), "Is it good?", role="judge")
    return verdict.good


def gives_up() -> Strategy:
    answer = yield from ask("try")
    raise GiveUp("too hard", {"so far": answer.text})


def test_a_question_alone_is_repeated_whole_with_the_problem_of_the_last_answer(drive: Drive) -> None:
    moves, output = drive(judged(), ["hm", '{"god": true}', '{"good": true}'])
    asks = [move for move in moves if isinstance(move, Ask)]
    assert [(move.alone, move.role, move.tools) for move in asks] == [(True, "judge", ())] * 3
    assert [move.sample for move in asks] == [0, 1, 2], "a cache must not answer the same again"
    assert asks[0].say == "Is it good?"
    assert asks[1].say.startswith("Is it good?\n\nYour last answer could not be used: ")
    assert "missing required field `good`" in asks[2].say
    assert output is True


def test_a_question_alone_gives_up_after_its_repairs(drive: Drive) -> None:
    with pytest.raises(GiveUp, match="cannot be used after 2 repairs") as stop:
        drive(judged(), ["a", "b", Answer("c", problem="cut off")])
    assert stop.value.output == {"answer": "c", "problem": "cut off"}


def test_an_attempt_that_comes_to_an_end_gives_its_output(drive: Drive) -> None:
    assert drive(attempt(react(Brief("hello"))), ["hi"])[1] == {"output": "hi"}


def test_an_attempt_that_gives_up_says_why_and_does_not_end_its_neighbours(drive: Drive) -> None:
    def both() -> Strategy:
        return list((yield from fork([attempt(gives_up()), attempt(react(Brief("")))])))

    _, output = drive(both(), ["half", "whole"])
    assert output == [{"failed": "too hard", "output": {"so far": "half"}}, {"output": "whole"}]
