from collections.abc import Collection

import pytest

from remit.core.messages import Call
from remit.core.moves import Brief, ToolCard
from remit.core.values import JsonValue
from remit.strategies.plans.plan import PLAN, Plan, edges, review

TOOLS = {
    "find": ToolCard("find", "Find a customer.", ("name",), ("name", "city")),
    "file": ToolCard("file", "File a ticket.", ("title",), ("title",)),
    "ping": ToolCard("ping", "Ping."),
}
FIND: JsonValue = {"id": "s1", "tool": "find", "args": {"name": "Ann"}}


def plan(*steps: JsonValue) -> Plan:
    return PLAN.read({"steps": list(steps)})


def file(name: str, title: str, *depends_on: str) -> JsonValue:
    return {"id": name, "tool": "file", "args": {"title": title}, "depends_on": list(depends_on)}


def errors(found: Plan, done: Collection[str] = (), most: int = 9) -> tuple[str, ...]:
    return review(found, Brief("", TOOLS), done=done, most=most).errors


def notes(found: Plan, done: Collection[str] = ()) -> tuple[str, ...]:
    return review(found, Brief("", TOOLS), done=done, most=9).notes


def test_a_sound_plan_has_neither_errors_nor_notes() -> None:
    sound = plan(FIND, file("s2", "for {{s1.name}}", "s1"), {"id": "s3", "tool": "ping"})
    assert errors(sound) == notes(sound) == ()
    assert errors(plan()) == ()


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([{"id": "s1", "tool": "fly"}], "step 's1': there is no tool 'fly'; there are: find, file, ping"),
        ([{"id": "s1", "tool": "find"}], "step 's1': find needs the argument 'name'"),
        (
            [{"id": "s1", "tool": "find", "args": {"name": "a", "nme": "b"}}],
            "step 's1': find has no argument 'nme'; it has: name, city",
        ),
        ([{"id": "s1", "tool": "ping", "args": {"a": 1}}], "step 's1': ping has no argument 'a'; it has: none"),
        ([file("s1", "a", "s9")], "step 's1': depends_on names 's9', which is not a step"),
        ([file("s1", "{{ s9.key }}")], "step 's1': its arguments refer to {{s9}}, which is not a step"),
        ([FIND, FIND], "step 's1': two steps have this id"),
        ([file("a", "x", "a")], "the steps wait for each other in a circle: a -> a"),
    ],
)
def test_each_error_is_told_so_that_a_model_can_mend_it(steps: list[JsonValue], problem: str) -> None:
    assert errors(plan(*steps)) == (problem,)


def test_all_errors_are_told_at_once() -> None:
    found = errors(plan({"id": "s1", "tool": "fly"}, file("s1", "{{s7}}", "s8"), FIND), most=2)
    assert found[0] == "the plan has 3 steps; at most 2 are allowed"
    assert len(found) == 6


def test_a_circle_through_references_alone_is_an_error() -> None:
    assert len(errors(plan(file("a", "{{b}}"), file("b", "{{c}}"), file("c", "{{a}}")))) == 1


def test_steps_that_are_done_may_be_named_and_referred_to_but_not_defined_again() -> None:
    again = plan(file("s2", "{{s1}}", "s1"), file("s3", "{{s1}}"))
    assert errors(again, done=["s1"]) == notes(again, done=["s1"]) == ()
    assert edges(again) == {"s2": (), "s3": ()}
    assert errors(plan(FIND), done=["s1"]) == ("step 's1': this id belongs to a step that is done; choose another",)


def test_a_reference_to_a_step_that_is_not_a_dependency_is_noted_and_waited_for() -> None:
    found = plan(FIND, file("s2", "{{s1}}"))
    assert errors(found) == ()
    assert notes(found) == ("step 's2': its arguments refer to {{s1}}; add 's1' to its depends_on",)
    assert edges(found) == {"s1": (), "s2": ("s1",)}


def test_a_dependency_of_a_dependency_is_a_dependency() -> None:
    assert notes(plan(FIND, file("s2", "a", "s1"), file("s3", "b", "s2", "s1"), file("s4", "{{s1}}", "s3"))) == ()


def test_calls_that_policy_would_stop_are_noted_with_their_reason_and_their_arguments_seen() -> None:
    def preview(call: Call) -> str:
        return "needs approval" if call.args.get("name") == "Ann" else ""

    found = review(
        plan(FIND, file("s2", "a"), {"id": "s3", "tool": "fly", "args": {"name": "Ann"}}),
        Brief("", TOOLS, preview),
        done=(),
        most=9,
    )
    assert found.notes == ("step 's1': find may be refused or must wait for a person: needs approval",)


def test_an_agent_without_tools_is_told_so() -> None:
    found = review(plan(FIND), Brief(""), done=(), most=9)
    assert found.errors == ("step 's1': there is no tool 'find'; there are: none",)


def test_an_id_that_could_not_be_referred_to_is_malformed() -> None:
    with pytest.raises(ValueError, match="regex"):
        plan({"id": "a.b", "tool": "ping"})
