from collections.abc import Callable, Sequence

import msgspec
import pytest

from remit.core.messages import Call, Outcome
from remit.core.moves import Answer, Ask, Brief, GiveUp, Move, Run, Strategy, identity
from remit.core.shape import shape
from remit.core.values import JsonValue
from remit.strategies import react, shaped

Drive = Callable[[Strategy, Sequence[object]], tuple[list[Move], JsonValue]]

FIND = Call("find", {"name": "Ann"}, "c1")
MAIL = Call("mail", {"to": "ann@example.org"}, "c2")


class Weather(msgspec.Struct):
    city: str
    celsius: float


def test_a_model_that_wants_no_tool_is_asked_once(drive: Drive) -> None:
    assert drive(react(Brief("hello")), ["hello yourself"]) == ([Ask()], "hello yourself")


def test_calls_are_made_together_and_the_model_is_asked_again_until_it_wants_none(drive: Drive) -> None:
    answers = [
        Answer("", (FIND, MAIL)),
        ["Ann", Outcome("c2", "failed", "no such host")],
        Answer("", (MAIL,)),
        [1],
        "ok",
    ]
    moves, output = drive(react(Brief("mail Ann")), answers)
    assert moves == [Ask(), Run((FIND, MAIL)), Ask(), Run((MAIL,)), Ask()]
    assert output == "ok"


def test_a_shaped_answer_is_json_even_though_the_shape_reads_a_struct(drive: Drive) -> None:
    answers = [Answer("", (FIND,)), ["x"], '{"city": "Oslo", "celsius": 3}']
    moves, output = drive(shaped(shape(Weather))(Brief("weather?")), answers)
    assert output == {"city": "Oslo", "celsius": 3}
    assert [move.shape.id for move in moves if isinstance(move, Ask) and move.shape] == [shape(Weather).id] * 2


def test_a_call_on_the_way_to_a_shaped_answer_is_not_a_malformed_answer(drive: Drive) -> None:
    answers = [Answer("", (FIND,), problem="no JSON"), ["x"], '{"city": "Oslo", "celsius": 3}']
    moves, _ = drive(shaped(shape(Weather))(Brief("weather?")), answers)
    assert [type(move) for move in moves] == [Ask, Run, Ask]


def test_a_malformed_answer_is_sent_back_with_its_problem_and_without_tools(drive: Drive) -> None:
    answers = ['{"city": "Oslo"}', '{"city": "Oslo", "celsius": 3}']
    moves, output = drive(shaped(shape(Weather))(Brief("weather?")), answers)
    assert output == {"city": "Oslo", "celsius": 3}
    repair = moves[1]
    assert isinstance(repair, Ask)
    assert "missing required field `celsius`" in repair.say
    assert repair.tools == ()


def test_a_third_malformed_answer_ends_the_run_with_the_last_problem(drive: Drive) -> None:
    answers = ['{"city": 1}', '{"city": 2}', '{"city": "Oslo"}']
    with pytest.raises(GiveUp, match=r"still cannot be used after 2 repairs: .*celsius") as stop:
        drive(shaped(shape(Weather))(Brief("weather?")), answers)
    assert stop.value.output == {
        "answer": '{"city": "Oslo"}',
        "problem": "Object missing required field `celsius`",
    }


def test_strategies_have_names_and_versions() -> None:
    assert identity(react) == "react@1"
    assert identity(shaped(shape(Weather))) == "shaped@1"
