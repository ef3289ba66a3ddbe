from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest

from remit.core.errors import ConfigError
from remit.core.messages import Call, Outcome
from remit.core.moves import Ask, Brief, Door, Fork, GiveUp, Move, Note, Run, Strategy, ToolCard, identity, note
from remit.core.shape import shape
from remit.core.values import JsonObject, JsonValue
from remit.strategies import Stage, call, optional, parallel, perform, pipeline, prompt, react

Drive = Callable[[Strategy, Sequence[object]], tuple[list[Move], JsonValue]]

TOOLS = {name: ToolCard(name, name) for name in ("find", "file", "mail")}
BRIEF = Brief("my shoes broke", TOOLS)


class Ticket(msgspec.Struct):
    title: str


def remember(brief: Brief, so_far: Mapping[str, JsonValue]) -> Door[JsonValue]:
    yield from note("seen", {"task": brief.task, "names": list(so_far)})
    return len(so_far)


def test_stages_follow_each_other_and_see_earlier_results(drive: Drive) -> None:
    strategy = pipeline(
        title=prompt("Give a title to: {task}", role="cheap"),
        ticket=call("file", {"title": "{title}", "labels": ["desk", "{title}!"], "urgent": True}),
        mail=call("mail", {"text": "Filed as {ticket.key}", "parts": "{ticket}"}),
    )
    moves, output = drive(strategy(BRIEF), ["Shoes", [{"key": "OPS-1"}], ["sent"]])
    assert moves == [
        Ask("Give a title to: my shoes broke", role="cheap", tools=()),
        Run((Call("file", {"title": "Shoes", "labels": ["desk", "Shoes!"], "urgent": True}),)),
        Run((Call("mail", {"text": "Filed as OPS-1", "parts": {"key": "OPS-1"}}),)),
    ]
    assert output == "sent"


def test_a_stage_may_be_any_generator_function(drive: Drive) -> None:
    def answer(brief: Brief, so_far: Mapping[str, JsonValue]) -> Door[JsonValue]:
        return (yield from react(brief))

    moves, output = drive(pipeline(customer=call("find"), seen=remember, answer=answer)(BRIEF), [["Ann"], "Sorry!"])
    assert moves == [
        Run((Call("find", {}),)),
        Note("seen", {"task": "my shoes broke", "names": ["customer"]}),
        Ask(),
    ]
    assert output == "Sorry!"


def test_a_shaped_prompt_gives_json_that_later_stages_can_take_apart(drive: Drive) -> None:
    strategy = pipeline(draft=prompt("Draft", shape=shape(Ticket)), ticket=call("file", {"title": "{draft.title}"}))
    moves, _ = drive(strategy(BRIEF), ['{"name": 1}', '{"title": "Shoes"}', ["OPS-1"]])
    assert moves[2] == Run((Call("file", {"title": "Shoes"}),))


HEAD = Outcome("", output="the head of it", blob="b10b", size=120_000)


def wrap(brief: Brief, so_far: Mapping[str, JsonValue]) -> Door[JsonValue]:
    yield from note("wrapped", None)
    return ["of the page", so_far["page"]]


@pytest.mark.parametrize("reference", ["{page}", "As read: {page}", "{found}", "{found.more}", "{parts}", "{parts.1}"])
def test_no_call_is_made_with_the_head_of_a_result_that_is_too_large(drive: Drive, reference: str) -> None:
    strategy = pipeline(
        page=call("find"),
        found=parallel(more=optional(call("find"))),
        parts=wrap,
        mail=call("mail", {"parts": [reference]}),
    )
    with pytest.raises(GiveUp, match="mail was not called: a result that it refers to is too large") as stop:
        drive(strategy(BRIEF), [[HEAD], [HEAD]])
    assert stop.value.output == {
        "failed": "mail",
        "reason": "mail was not called: a result that it refers to is too large, only its head is here",
        "done": {"page": HEAD.output, "found": {"more": HEAD.output}, "parts": ["of the page", HEAD.output]},
    }


def test_the_head_of_a_large_result_is_shown_to_a_model_and_given_as_output(drive: Drive) -> None:
    strategy = pipeline(page=call("find"), said=prompt("Sum up: {page}"), mail=call("mail", {"text": "{said}"}))
    moves, output = drive(strategy(BRIEF), [[HEAD], "short", [HEAD]])
    assert moves[1] == Ask("Sum up: the head of it", tools=())
    assert output == HEAD.output


@pytest.mark.parametrize("status", ["failed", "denied"])
def test_a_failed_call_stops_the_pipeline_and_says_where_and_what_was_done(drive: Drive, status: str) -> None:
    ended = msgspec.convert(["", status, {"error": "no project OPS"}], Outcome)
    with pytest.raises(GiveUp) as stop:
        drive(pipeline(customer=call("find"), ticket=call("file"), mail=call("mail"))(BRIEF), [["Ann"], [ended]])
    reason = f'file {status}: {{"error":"no project OPS"}}'
    assert stop.value.reason == f"stage 'ticket' failed: {reason}"
    assert stop.value.output == {"failed": "ticket", "reason": reason, "done": {"customer": "Ann"}}


def test_a_simulated_call_counts_as_a_success(drive: Drive) -> None:
    assert drive(pipeline(ticket=call("file"))(BRIEF), [[Outcome("", "simulated", "OPS-1")]])[1] == "OPS-1"


def test_an_optional_stage_may_fail_and_leaves_its_default(drive: Drive) -> None:
    strategy = pipeline(
        ticket=optional(call("file"), {"key": "none"}), mail=optional(call("mail", {"about": "{ticket.key}"}))
    )
    failed = [Outcome("", "failed", "down")]
    moves, output = drive(strategy(BRIEF), [failed, failed])
    assert moves == [Run((Call("file", {}),)), Run((Call("mail", {"about": "none"}),))]
    assert output is None
    assert drive(strategy(BRIEF), [[{"key": "OPS-1"}], ["sent"]])[1] == "sent"


def test_parallel_stages_are_branches_of_a_fork_and_leave_their_results_by_name(drive: Drive) -> None:
    strategy = pipeline(
        facts=parallel(customer=call("find", {"text": "{task}"}), mood=prompt("Is this angry? {task}")),
        mail=call("mail", {"to": "{facts.customer.mail}", "text": "{facts.mood}"}),
    )
    moves, _ = drive(strategy(BRIEF), [[{"mail": "ann@example.org"}], "no", ["sent"]])
    assert isinstance(moves[0], Fork)
    assert len(moves[0].branches) == 2
    assert moves[1:] == [
        Run((Call("find", {"text": "my shoes broke"}),)),
        Ask("Is this angry? my shoes broke", tools=()),
        Run((Call("mail", {"to": "ann@example.org", "text": "no"}),)),
    ]


def test_branches_that_give_up_fail_the_parallel_stage_once_all_have_ended(drive: Drive) -> None:
    failed = [Outcome("", "failed", "down")]
    with pytest.raises(GiveUp, match="stage 'both' failed: a: find failed: down; c: mail failed: down"):
        drive(pipeline(both=parallel(a=call("find"), b=call("file"), c=call("mail")))(BRIEF), [failed, [1], failed])
    forgiving = pipeline(both=parallel(a=optional(call("find")), b=call("file")))
    assert drive(forgiving(BRIEF), [failed, [1]])[1] == {"a": None, "b": 1}


def test_a_reference_into_a_result_that_lacks_it_stops_before_the_call(drive: Drive) -> None:
    strategy = pipeline(ticket=call("file"), mail=call("mail", {"about": "{ticket.key}"}))
    with pytest.raises(GiveUp, match=r"stage 'mail' failed: \{ticket.key\}: there is no 'key'; there are: id"):
        drive(strategy(BRIEF), [[{"id": 1}]])


def test_a_tool_the_agent_lacks_is_found_before_anything_runs(drive: Drive) -> None:
    with pytest.raises(GiveUp, match="stage 'b' calls 'fly', which the agent does not have; it has: find, file, mail"):
        drive(pipeline(a=call("find"), b=optional(parallel(c=call("fly"))))(BRIEF), [])


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ({}, "needs a stage"),
        ({"task": call("find")}, "cannot be named 'task'"),
        ({"a": call("find", {"x": ["{b}"]}), "b": call("find")}, "'a' refers to 'b'; known there: task"),
        ({"a": call("find"), "b": optional(prompt("{a} {c}"))}, "'b' refers to 'c'; known there: task, a"),
        ({"a": parallel(b=call("find"), c=prompt("{b}"))}, "'a' refers to 'b'"),
    ],
)
def test_a_pipeline_that_cannot_work_is_refused_when_it_is_declared(stages: Mapping[str, Stage], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        pipeline(**stages)


def test_perform_gives_the_output_of_one_call(drive: Drive) -> None:
    args: JsonObject = {"a": 1}
    assert drive(perform(Call("find", args)), [["Ann"]]) == ([Run((Call("find", args),))], "Ann")


def test_a_pipeline_has_a_name_and_a_version() -> None:
    assert identity(pipeline(a=remember)) == "pipeline@1"
