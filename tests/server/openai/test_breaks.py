"""What breaks, or is stopped, in the middle: a stream says so, and what could never be answered is refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.server.agents import HeldModel, acting, echo
from tests.server.openai.clients import served, told

from remit.core.agent import Agent
from remit.core.limits import Limits
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.models.prices import FREE, FlatPrice
from remit.server.openai.problems import unbroken
from remit.testing import EffectCounter, ScriptedModel, says

EVENTS: Any = TypeAdapter(ResponseStreamEvent)


def user(text: str) -> Any:
    return {"role": "user", "content": text}


@dataclass
class Writes:
    """A model that writes a text at once, as it is, after it broke so many times in the middle of it."""

    text: str
    breaks: int = 0
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("writes", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        if self.breaks:
            self.breaks -= 1
            emit(Delta("half a"))
            raise RuntimeError("a model broke")
        emit(Delta(self.text))
        return Reply(self.text)


async def chatted(ann: Any, agent: str, text: str = "go") -> str:
    """Give what is streamed of a chat."""
    words: list[str] = []
    async for chunk in await ann.chat.completions.create(model=agent, messages=[user(text)], stream=True):
        ChatCompletionChunk.model_validate(chunk.to_dict())
        words += [chunk.choices[0].delta.content or ""]
    return "".join(words)


async def responded(ann: Any, agent: str) -> list[Any]:
    """Give what is streamed of a response, each event of a type that the client declares."""
    events = [one async for one in await ann.responses.create(model=agent, input="go", stream=True)]
    for one in events:
        EVENTS.validate_python(one.to_dict())
    return events


@pytest.mark.parametrize("text", ["a\ud800b", "a\0b", "\N{PILE OF POO}\u2028\r\n\ndata: x"])
async def test_whatever_a_model_writes_is_streamed_to_its_end(text: str) -> None:
    kept = text.encode("utf-8", "replace").decode()
    async with served(Agent("writes", Writes(text))) as (_, ann):
        assert await chatted(ann, "writes") == kept
        events = await responded(ann, "writes")
        assert events[-1].type == "response.completed"
        assert events[-1].response.output_text == kept
        whole = await ann.chat.completions.create(model="writes", messages=[user("go")])
        assert whole.choices[0].message.content == kept


async def test_what_a_model_broke_off_in_is_no_part_of_what_it_says_then() -> None:
    async with served(Agent("writes", Writes("whole", breaks=1))) as (_, ann):
        assert await chatted(ann, "writes") == "half a\n\nwhole"


async def test_what_breaks_a_stream_is_its_last_event() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise KeyError("inside")

    first, last = [piece async for piece in unbroken(broken())]
    assert first == b"data: 1\n\n"
    assert b'"type":"server_error"' in last
    assert b"inside" not in last


async def test_an_agent_that_is_switched_off_is_refused_before_anything_is_said() -> None:
    async with served(echo()) as (rig, ann):
        off = {"kind": "agent", "name": "echo", "reason": "it went mad"}
        await rig.good("POST", "/v1/switches", off)
        for ask in (
            ann.chat.completions.create(model="echo", messages=[user("hi")]),
            ann.chat.completions.create(model="echo", messages=[user("hi")], stream=True),
            ann.responses.create(model="echo", input="hi"),
        ):
            with pytest.raises(openai.InternalServerError, match="mad") as found:
                await ask
            assert found.value.status_code == 503
        assert (await rig.good("GET", "/v1/sessions"))["sessions"] == []


async def test_a_conversation_goes_on_with_an_agent_that_is_switched_off_only_when_it_is_on_again() -> None:
    async with served(echo()) as (rig, ann):
        first = await ann.responses.create(model="echo", input="hi")
        await rig.good("POST", "/v1/switches", {"kind": "agent", "name": "echo", "reason": "it went mad"})
        with pytest.raises(openai.InternalServerError, match="mad"):
            await ann.responses.create(model="echo", input="more", previous_response_id=first.id)
        kinds = [one["kind"] for one in await rig.past(told(first)["session"])]
        assert kinds.count("MessageReceived") == 1
        await rig.good("DELETE", "/v1/switches?kind=agent&name=echo")
        more = await ann.responses.create(model="echo", input="more", previous_response_id=first.id)
        assert more.output_text == "more"


async def test_a_run_that_may_not_be_paid_is_refused() -> None:
    dear = ScriptedModel([says("hi")], price=FlatPrice(1e9, 1e9))
    async with served(Agent("dear", dear, limits=Limits(usd=0.01))) as (_, ann):
        with pytest.raises(openai.InternalServerError) as found:
            await ann.chat.completions.create(model="dear", messages=[user("go")])
        assert found.value.code in {"run_refused", "run_stopped"}
        events = await responded(ann, "dear")
        assert events[-1].type in {"response.failed", "response.incomplete"}


async def test_what_goes_on_within_a_trace_is_found_there() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with served(acting(EffectCounter())) as (rig, ann):
        headers = {"traceparent": trace}
        chat = await ann.chat.completions.create(model="clerk", messages=[user("go")], extra_headers=headers)
        first = await ann.responses.create(model="clerk", input="go", extra_headers=headers)
        await ann.responses.create(model="clerk", input="more", previous_response_id=first.id, extra_headers=headers)
        for session in (told(chat)["session"], told(first)["session"]):
            said = [one["fields"] for one in await rig.past(session) if one["kind"] == "MessageReceived"]
            assert {one["trace"] for one in said} == {trace}


async def test_who_waits_for_a_whole_answer_and_leaves_makes_room_for_others() -> None:
    model = HeldModel(pieces=["done"])
    async with served(Agent("held", model), streams=1) as (rig, ann):
        asking = asyncio.create_task(ann.chat.completions.create(model="held", messages=[user("go")]))
        await model.asked.wait()
        with pytest.raises(openai.RateLimitError):
            await ann.responses.create(model="held", input="go")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        while rig.service.streams.open:
            await rig.ask("GET", "/health/live")
        model.go.release()
        model.go.release()
        assert (await ann.responses.create(model="held", input="go")).output_text == "done"
