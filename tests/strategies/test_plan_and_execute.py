from collections.abc import Callable, Sequence

import msgspec
import pytest

from remit.core.messages import Call, Outcome
from remit.core.moves import Answer, Ask, Brief, Fork, GiveUp, Move, Note, Run, Strategy, ToolCard, fork, identity
from remit.core.shape import shape
from remit.core.values import JsonValue
from remit.strategies import plan_and_execute, planning

Drive = Callable[[Strategy, Sequence[object]], tuple[list[Move], JsonValue]]

TOOLS = {
    "find": ToolCard("find", "Find a\n  customer.", ("name",), ("name", "city")),
    "search": ToolCard("search", "Search the articles.", ("text",), ("text",)),
    "file": ToolCard("file", "File a ticket.", ("title",), ("title", "customer")),
    "mail": ToolCard("mail", "Send a mail.", ("to", "text"), ("to", "text")),
}
BRIEF = Brief("my shoes broke", TOOLS)

FIND: JsonValue = {"id": "find", "tool": "find", "args": {"name": "Ann"}}
SEARCH: JsonValue = {"id": "search", "tool": "search", "args": {"text": "shoes"}}
FILE: JsonValue = {
    "id": "file",
    "tool": "file",
    "args": {"title": "Shoes of {{find.name}}", "customer": "{{find}}"},
    "depends_on": ["find"],
}
MAIL: JsonValue = {
    "id": "mail",
    "tool": "mail",
    "args": {"to": "{{find.mail}}", "text": "{{file.key}}: {{search.0}}"},
    "depends_on": ["file", "search"],
}
ANN: JsonValue = {"name": "Ann", "mail": "ann@example.org"}
DOWN = Outcome("", "failed", "the ticket system is down")


class Verdict(msgspec.Struct):
    solved: bool


def plan(*steps: JsonValue) -> str:
    return msgspec.json.encode({"steps": list(steps)}).decode()


def said(move: Move) -> str:
    assert isinstance(move, Ask)
    assert move.tools == ()
    return move.say


def test_ready_steps_run_together_and_results_flow_along_references(drive: Drive) -> None:
    answers = [plan(MAIL, FIND, FILE, SEARCH), [ANN, ["Glue them."]], [{"key": "OPS-1"}], ["sent"], "Done."]
    moves, output = drive(plan_and_execute(BRIEF), answers)
    assert moves[2:5] == [
        Run((Call("find", {"name": "Ann"}), Call("search", {"text": "shoes"}))),
        Run((Call("file", {"title": "Shoes of Ann", "customer": ANN}),)),
        Run((Call("mail", {"to": "ann@example.org", "text": "OPS-1: Glue them."}),)),
    ]
    assert len(moves) == 6
    assert output == "Done."


def test_the_model_is_told_tools_notation_and_bounds_and_later_all_results(drive: Drive) -> None:
    moves, _ = drive(planning(most=3)(BRIEF), [plan(FIND), [ANN], "Done."])
    assert "- find(name, city?): Find a customer." in said(moves[0])
    assert '{"steps": [{"id": "s1", "tool": "...", "args": {...}, "depends_on": []}]}' in said(moves[0])
    assert "write {{s1}} for all of it, or {{s1.items.0.key}} for a part" in said(moves[0])
    assert "At most 3 steps" in said(moves[0])
    assert '- find (find): {"name":"Ann","mail":"ann@example.org"}' in said(moves[2 + 1])


def test_the_plan_that_runs_is_noted(drive: Drive) -> None:
    moves, _ = drive(plan_and_execute(BRIEF), [plan(FIND), [ANN], "Done."])
    assert moves[1] == Note(
        "plan", {"steps": [{"id": "find", "tool": "find", "args": {"name": "Ann"}, "depends_on": []}]}
    )


def test_a_task_that_needs_no_tool_is_answered_at_once(drive: Drive) -> None:
    moves, output = drive(plan_and_execute(Brief("hello")), [plan(), "Hello."])
    assert [type(move) for move in moves] == [Ask, Note, Ask]
    assert said(moves[0]).endswith("Tools:\n(none)")
    assert said(moves[2]).startswith("No step was done.")
    assert output == "Hello."


def test_the_answer_can_have_a_shape(drive: Drive) -> None:
    _, output = drive(planning(shape=shape(Verdict))(BRIEF), [plan(), "{}", '{"solved": true}'])
    assert output == {"solved": True}


def test_a_plan_with_errors_is_reported_once_and_nothing_runs_before_it_is_mended(drive: Drive) -> None:
    broken: JsonValue = {"id": "x", "tool": "fly", "args": {"to": "{{y}}"}}
    moves, output = drive(plan_and_execute(BRIEF), [plan(FIND, FIND, broken), plan(FIND), [ANN], "Done."])
    assert [type(move) for move in moves] == [Ask, Ask, Note, Run, Ask]
    for problem in ("no tool 'fly'", "{{y}}, which is not a step", "two steps have this id"):
        assert problem in said(moves[1])
    assert output == "Done."


def test_a_plan_that_is_still_wrong_after_the_repair_fails_the_run_and_runs_nothing(drive: Drive) -> None:
    with pytest.raises(GiveUp, match="not valid after one repair: step 'file': depends_on names 'find'") as stop:
        drive(plan_and_execute(BRIEF), [plan(FILE), plan(FILE)])
    assert isinstance(stop.value.output, dict)
    assert stop.value.output["problems"] == [
        "step 'file': depends_on names 'find', which is not a step",
        "step 'file': its arguments refer to {{find}}, which is not a step",
    ]
    assert stop.value.output["done"] == {}


def test_a_step_that_needs_approval_is_reported_and_may_be_kept(drive: Drive) -> None:
    def preview(call: Call) -> str:
        return "filing needs approval" if call.tool == "file" else ""

    moves, _ = drive(
        plan_and_execute(Brief("", TOOLS, preview)), [plan(FIND, FILE), plan(FIND, FILE), [ANN], ["OPS-1"], "Done."]
    )
    assert "step 'file': file may be refused or must wait for a person: filing needs approval" in said(moves[1])
    assert "keep it only if the task needs it" in said(moves[1])
    assert [type(move) for move in moves] == [Ask, Ask, Note, Run, Run, Ask]


def test_a_forgotten_dependency_is_reported_and_kept_to_even_if_it_is_forgotten_again(drive: Drive) -> None:
    forgetful: JsonValue = {"id": "file", "tool": "file", "args": {"title": "{{find.name}}"}}
    moves, _ = drive(plan_and_execute(BRIEF), [plan(forgetful, FIND), plan(forgetful, FIND), [ANN], [1], "Done."])
    assert "add 'find' to its depends_on" in said(moves[1])
    assert moves[3:5] == [Run((Call("find", {"name": "Ann"}),)), Run((Call("file", {"title": "Ann"}),))]


def test_a_malformed_plan_is_sent_back_at_most_twice(drive: Drive) -> None:
    moves, _ = drive(plan_and_execute(BRIEF), ["{", '{"steps": 1}', plan(), "Hello."])
    assert "That answer cannot be used: " in said(moves[1])
    assert "Expected `array`, got `int`" in said(moves[2])
    with pytest.raises(GiveUp, match="cannot be used after 2 repairs"):
        drive(plan_and_execute(BRIEF), ["no", Answer("{", problem="cut off"), "no"])


def test_a_model_that_calls_a_tool_instead_of_planning_is_asked_again_and_nothing_runs(drive: Drive) -> None:
    moves, output = drive(plan_and_execute(BRIEF), [Answer("", (Call("mail", {}, "c1"),)), plan(), "Hello."])
    assert [type(move) for move in moves] == [Ask, Ask, Note, Ask]
    assert "no tool can be called now" in said(moves[1])
    assert output == "Hello."


def test_a_failed_step_leads_to_a_plan_for_the_rest_that_may_use_what_is_done(drive: Drive) -> None:
    moves, output = drive(
        plan_and_execute(BRIEF),
        [
            plan(FIND, SEARCH, FILE, MAIL),
            [ANN, ["Glue them."]],
            [DOWN],
            plan({"id": "tell", "tool": "mail", "args": {"to": "{{find.mail}}", "text": "We are on it."}}),
            ["sent"],
            "A person will file it.",
        ],
    )
    assert [type(move) for move in moves] == [Ask, Note, Run, Run, Ask, Note, Run, Ask]
    told = said(moves[4])
    assert '- find (find): {"name":"Ann","mail":"ann@example.org"}' in told
    assert '- search (search): ["Glue them."]' in told
    assert "Failed:\n- file (file): failed: the ticket system is down" in told
    assert "Not run: mail" in told
    assert moves[6] == Run((Call("mail", {"to": "ann@example.org", "text": "We are on it."}),))
    assert "- find (find)" in said(moves[7])
    assert "- tell (mail): sent" in said(moves[7])
    assert output == "A person will file it."


def test_what_went_well_beside_a_failure_is_kept(drive: Drive) -> None:
    denied = Outcome("", "denied", "not for you")
    moves, _ = drive(plan_and_execute(BRIEF), [plan(SEARCH, FIND), [denied, ANN], plan(), "Sorry."])
    assert "- find (find): " in said(moves[3])
    assert "- search (search): denied: not for you" in said(moves[3])
    assert "Not run: none" in said(moves[3])


def test_a_failed_id_may_be_used_again_and_a_done_one_may_not(drive: Drive) -> None:
    answers = [plan(SEARCH, FIND), [DOWN, ANN], plan(SEARCH), [["Glue them."]], "Done."]
    assert drive(plan_and_execute(BRIEF), answers)[1] == "Done."
    with pytest.raises(GiveUp, match="'find': this id belongs to a step that is done"):
        drive(plan_and_execute(BRIEF), [plan(SEARCH, FIND), [DOWN, ANN], plan(FIND), plan(FIND)])


def test_failures_after_the_last_replan_fail_the_run_with_what_there_is(drive: Drive) -> None:
    with pytest.raises(GiveUp, match=r"failed after 1 replans: search \(search\): failed: the ticket") as stop:
        drive(planning(replans=1)(BRIEF), [plan(FIND, SEARCH), [ANN, DOWN], plan(SEARCH), [DOWN]])
    assert stop.value.output == {"failed": {"search": "failed: the ticket system is down"}, "done": {"find": ANN}}


def test_a_reference_to_a_part_that_is_not_there_fails_the_step_but_not_its_neighbours(drive: Drive) -> None:
    wrong: JsonValue = {"id": "w", "tool": "file", "args": {"title": "{{find.nme}}"}, "depends_on": ["find"]}
    moves, _ = drive(plan_and_execute(BRIEF), [plan(FIND, wrong, FILE), [ANN], ["OPS-1"], plan(), "Half done."])
    assert "- w (file): {{find.nme}}: there is no 'nme'; there are: name, mail" in said(moves[4])
    assert "- file (file): OPS-1" in said(moves[4])


def test_a_wave_in_which_no_call_can_be_made_makes_no_move(drive: Drive) -> None:
    wrong: JsonValue = {"id": "w", "tool": "file", "args": {"title": "{{find.nme}}"}, "depends_on": ["find"]}
    moves, _ = drive(plan_and_execute(BRIEF), [plan(FIND, wrong), [ANN], plan(), "Half done."])
    assert [type(move) for move in moves] == [Ask, Note, Run, Ask, Note, Ask]


def test_half_a_large_result_is_never_passed_on(drive: Drive) -> None:
    large = Outcome("", "ok", "the head ...", blob="ab12", size=99_000)
    moves, _ = drive(plan_and_execute(BRIEF), [plan(FIND, FILE), [large], plan(), "Too much."])
    assert "- file (file): the result of 'find' is too large to refer to (99000 bytes)" in said(moves[3])
    assert "- find (find): the head ..." in said(moves[3])


def test_a_text_that_looks_like_a_reference_in_a_result_is_not_followed(drive: Drive) -> None:
    hostile: JsonValue = {"name": "{{search}}", "mail": "x"}
    moves, _ = drive(plan_and_execute(BRIEF), [plan(FIND, SEARCH, FILE), [hostile, "secret"], ["OPS-1"], "Done."])
    assert moves[3] == Run((Call("file", {"title": "Shoes of {{search}}", "customer": hostile}),))


def test_plans_can_be_followed_in_parallel_branches(drive: Drive) -> None:
    def both(brief: Brief) -> Strategy:
        results = yield from fork([plan_and_execute(brief), plan_and_execute(brief)])
        return list(results)

    moves, output = drive(both(BRIEF), [plan(FIND), [ANN], "one", plan(SEARCH), [["Glue them."]], "two"])
    assert isinstance(moves[0], Fork)
    assert output == ["one", "two"]


def test_driving_again_over_the_same_answers_repeats_every_move(drive: Drive) -> None:
    answers = [plan(MAIL, FIND, FILE, SEARCH), [ANN, ["Glue them."]], [DOWN], plan(), "Sorry."]
    assert drive(plan_and_execute(BRIEF), answers) == drive(plan_and_execute(BRIEF), answers)


def test_the_strategy_has_a_name_and_a_version() -> None:
    assert identity(plan_and_execute) == identity(planning(most=3)) == "plan_and_execute@1"
