"""Checking: every way in which a tool can break its contract is found, and one that keeps it is left alone."""

import asyncio
import re
from typing import Literal

import pytest
from pydantic import BaseModel
from tests.tools.checking.tools import Told, checked, fine, met, read, schema

from remit.core.errors import InputRequiredError, RejectedError, ToolError
from remit.core.ports import ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools import tool
from remit.tools.checking import Options, Pace, check_tools

CITY = schema("city", city={"type": "string"}, units={"type": "string", "enum": ["c", "f"]}, days={"type": "integer"})


class Place(BaseModel):
    name: str
    zip: str | None = None


@tool(effect="read")
async def weather(
    city: str, units: Literal["celsius", "fahrenheit"] = "celsius", days: int = 1, near: Place | None = None
) -> dict[str, JsonValue]:
    """Weather in a city."""
    return {"city": city, "units": units, "days": days}


@tool(effect="read")
async def planted(city: str, units: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Weather in a city, unless it is asked for in one of the units."""
    return {"celsius": "warm"}[units] + city


@tool
async def send(to: str) -> str:
    """Send something."""
    raise AssertionError("it acts once, so it is not called")


def refusing(text: str, *, arguments: bool = True, when: str = "") -> Told:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        if not when or when in str(args):
            raise RejectedError(text, arguments=arguments)
        return {}

    return read(CITY, act)


def raising(error: Exception) -> Told:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        raise error

    return read(CITY, act)


def answering(value: JsonValue, output: JsonObject) -> Told:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        return value

    return read(CITY, act, output=output)


# -- functions ---------------------------------------------------------------------------------------------------------


async def test_function_tools_keep_their_contract_without_any_finding() -> None:
    report = await check_tools([weather, send])
    assert [(one.tool, one.status, [breach.text for breach in one.breaches]) for one in report.tools] == [
        ("weather", "ok", []),
        ("send", "skipped", []),
    ]
    assert report.passed
    phases = {phase.phase: phase for phase in report.tools[1].phases}
    assert phases["invalid"].cases > 0, "its check can be tried all the same"
    assert phases["invalid"].skipped == ""
    assert phases["minimal"].skipped.startswith("only its check was tried: it acts once; declare `dry_run`")


async def test_a_key_error_in_one_branch_is_found_with_the_value_that_leads_there() -> None:
    (found,) = (await check_tools([planted])).tools
    (breach,) = found.breaches
    assert (breach.phase, breach.kind, breach.field) == ("values", "broke", "units")
    assert breach.text == "`units`: it breaks with \"fahrenheit\": KeyError: 'fahrenheit'"
    assert breach.args == {"city": "text", "units": "fahrenheit"}
    assert breach.times > 1, "random calls that break by the same value are no finding of their own"


# -- right calls -------------------------------------------------------------------------------------------------------


async def test_a_new_required_argument_is_named_by_the_words_of_the_world() -> None:
    for text in (
        '400 Bad Request: {"errors": {"country": "is required"}}',
        '422: {"detail": [{"loc": ["body", "country"], "msg": "Field required"}]}',
        "country is required",
        "Missing required argument 'country'",
    ):
        found = await checked(refusing(text))
        assert [breach.field.rpartition(".")[2] for breach in found.breaches] == ["country"], text
        assert "the world demands it, and the schema has no such argument" in found.breaches[0].text


async def test_an_optional_argument_that_is_now_required_is_named() -> None:
    found = await checked(refusing('{"errors": {"days": "is required"}}'))
    assert met(found)[0] == ("minimal", "arguments", "days")
    assert "the world demands it although the schema calls it optional" in found.breaches[0].text


async def test_what_the_world_misses_is_found_by_trying_when_it_does_not_say() -> None:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        if "days" not in args:
            raise RejectedError("no", arguments=True)
        return {}

    found = await checked(read(CITY, act))
    assert met(found) == [("minimal", "arguments", "days")]
    assert "the world demands it although the schema calls it optional" in found.breaches[0].text


async def test_a_required_value_that_is_gone_is_found_by_trying_the_others() -> None:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        if args["kind"] == "bug":
            raise RejectedError("no", arguments=True)
        return {}

    found = await checked(read(schema("kind", kind={"enum": ["bug", "task"]}), act))
    assert met(found) == [("minimal", "arguments", "kind")]
    assert '`kind`: the world refuses "bug", and takes "task": ' in found.breaches[0].text


async def test_a_value_that_is_gone_is_named() -> None:
    found = await checked(refusing("no", when="'units': 'f'"))
    assert met(found) == [("values", "arguments", "units")]
    assert found.breaches[0].text == '`units`: the world refuses "f" although the schema lists it: no'


@pytest.mark.parametrize(("gone", "left"), [("c", "f"), ("f", "c")])
async def test_a_value_that_is_gone_is_told_from_an_argument_that_is(gone: str, left: str) -> None:
    found = await checked(refusing("no", when=f"'units': '{gone}'"))
    ((_, kind, field),) = met(found)
    assert (kind, field) == ("arguments", "units")
    assert f'the world refuses "{gone}"' in found.breaches[0].text
    inner = schema(fields=schema(kind=schema("name", name={"enum": ["c", "f"]})))

    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        if f"'name': '{gone}'" in str(args):
            raise RejectedError("no", arguments=True)
        return {}

    found = await checked(read(inner, act))
    assert [one[1:] for one in met(found)] == [("arguments", "fields.kind.name")]
    assert f'the world refuses "{gone}"' in found.breaches[0].text


async def test_an_argument_that_is_gone_is_named_once() -> None:
    found = await checked(refusing("no", when="units"))
    assert met(found) == [("optional", "arguments", "units")]
    assert found.breaches[0].text == "`units`: the world refuses it although the schema offers it: no"


async def test_a_refusal_that_names_nothing_is_told_with_what_was_given() -> None:
    found = await checked(refusing("no way"))
    assert met(found) == [("minimal", "arguments", "")]
    assert "with `city`: no way" in found.breaches[0].text


@pytest.mark.parametrize("text", ["2 validation errors for go\nunits\n  Field required", "Invalid params: units"])
async def test_words_of_known_libraries_about_arguments_are_understood(text: str) -> None:
    assert met(await checked(refusing(text, arguments=False)))[0][1:] == ("arguments", "units")


async def test_a_check_that_refuses_what_the_schema_allows_is_found() -> None:
    found = await checked(
        read(CITY, checks=lambda args: "days: may not be given" if "days" in args else "x city units")
    )
    assert ("optional", "arguments", "days") in met(found)
    assert "its check refuses" in found.breaches[0].text
    assert found.calls == 0


async def test_a_check_that_raises_is_found() -> None:
    def checks(args: JsonObject) -> str:
        return str(args["days"])

    found = await checked(read(CITY, checks=checks))
    assert ("minimal", "broke", "") in met(found)
    assert "its check raises KeyError: 'days'" in found.breaches[0].text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ToolError("nobody knows"), "broke"),
        (ZeroDivisionError(), "broke"),
        (TimeoutError("of its own"), "broke"),
        (RejectedError("Traceback (most recent call last):\n  x"), "words"),
    ],
)
async def test_any_other_ending_than_an_answer_or_a_refusal_is_a_breach(error: Exception, kind: str) -> None:
    found = await checked(raising(error))
    assert met(found) == [("minimal", kind, "")]
    assert found.breaches[0].times == found.calls


async def test_a_question_to_a_person_is_a_refusal() -> None:
    found = await checked(raising(InputRequiredError("which one?", {})))
    assert (found.status, found.refused) == ("unproven", found.calls)
    assert "it asks a person: which one?" in found.reason


async def test_a_call_without_end_is_stopped_at_the_tool_s_own_time_out() -> None:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        await asyncio.Event().wait()
        return None

    spec = ToolSpec(name="t", description="", schema=schema(), effect="read", timeout=0.01)
    found = await checked(Told(spec, act))
    assert met(found) == [("minimal", "slow", "")]
    assert "no answer within 0.01 s" in found.breaches[0].text
    assert (found.error_rate, found.errors) == (1.0, 1)


# -- answers -----------------------------------------------------------------------------------------------------------

ANSWER: JsonObject = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/I"}}},
    "$defs": {"I": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}},
}


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        ({"a": [{"n": 1}, {"n": "2"}]}, "a[1].n", 'should be integer; it is "2"'),
        ({"a": [{"m": 1}]}, "a[0].n", "is missing; there is `m`"),
        ({"a": {}}, "a", "should be array; it is {}"),
        ([], "", "should be object; it is []"),
    ],
)
async def test_an_answer_that_does_not_fit_is_told_with_its_exact_place(
    value: JsonValue, field: str, words: str
) -> None:
    found = await checked(answering(value, ANSWER))
    assert met(found) == [("minimal", "answer", field)]
    assert found.breaches[0].text == f"`{field or 'the answer'}` of the answer {words}"


async def test_a_name_that_seems_to_have_changed_is_worth_a_note_where_nothing_is_demanded() -> None:
    open_: JsonObject = {"type": "object", "properties": {"summary": {"type": "string"}, "id": {}}}
    found = await checked(answering({"id": 1, "title": "x"}, open_))
    assert found.status == "ok"
    assert found.notes == ("an answer has `title`, which its schema does not list, and not `summary`; was it renamed?",)


async def test_an_output_schema_that_is_none_is_worth_a_note() -> None:
    found = await checked(answering({}, {"type": "anything"}))
    assert found.status == "ok"
    assert "its answers cannot be checked" in found.notes[0]


async def test_a_traceback_in_an_answer_is_found() -> None:
    found = await checked(answering({"log": "Traceback (most recent call last):\n  x"}, {}))
    assert met(found) == [("minimal", "words", "")]


async def test_arguments_without_a_schema_are_a_breach() -> None:
    found = await checked(read({"type": "strange"}))
    assert (found.status, met(found)) == ("breach", [("minimal", "arguments", "")])
    assert "it is not JSON Schema" in found.breaches[0].text


async def test_a_schema_that_nothing_fits_leaves_its_tool_unproven() -> None:
    found = await checked(read(schema("a", a={"not": {}})))
    assert (found.status, found.calls) == ("unproven", 0)
    assert "no arguments were found that fit its schema" in found.reason


# -- wrong calls -------------------------------------------------------------------------------------------------------


async def test_what_the_schema_forbids_and_the_tool_takes_is_found_argument_by_argument() -> None:
    bounded = schema("n", n={"type": "integer", "minimum": 1, "maximum": 5}, e={"type": "string", "enum": ["x"]})
    found = await checked(read(bounded, checks=lambda args: ""))
    assert met(found) == [("invalid", "let pass", field) for field in ("no_such_argument", "n", "e")]
    assert found.breaches[1].text == "`n`: it is missing and is taken all the same"
    assert found.breaches[1].times == 5, "missing, two of another type, and one beyond each bound"


async def test_a_check_may_leave_the_refusal_to_the_call() -> None:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        problem = strict.check(args)
        if problem:
            raise RejectedError(problem, arguments=True)
        return {}

    strict = read(CITY)
    found = await checked(read(CITY, act, checks=lambda args: ""))
    assert met(found) == []


async def test_a_wrong_call_that_breaks_the_tool_is_found() -> None:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        return str(args["city"])

    found = await checked(read(CITY, act, checks=lambda args: ""))
    assert ("invalid", "broke", "city") in met(found)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("  ", "says nothing"),
        ("wrong", "does not name `no_such_argument`"),
        ("ValidationError: no_such_argument city units days", "names the class ValidationError"),
        ("no_such_argument city <class 'int'>", "shows a traceback (<class ')"),
    ],
)
async def test_a_refusal_by_which_no_model_can_mend_its_call_is_found(words: str, why: str) -> None:
    strict = read(CITY)
    found = await checked(read(CITY, checks=lambda args: words if strict.check(args) else ""))
    if words.strip():
        assert met(found)[0] == ("invalid", "words", "no_such_argument")
        assert why in found.breaches[0].text
    else:
        assert all(kind == "words" for _, kind, _ in met(found))
        assert why in found.breaches[0].text


async def test_words_of_the_schema_itself_are_no_class_names() -> None:
    found = await checked(read(schema("e", e={"type": "string", "enum": ["TypeError", "KeyError"]})))
    assert met(found) == []


# -- how ---------------------------------------------------------------------------------------------------------------


async def test_examples_go_first_and_are_mixed_into_the_others() -> None:
    tool_ = read(CITY)
    examples: list[JsonObject] = [{"city": "Oslo"}, {"city": "Rome", "days": 7}]
    await checked(tool_, Options(examples={"t": examples}))
    assert tool_.calls[0][0] == {"city": "Rome", "days": 7}
    assert {str(args["city"]) for args, _ in tool_.calls} == {"Oslo", "Rome"}


async def test_examples_of_a_schema_are_used_too_but_not_alone() -> None:
    tool_ = read(schema("city", city={"type": "string", "examples": ["Oslo"]}))
    await checked(tool_)
    assert tool_.calls[0][0] == {"city": "Oslo"}
    assert len(tool_.calls) > 3


async def test_calls_begin_no_faster_than_allowed() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    tool_ = read(schema("n", n={"enum": [1, 2, 3]}))
    await check_tools([tool_], pace=Pace(2.0, sleep=sleep, clock=lambda: 10.0))
    assert slept == [0.5 * number for number in range(1, len(tool_.calls))]


async def test_the_next_tool_is_told_before_its_turn() -> None:
    told: list[str] = []
    await check_tools([weather, send], under_way=told.append)
    assert told == ["weather", "send"]


async def test_a_tool_that_changes_its_arguments_does_not_change_what_is_reported() -> None:
    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        args.clear()
        raise RejectedError("days is wrong", arguments=True)

    found = await checked(read(CITY, act))
    assert found.breaches[0].args == {"city": "text"}


async def test_the_context_says_that_it_is_a_check() -> None:
    seen: list[ToolContext] = []

    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        seen.append(context)
        return await fine(args, context)

    await checked(read(schema(), act), Options(tenant="acme"))
    assert re.fullmatch(r"check-[0-9a-f]{12}", seen[0].session)
    assert seen[0].tenant == "acme"
