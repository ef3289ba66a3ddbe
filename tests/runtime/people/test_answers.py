"""Answers: what a person says is taken when it is what was asked for, and no schema of a stranger breaks the asking."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.rig import Acting, Rig, agent, scripted

from remit.core.errors import ApprovalError, InputRequiredError
from remit.core.events import InputAsked, InputGiven
from remit.core.ports import ToolContext
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.runtime import answer, settle
from remit.runtime.payload import LARGE
from remit.runtime.people import unfit
from remit.testing import calls, says, use

WISH = calls(use("act"))
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.sampled_from(["a", "type", "enum"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "type", "enum", "items", "properties", "required", "oneOf"]), inner)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(
    st.sampled_from(["type", "properties", "required", "additionalProperties"]), JSON
) | st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from(["a", "b"]), JSON), "required": JSON})


@given(OBJECTS, st.dictionaries(st.sampled_from(["a", "b", "type"]), JSON))
def test_whatever_a_schema_says_an_answer_is_judged(schema: JsonObject, said: JsonObject) -> None:
    assert isinstance(unfit(said, schema), str)


def form(**fields: JsonValue) -> JsonObject:
    return {"type": "object", "properties": fields}


@pytest.mark.parametrize(
    ("said", "schema"),
    [
        ({"a": None}, form(a={"type": ["string", "null"]})),
        ({"a": 1}, form(a={"type": ["string", "integer"]})),
        ({"a": 1.5}, form(a={"type": "number"})),
        ({"a": ["x"]}, form(a={"type": "array", "items": {"type": "string", "enum": ["x", "y"]}})),
        ({"a": "x"}, form(a={"enum": ["x", 2, None]})),
        ({"a": None}, form(a={"enum": ["x", 2, None]})),
        ({"a": "x"}, form(a={"type": "string", "oneOf": [{"const": "x", "title": "The X"}]})),
        ({"a": {"b": 1}}, form(a=form(b={"type": "integer"}))),
        ({"a": "z"}, form(a={"type": "string", "oneOf": [{"pattern": "z"}]})),
        ({"a": {"b": 1}}, form(a={"type": "object"})),
        ({"a": 1}, form(a=True)),
        ({"b": 1}, {**form(a={}), "additionalProperties": True}),
        ({"b": 1}, {**form(a={}), "additionalProperties": {"type": "integer"}}),
        ({"b": 1}, {"type": "object"}),
        ({"b": 1}, {}),
        ({}, {"type": "object", "properties": {}, "required": []}),
        ({}, {"required": [["a"], 1]}),
    ],
)
def test_what_was_asked_for_is_taken(said: JsonObject, schema: JsonObject) -> None:
    assert unfit(said, schema) == ""


@pytest.mark.parametrize(
    ("said", "schema", "problem"),
    [
        ({"a": 1}, form(a={"type": ["string", "null"]}), "'a' is a text or nothing"),
        ({"a": "x"}, form(a={"type": "null"}), "'a' is nothing"),
        ({"a": True}, form(a={"type": "number"}), "'a' is a number"),
        ({"a": ["x", "z"]}, form(a={"items": {"enum": ["x", "y"]}}), "'a' is a list in which each is one of x, y"),
        ({"a": "z"}, form(a={"anyOf": [{"const": "x"}, {"const": "y"}]}), "'a' is one of x, y"),
        ({"a": {"b": "1"}}, form(a=form(b={"type": "integer"})), "'a' does not fit: 'b' is a whole number"),
        ({"b": "1"}, {**form(a={}), "additionalProperties": {"type": "integer"}}, "'b' is a whole number"),
        ({"b": 1}, {"type": "object", "additionalProperties": False}, "there is no field 'b'; known: none"),
    ],
)
def test_what_was_not_asked_for_is_refused_in_words(said: JsonObject, schema: JsonObject, problem: str) -> None:
    assert unfit(said, schema) == problem


# -- questions of strangers --------------------------------------------------------------------------------------------


def asks(schema: object, memo: object = None) -> Acting:
    """Make a tool that asks with whatever it likes, and gives what was said."""

    async def acts(context: ToolContext) -> object:
        if context.resume is None:
            error = InputRequiredError("which?", {}, None)
            error.schema, error.memo = schema, memo  # pyright: ignore[reportAttributeAccessIssue] - a stranger's
            raise error
        return [context.resume.given, context.resume.memo]

    return Acting(acts, "act", "once")


async def outputs(rig: Rig) -> list[tuple[str, JsonValue]]:
    return [(outcome.status, outcome.output) for outcome in await rig.outcomes()]


async def test_a_question_whose_schema_is_no_object_is_a_failure(rig: Rig) -> None:
    await rig.run(agent(scripted(WISH, says("x")), asks(["type", "string"])))
    assert await outputs(rig) == [("failed", "act asks a person: its schema is no object")]


@pytest.mark.parametrize("what", ["memo", "schema"])
async def test_a_question_that_a_journal_should_not_hold_is_a_failure(rig: Rig, what: str) -> None:
    huge = "x" * LARGE
    tool = asks({"description": huge}) if what == "schema" else asks({}, huge)
    await rig.run(agent(scripted(WISH, says("x")), tool))
    ((status, output),) = await outputs(rig)
    assert status == "failed"
    assert f"at most {LARGE} can be kept" in str(output)


async def test_what_a_stranger_asks_with_is_kept_as_the_journal_gives_it_back(rig: Rig) -> None:
    declared = agent(scripted(WISH, says("x")), asks({1: "one", "properties": {2: {}}}, {"seen": {3}, "at": (1, 2)}))
    await rig.run(declared)
    assert State.fold(await rig.events()).run is not None
    await answer(rig.store, "s", "", {2: (1, 2**70)}, by="ann")  # pyright: ignore[reportArgumentType]
    assert (await rig.resume(declared)).output == "x"
    assert await outputs(rig) == [("ok", [{"2": [1, str(2**70)]}, {"seen": [3], "at": [1, 2]}])]


async def test_what_a_person_says_of_a_doubt_is_kept_as_the_journal_gives_it_back(rig: Rig) -> None:
    async def fails(context: ToolContext) -> str:
        raise OSError("gone")

    declared = agent(scripted(WISH, says("x")), Acting(fails, "act", "once"))
    await rig.run(declared)
    output: JsonValue = {"at": 2**70}
    await settle(rig.store, "s", "", happened=True, by="ann", output=output)
    assert (await rig.resume(declared)).output == "x"
    assert await outputs(rig) == [("ok", {"at": str(2**70)})]


async def test_of_two_who_answer_at_the_same_time_one_is_heard_and_the_other_told(rig: Rig) -> None:
    declared = agent(scripted(WISH, says("x")), asks({}))
    await rig.run(declared)
    said = [answer(rig.store, "s", "", {"by": name}, by=name) for name in ("ann", "bob", "cem")]
    results = await asyncio.gather(*said, return_exceptions=True)
    assert sum(isinstance(result, ApprovalError) for result in results) == 2
    assert len([event for event in await rig.events() if isinstance(event, InputGiven)]) == 1
    assert (await rig.resume(declared)).output == "x"


async def test_two_calls_of_one_move_may_ask_at_the_same_time_and_are_answered_one_by_one(rig: Rig) -> None:
    declared = agent(scripted(calls(use("act"), use("act", n=2)), says("x")), asks({}))
    assert (await rig.run(declared)).status == "waiting"
    assert len([event for event in await rig.events() if isinstance(event, InputAsked)]) == 2
    with pytest.raises(ApprovalError, match="say which call"):
        await answer(rig.store, "s", "", {}, by="ann")
    await answer(rig.store, "s", "c1_0_1", {"n": 1}, by="ann")
    assert (await rig.resume(declared)).status == "waiting"
    assert await outputs(rig) == [("ok", [{"n": 1}, None])]
    await answer(rig.store, "s", "", None, by="ann")
    assert (await rig.resume(declared)).output == "x"
