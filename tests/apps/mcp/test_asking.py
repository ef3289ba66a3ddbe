"""What a run waits for is asked at the client: in one protocol between rounds, in the older one in the middle."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import mcp_types as types
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError

from remit import Agent, AskBefore, Home, tool
from remit.apps.mcp import service
from remit.core.errors import InputRequiredError
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.runtime import waiting
from remit.testing import EchoModel, ScriptedModel, calls, says, use

Mode = Literal["auto", "legacy"]
Answer = Callable[[types.ElicitRequestFormParams], types.ElicitResult]
BOTH = pytest.mark.parametrize("mode", ["auto", "legacy"])
CANCEL = types.ElicitResult(action="cancel")
paid: list[float] = []


@tool
async def pay(usd: float) -> str:
    """Pay."""
    paid.append(usd)
    return f"paid {usd:g}"


class Transfer:
    """Asks which account."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(name="transfer", description="", schema={"type": "object"})

    def check(self, args: JsonObject) -> str:
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        if context.resume is None:
            raise InputRequiredError("which account?", self._schema)
        return context.resume.given

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return None


ACCOUNT: JsonObject = {
    "type": "object",
    "properties": {"account": {"type": "string", "enum": ["A", "B"]}},
    "required": ["account"],
}


@asynccontextmanager
async def served(
    answer: Answer | None, mode: Mode, *, ask: bool = True, schema: JsonObject = ACCOUNT
) -> AsyncGenerator[tuple[Home, Client, list[types.ElicitRequestFormParams]]]:
    """Serve two tools to a client that may answer."""
    paid.clear()
    asked: list[types.ElicitRequestFormParams] = []

    async def elicited(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        assert answer is not None
        asked.append(params)
        return answer(params)

    script = [calls(use("pay", usd=500), use("pay", usd=700)), says("done")]
    guards = [AskBefore("pay", above={"usd": 100})]
    clerk = Agent("clerk", model=ScriptedModel(script), tools=[pay, Transfer(schema)], guards=guards)
    callback = elicited if answer is not None else None
    async with Home.open("memory") as home:
        server = service(home, [clerk], tools_of=clerk, ask=ask)
        async with Client(server, elicitation_callback=callback, mode=mode) as client:
            yield home, client, asked


def accept(**content: Any) -> Answer:
    return lambda _: types.ElicitResult(action="accept", content=content)


def decline(params: types.ElicitRequestFormParams) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def called(client: Client, name: str, args: dict[str, Any]) -> tuple[str, bool]:
    result = await client.call_tool(name, args)
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text, result.is_error


@BOTH
async def test_an_approval_is_asked_with_the_exact_call_and_the_answer_decides(mode: Mode) -> None:
    async with served(accept(approve=True, reason="fine"), mode) as (home, client, asked):
        assert await called(client, "pay", {"usd": 500}) == ("paid 500", False)
        (row,) = await home.sessions()
        events = [record.event for record in await home.store.read(row.id)]
    assert 'Approve this call: pay({"usd":500' in asked[0].message
    assert paid == [500]
    (given,) = [event for event in events if type(event).__name__ == "ApprovalGiven"]
    assert "fine" in str(given)
    assert "mcp:" in str(given)


@BOTH
@pytest.mark.parametrize("answer", [accept(approve=False), decline])
async def test_who_says_no_or_declines_has_denied_the_call(mode: Mode, answer: Answer) -> None:
    async with served(answer, mode) as (_, client, _):
        said, failed = await called(client, "pay", {"usd": 500})
    assert (failed, paid) == (True, [])
    assert "said no" in said


@BOTH
async def test_who_does_not_want_to_decide_is_told_how_it_can_be_decided_here(mode: Mode) -> None:
    async with served(lambda _: CANCEL, mode) as (home, client, asked):
        said, failed = await called(client, "pay", {"usd": 500})
        (row,) = await home.sessions()
        (effect,) = waiting(await home.session(row.id))
    assert (failed, len(asked), paid) == (True, 1, [])
    assert f"remit approve {row.id} {effect.call.id}" in said


@BOTH
async def test_two_calls_of_an_agent_that_wait_are_both_asked(mode: Mode) -> None:
    def answer(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"approve": "700" in params.message})

    async with served(answer, mode) as (_, client, asked):
        assert await called(client, "clerk", {"message": "pay"}) == ("done", False)
    assert (len(asked), paid) == (2, [700])


@BOTH
async def test_input_that_a_tool_needs_is_asked_with_its_schema(mode: Mode) -> None:
    async with served(accept(account="B"), mode) as (_, client, asked):
        assert await called(client, "transfer", {}) == ('{"account":"B"}', False)
    assert asked[0].message == "transfer asks: which account?"
    assert asked[0].requested_schema == ACCOUNT


@BOTH
async def test_an_answer_that_does_not_fit_is_asked_for_again(mode: Mode) -> None:
    def answer(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        account = "A" if "is one of A, B" in params.message else "C"
        return types.ElicitResult(action="accept", content={"account": account})

    async with served(answer, mode) as (_, client, asked):
        assert await called(client, "transfer", {}) == ('{"account":"A"}', False)
    assert len(asked) == 2


@BOTH
async def test_who_declines_to_give_input_is_told_to_the_tool(mode: Mode) -> None:
    async with served(decline, mode) as (_, client, _):
        assert await called(client, "transfer", {}) == ("null", False)


@BOTH
@pytest.mark.parametrize("able", [True, False])
async def test_a_client_that_cannot_ask_or_may_not_is_told_what_waits(mode: Mode, *, able: bool) -> None:
    async with served(accept(account="A") if able else None, mode, ask=False) as (home, client, asked):
        said, failed = await called(client, "transfer", {})
        (row,) = await home.sessions()
        assert (failed, asked) == (True, [])
        assert f"asks: which account?: remit answer {row.id} c1_0_0 FIELD=VALUE" in said
        await home.answer(row.id, {"account": "A"}, by="ann")
        assert await called(client, "transfer", {}) == ('{"account":"A"}', False)


@pytest.mark.parametrize("field", [{"type": "object"}, {"type": "array", "items": {"type": "integer"}}, 7])
async def test_what_a_client_cannot_show_is_not_asked_there(field: JsonValue) -> None:
    async with served(accept(), "auto", schema={"type": "object", "properties": {"x": field}}) as (_, client, asked):
        said, _ = await called(client, "transfer", {})
    assert asked == []
    assert "remit answer" in said


async def test_a_call_that_is_too_long_to_be_shown_whole_is_not_approved_by_a_client() -> None:
    @tool
    async def write(text: str) -> str:
        """Write."""
        return text

    agent = Agent("a", model=EchoModel(), tools=[write], guards=[AskBefore("write")])
    yes = types.ElicitResult(action="accept", content={"approve": True})

    async def elicited(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        return yes

    async with (
        Home.open("memory") as home,
        Client(service(home, tools_of=agent), elicitation_callback=elicited) as client,
    ):
        assert (await called(client, "write", {"text": "short"})) == ("short", False)
        assert "remit approve" in (await called(client, "write", {"text": "x" * 5000}))[0]


async def test_answers_for_another_request_are_refused() -> None:
    async with served(accept(approve=True), "auto") as (_, client, _):
        raw = await client.session.call_tool("pay", {"usd": 500}, allow_input_required=True)
        assert isinstance(raw, types.InputRequiredResult)
        assert raw.request_state is not None
        assert "mcp-" not in raw.request_state
        yes: types.InputResponses = {
            key: types.ElicitResult(action="accept", content={"approve": True}) for key in raw.input_requests or {}
        }
        for state, usd in ((raw.request_state, 700), (raw.request_state[:-2] + "xx", 500)):
            with pytest.raises(Exception, match="Invalid or expired requestState"):
                await client.session.call_tool("pay", {"usd": usd}, input_responses=yes, request_state=state)
    assert paid == []


@pytest.mark.parametrize("kept", [True, False])
async def test_an_answer_counts_at_another_process_that_has_the_same_keys(*, kept: bool) -> None:
    keys = [b"0123456789abcdef0123456789abcdef"] if kept else []
    paid.clear()
    clerk = Agent("clerk", model=EchoModel(), tools=[pay], guards=[AskBefore("pay")])

    async def elicited(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        raise AssertionError

    async with Home.open("memory") as home:
        async with Client(service(home, tools_of=clerk, keys=keys), elicitation_callback=elicited) as client:
            raw = await client.session.call_tool("pay", {"usd": 5}, allow_input_required=True)
        assert isinstance(raw, types.InputRequiredResult)
        yes: types.InputResponses = {
            key: accept(approve=True)(types.ElicitRequestFormParams(message="", requested_schema={}))
            for key in raw.input_requests or {}
        }
        async with Client(service(home, tools_of=clerk, keys=keys), elicitation_callback=elicited) as client:
            again = client.session.call_tool("pay", {"usd": 5}, input_responses=yes, request_state=raw.request_state)
            if kept:
                assert not (await again).is_error
            else:
                with pytest.raises(MCPError, match="Invalid or expired requestState"):
                    await again
    assert paid == ([5] if kept else [])


# -- clients that leave ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def slow(mode: Mode) -> AsyncGenerator[tuple[Home, Client, asyncio.Event, asyncio.Event]]:
    """Serve a tool that waits until it is let go."""
    begun, go = asyncio.Event(), asyncio.Event()

    @tool
    async def work() -> str:
        """Work."""
        begun.set()
        await go.wait()
        return "worked"

    script = [calls(use("work")), calls(use("work")), says("done")]
    agent = Agent("worker", model=ScriptedModel(script), tools=[work])
    async with Home.open("memory") as home, Client(service(home, [agent]), mode=mode) as client:
        yield home, client, begun, go


async def written(home: Home, session: str, kind: str) -> None:
    """Wait until an event of a kind is in a journal."""
    async with asyncio.timeout(20):
        async for record in home.store.follow(session):
            if type(record.event).__name__ == kind:
                return


@BOTH
async def test_a_client_that_cancels_has_the_run_cancelled_after_its_step_and_nothing_is_in_doubt(mode: Mode) -> None:
    async with slow(mode) as (home, client, begun, go):
        call = asyncio.create_task(client.call_tool("worker", {"message": "go"}))
        await begun.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        (row,) = await home.sessions()
        await written(home, row.id, "CancelAsked")
        go.set()
        await written(home, row.id, "RunEnded")
        state = await home.session(row.id)
        assert state.last is not None
        assert (state.last.status, state.last.reason) == ("cancelled", "cancelled by mcp: the client left or cancelled")
        kinds = [type(record.event).__name__ for record in await home.store.read(row.id)]
    assert kinds.count("EffectEnded") == 1
    assert "EffectInDoubt" not in kinds


async def test_a_client_with_a_key_may_leave_and_come_back_for_the_result() -> None:
    async with slow("auto") as (home, client, begun, go):
        meta: Any = {"remit/idempotency-key": "k"}
        call = asyncio.create_task(client.call_tool("worker", {"message": "go"}, meta=meta))
        await begun.wait()
        call.cancel()
        again = asyncio.create_task(client.call_tool("worker", {"message": "go"}, meta=meta))
        go.set()
        await asyncio.gather(call, return_exceptions=True)
        assert (await again).content == [types.TextContent(type="text", text="done")]
        assert len(await home.sessions()) == 1
