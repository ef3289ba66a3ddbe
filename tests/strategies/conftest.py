"""A hand that drives strategies: it answers their moves from a list, as a runtime would from a journal."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec
import pytest

from remit.core.messages import Outcome
from remit.core.moves import Answer, Ask, Execute, Fork, Move, Note, Ran, Run, Strategy
from remit.core.values import JsonValue

Drive = Callable[[Strategy, Sequence[object]], tuple[list[Move], JsonValue]]


@pytest.fixture
def drive() -> Drive:
    """Drive a strategy to its end over exactly these answers; return its moves and its output.

    For an `Ask`: an `Answer`, or a text that is read as JSON when the ask has a shape. For a `Run`: a list with an
    output or `Outcome` per call. For an `Execute`: a `Ran`. A `Note` takes none; the branches of a `Fork` take from the
    list in turn.
    """

    def drive(strategy: Strategy, answers: Sequence[object]) -> tuple[list[Move], JsonValue]:
        moves: list[Move] = []
        left = iter(answers)
        output = _follow(strategy, left, moves)
        assert list(left) == [], "the strategy ended before it used all answers"
        return moves, output

    return drive


def _follow(strategy: Strategy, left: Iterator[object], moves: list[Move]) -> JsonValue:
    try:
        move = next(strategy)
        while True:
            moves.append(move)
            move = strategy.send(_answer(move, left, moves))
    except StopIteration as end:
        return end.value


def _answer(move: Move, left: Iterator[object], moves: list[Move]) -> object:
    match move:
        case Note():
            return None
        case Fork(branches):
            return tuple(_follow(branch, left, moves) for branch in branches)
        case Run(calls):
            outputs = next(left, None)
            assert isinstance(outputs, list), f"no outcomes are left for {calls}"
            made = cast("list[JsonValue | Outcome]", outputs)
            assert len(made) == len(calls), f"{len(made)} outcomes for {calls}"
            return tuple(one if isinstance(one, Outcome) else Outcome("", output=one) for one in made)
        case Ask():
            said = next(left, None)
            assert isinstance(said, Answer | str), f"no answer is left for: {move.say}"
            return said if isinstance(said, Answer) else _read(move, said)
        case Execute():
            ran = next(left, None)
            assert isinstance(ran, Ran), "no end is left for a program"
            return ran


def _read(move: Ask, text: str) -> Answer:
    if move.shape is None:
        return Answer(text)
    try:
        return Answer(text, value=move.shape.read(msgspec.json.decode(text)))
    except ValueError as error:
        return Answer(text, problem=str(error))
