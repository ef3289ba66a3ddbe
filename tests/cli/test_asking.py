"""Sessions that wait for an answer, as a person sees them: listed, shown, replayed, forked and answered."""

import shlex

import pytest
from tests.cli.bench import Bench

from remit.cli.people.answer import read
from remit.cli.standing import stand
from remit.core.events import InputAsked, ModelAnswered, ModelAsked, RunOpened, RunSuspended
from remit.core.messages import Call
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue


def test_a_session_that_waits_for_an_answer_is_listed_and_shown_as_such(bench: Bench) -> None:
    session = bench.run("mover").session
    assert bench.listed("--status", "waiting") == [session]
    assert "input" in bench("sessions").out
    shown = bench("show", session).out
    assert "asks a person: to which account?" in shown
    assert "waits" in shown
    assert f"remit answer {session} c1_0_0 account=... urgent=..." in shown
    assert bench("replay", session).status == 0
    bench("answer", session, "account=A", "--by", "ann")
    assert 'ann said {"account":"A"} to transfer(usd=5)' in bench("show", session).out
    assert bench.listed("--status", "waiting") == []


def test_a_fork_of_a_session_that_was_answered_asks_for_an_answer_of_its_own(bench: Bench) -> None:
    session = bench.run("mover").session
    bench("answer", session, "account=A", "--no-resume")
    forked = str(bench("fork", session, "--json").json["session"])
    assert bench.listed("--status", "waiting") == [forked, session]
    resumed = bench("resume", forked, "--json")
    assert (resumed.status, resumed.json["status"]) == (3, "waiting")
    assert bench("answer", forked, "account=B", "--json").json["output"] == "outcome: moved to {'account': 'B'}"
    assert bench("resume", session, "--json").json["output"] == "outcome: moved to {'account': 'A'}"


@pytest.mark.parametrize("name", ["$(touch pwned)", "a b", "a;reboot", "--decline", "'"])
def test_a_field_that_a_stranger_named_is_no_command(name: str) -> None:
    state = State.fold(
        [
            RunOpened(1, "react@1", "w", 0),
            ModelAsked("0"),
            ModelAnswered("0", "", (Call("act", {}, "c1_0_0"),)),
            InputAsked("c1_0_0", "?", {"properties": {name: {}, "b": {}}}),
            RunSuspended("input", 0),
        ]
    )
    command = stand("s", state, ".remit", alive=False).commands[0]
    words = shlex.split(command)
    assert words[:4] == ["remit", "answer", "s", "c1_0_0"]
    assert read(words[4:], {}) == {name: "...", "b": "..."}


@pytest.mark.parametrize(
    ("typed", "field", "value"),
    [
        ("007", {"type": "string"}, "007"),
        ("007", {"type": ["string", "null"]}, "007"),
        ("1e5", {"type": ["null", "string"]}, "1e5"),
        ("null", {"type": ["string", "null"]}, None),
        ("1", {"type": ["string", "integer"]}, 1),
        ("2", {"enum": ["1", "2"]}, "2"),
        ("2", {"enum": [1, 2]}, 2),
        ('["a"]', {"type": "array"}, ["a"]),
        ("true", {}, True),
        ("plain", {}, "plain"),
        ("1", None, 1),
    ],
)
def test_a_value_is_read_as_what_its_field_may_have(typed: str, field: JsonValue, value: JsonValue) -> None:
    schema: JsonObject = {"properties": {"a": field}} if field is not None else {}
    assert read([f"a={typed}"], schema) == {"a": value}
