"""Questions of servers: a person answers days later or somebody at once, and a call that cannot wait is told so."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.tools.mcp.servers import CONTEXT, Tools, call, hostile, official, opened

from remit import Agent, Home
from remit.core.errors import InputRequiredError, RejectedError
from remit.core.ports import Resume, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.testing import ScriptedModel, calls, says, use
from remit.tools.mcp import LogLine, McpToolset, Stdio
from remit.tools.mcp.toolset import McpOptions

READ: McpOptions = {"overrides": {"go": {"effect": "read"}}}


async def asked(tools: Tools, name: str, resume: Resume | None = None, /, **args: JsonValue) -> InputRequiredError:
    """Call a tool that must ask; give what it asks."""
    with pytest.raises(InputRequiredError) as caught:
        await resumed(tools, name, resume, **args)
    return caught.value


async def resumed(tools: Tools, name: str, resume: Resume | None, /, **args: JsonValue) -> JsonValue:
    """Call a tool, after an answer."""
    context = ToolContext(key="k1", session="s1", call="c1", resume=resume)
    return await tools[f"s__{name}"].call(args, context)


def after(asks: InputRequiredError, given: JsonObject | None) -> Resume:
    """Answer, as it comes back from a journal."""
    return Resume(given, msgspec.json.decode(msgspec.json.encode(asks.memo)))


# -- between two rounds of a call --------------------------------------------------------------------------------------


async def test_several_questions_are_asked_one_after_the_other_and_the_answers_are_sent_together() -> None:
    async with opened(official()) as (_, tools):
        when = await asked(tools, "book", where="Noma")
        page = await asked(tools, "book", after(when, {"day": "Friday"}), where="Noma")
        booked = await resumed(tools, "book", after(page, {"done": True}), where="Noma")
    assert (when.question, when.schema["required"]) == ("When at Noma?", ["day"])
    assert page.question == "Sign. Open https://example.org/sign\nThen say whether it is done."
    assert booked == "Noma on Friday for 2, accept"


@pytest.mark.parametrize(
    ("day", "done", "booked"),
    [
        ({"day": "Friday", "seats": 4}, {"done": False}, "Noma on Friday for 4, cancel"),
        ({"day": "Friday"}, None, "Noma on Friday for 2, decline"),
        (None, None, "not booked"),
    ],
)
async def test_a_person_may_decline_any_of_them(day: JsonObject | None, done: JsonObject | None, booked: str) -> None:
    async with opened(official()) as (_, tools):
        when = await asked(tools, "book", where="Noma")
        page = await asked(tools, "book", after(when, day), where="Noma")
        assert await resumed(tools, "book", after(page, done), where="Noma") == booked


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_reason() -> None:
    async with opened(official()) as (_, tools):
        when = await asked(tools, "book", where="Noma")
        again = await asked(tools, "book", after(when, {"day": "x"}), where="Noma")
        page = await asked(tools, "book", after(again, {"day": "Monday"}), where="Noma")
    assert again.question == "When at Noma?\nThe answer did not fit: day: 'x' is too short"
    assert again.schema == when.schema
    assert page.question.startswith("Sign.")


async def test_what_was_kept_of_a_question_and_cannot_be_read_is_told() -> None:
    async with opened(official()) as (_, tools):
        memos: list[JsonValue] = [7, {"todo": {}}]
        for memo in memos:
            with pytest.raises(RejectedError, match="make the call again"):
                await resumed(tools, "book", Resume({}, memo), where="Noma")


async def test_a_session_waits_for_a_person_and_goes_on_in_another_process_of_the_server() -> None:
    model = ScriptedModel([calls(use("s__book", where="Noma")), says("done")], keep=True)
    async with Home.open("memory") as home:
        run = await home.run(Agent("a", model=model, toolsets=[McpToolset("s", steady())]), "book")
        assert (run.status, "When at Noma?" in run.reason) == ("waiting", True)
        answers: list[JsonObject] = [{"day": "Friday"}, {"done": True}]
        for given in answers:
            await home.answer(run.session, given, by="ann")
            agent = Agent("a", model=model, toolsets=[McpToolset("s", steady())])
            run = await home.resume(agent, run.session)
    assert run.output == "done"
    assert "Noma on Friday for 2, accept" in str(model.requests[-1].messages[-1])


def steady() -> Stdio:
    """Reach a server whose seal of what it wants to be given back outlives its process."""
    return official(SEAL="a key of thirty-two bytes, not less")


async def test_reading_a_resource_may_ask_too() -> None:
    async with opened(official(), only=[], resources=True) as (_, tools):
        may = await asked(tools, "read_resource", uri="secret://x")
        read = await resumed(tools, "read_resource", after(may, {}), uri="secret://x")
    assert may.question == "May I show it?"
    assert isinstance(read, list)
    assert "x: accept" in str(read)


# -- at once -----------------------------------------------------------------------------------------------------------


async def test_somebody_who_is_there_answers_at_once_and_is_asked_again_when_it_does_not_fit() -> None:
    heard: list[str] = []

    async def answer(question: str, schema: JsonObject) -> JsonObject | None:
        heard.append(question)
        if "done" in str(schema["required"]):
            return {"done": True}
        return {"day": "Friday" if "did not fit" in question else 5}

    async with opened(official(), answers=answer) as (_, tools):
        assert await call(tools, "book", where="Noma") == "Noma on Friday for 2, accept"
    assert len(heard) == 3


async def test_somebody_who_never_answers_what_fits_has_declined() -> None:
    async def answer(question: str, schema: JsonObject) -> JsonObject | None:
        return {"no": question} if "done" not in str(schema["required"]) else None

    async with opened(official(), answers=answer) as (_, tools):
        assert await call(tools, "book", where="Noma") == "not booked"
    async with opened(hostile("asks"), answers=answer) as (_, tools):
        with pytest.raises(RejectedError, match='"action": "decline"'):
            await call(tools, "go")


async def test_a_model_and_folders_are_lent_only_when_you_say_so(tmp_path: Path) -> None:
    async def sample(params: JsonObject) -> str | None:
        return "4" if params["maxTokens"] == 9 else None

    async def refuse(params: JsonObject) -> str | None:
        return None

    async with opened(official()) as (_, tools):
        with pytest.raises(RejectedError, match="asks to use your model, which nobody has allowed; `sampling=` does"):
            await call(tools, "borrow", what="model")
        with pytest.raises(RejectedError, match="asks for the folders it may use, and nobody named any"):
            await call(tools, "borrow", what="folders")
    async with opened(official(), sampling=sample, roots=[tmp_path]) as (_, tools):
        assert "'text': '4'" in str(await call(tools, "borrow", what="model"))
        assert tmp_path.as_uri() in str(await call(tools, "borrow", what="folders"))
    async with opened(official(), sampling=refuse) as (_, tools):
        with pytest.raises(RejectedError, match="asked to use your model and was refused"):
            await call(tools, "borrow", what="model")


# -- in the middle of a call, as older servers ask ---------------------------------------------------------------------


async def test_a_call_that_may_be_repeated_is_given_up_and_made_again_with_the_answer() -> None:
    async with opened(hostile("asks-twice"), **READ) as (_, tools):
        first = await asked(tools, "go")
        second = await asked(tools, "go", after(first, {"sure": True}))
        said = msgspec.json.decode(str(await resumed(tools, "go", after(second, {"sure": False, "why": "none"}))))
    assert (first.question, second.question) == ("sure 0?", "sure 1?")
    assert [one["content"] for one in said] == [{"sure": True, "why": "because"}, {"sure": False, "why": "none"}]


async def test_what_a_person_declined_is_declined_when_the_server_asks_it_again() -> None:
    async with opened(hostile("asks"), **READ) as (_, tools):
        first = await asked(tools, "go")
        with pytest.raises(RejectedError, match='"action": "decline"'):
            await resumed(tools, "go", after(first, None))


async def test_a_call_that_may_not_be_repeated_is_declined_and_the_model_is_told_what_was_asked() -> None:
    async with opened(hostile("asks")) as (_, tools):
        with pytest.raises(
            RejectedError, match=r"decline.*wanted to ask a person, and nobody could answer .* sure 0\?"
        ):
            await call(tools, "go")
    async with opened(hostile("shrugs")) as (_, tools):
        result = await call(tools, "go")
    assert isinstance(result, dict)
    assert result["result"] == "decline"
    assert "sure 0?" in str(result["warning"])


async def test_somebody_who_is_there_answers_in_the_middle_of_a_call() -> None:
    async def answer(question: str, schema: JsonObject) -> JsonObject | None:
        return {"sure": question == "sure 0?"}

    async with opened(hostile("asks"), answers=answer) as (_, tools):
        assert '"sure": true' in str(await call(tools, "go"))


async def test_a_question_is_known_to_belong_to_the_call_that_is_left_when_others_have_ended() -> None:
    async with opened(hostile("asks"), **READ) as (_, tools):
        first, *others = await asyncio.gather(
            *(tools[f"s__{name}"].call({}, CONTEXT) for name in ("go", "other", "other")), return_exceptions=True
        )
        assert others == ["in between", "in between"]
        assert isinstance(first, InputRequiredError)
        assert '"sure": true' in str(await resumed(tools, "go", after(first, {"sure": True})))


async def test_questions_of_which_nobody_can_say_whose_they_are_are_cancelled() -> None:
    async with opened(hostile("mixed"), **READ) as (_, tools):
        ended = await asyncio.gather(*(tools["s__go"].call({}, CONTEXT) for _ in range(2)), return_exceptions=True)
    assert [isinstance(one, RejectedError) and '"action": "cancel"' in str(one) for one in ended] == [True, True]


async def test_a_server_that_sends_a_person_to_a_page_is_called_again_afterwards_and_only_once() -> None:
    async with opened(hostile("open")) as (_, tools):
        page = await asked(tools, "go")
        with pytest.raises(RejectedError, match=r"A person must first open: https://example\.org/x"):
            await resumed(tools, "go", after(page, {"done": True}))
    assert page.question == "sign in Open https://example.org/x\nThen say whether it is done."


async def test_an_older_server_may_use_what_you_lend_it_and_its_log_goes_where_you_say(tmp_path: Path) -> None:
    async def sample(params: JsonObject) -> str | None:
        return "4" if "2+2" in str(params) else None

    async def refuse(params: JsonObject) -> str | None:
        return None

    lines: list[LogLine] = []
    async with opened(hostile("needs")) as (_, tools):
        assert str(await call(tools, "go")).count('"error"') == 2
    async with opened(hostile("needs"), sampling=sample, roots=[tmp_path], logs=lines.append) as (_, tools):
        said = str(await call(tools, "go"))
    assert '"text": "4"' in said
    assert tmp_path.as_uri() in said
    assert lines == [LogLine("s", "info", "x", {"n": 1})]
    async with opened(hostile("needs"), sampling=refuse) as (_, tools):
        assert "was refused" in str(await call(tools, "go"))
