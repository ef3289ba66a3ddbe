"""Agents of other kinds: those that think before they answer, and those whose answer has a shape."""

import itertools
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.server.agents import HeldModel, acting, asking
from tests.server.openai.clients import client, served, told

from remit import Brief, Strategy, ask
from remit.core.agent import Agent
from remit.core.shape import shape
from remit.testing import EffectCounter, ScriptedModel, says

EVENTS: Any = TypeAdapter(ResponseStreamEvent)
HI: Any = [{"role": "user", "content": "hi"}]


def thinker(brief: Brief) -> Strategy:
    """Say what comes second."""
    yield from ask()
    better = yield from ask("Say it better.")
    return better.text


async def chatted(ann: Any, agent: str) -> str:
    """Give what is streamed of a chat."""
    stream = await ann.chat.completions.create(model=agent, messages=HI, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def test_an_answer_with_a_shape_is_its_json() -> None:
    model = ScriptedModel(itertools.repeat(says('{"rome": 3}')))
    async with served(Agent("finder", model, output=shape(dict[str, int]))) as (_, ann):
        chat = await ann.chat.completions.create(model="finder", messages=HI)
        said = chat.choices[0].message.content or ""
        response = await ann.responses.create(model="finder", input="hi")
        assert len(response.output) == 1
        messages: Any = [*HI, {"role": "assistant", "content": said}, *HI]
        again = await ann.chat.completions.create(model="finder", messages=messages)
        assert told(again)["session"] == told(chat)["session"]
        assert said == await chatted(ann, "finder") == '{"rome":3}'


async def test_what_is_only_thought_is_not_said() -> None:
    model = ScriptedModel(itertools.cycle([says("a draft"), says("better")]))
    async with served(Agent("thinker", model, strategy=thinker)) as (_, ann):
        whole = await ann.chat.completions.create(model="thinker", messages=HI)
        assert whole.choices[0].message.content == await chatted(ann, "thinker") == "better"


@pytest.mark.parametrize("agent", [acting(EffectCounter(), asks=True), acting(EffectCounter(), times=2), asking()])
async def test_all_that_is_said_is_of_the_types_that_the_client_declares(agent: Agent) -> None:
    async with served(agent) as (rig, ann), client(rig, name="bob") as bob:
        stream = await ann.responses.create(model=agent.name, input="go", stream=True)
        events: list[Any] = [one async for one in stream]
        for one in events:
            EVENTS.validate_python(one.to_dict())
        assert events[-1].type == "response.completed"
        kept = await bob.responses.retrieve(events[-1].response.id)
        Response.model_validate(kept.to_dict())
        assert kept.output == events[-1].response.output


async def test_text_of_a_session_that_is_named_and_new_is_streamed_as_it_is_written() -> None:
    model = HeldModel()
    async with served(Agent("held", model)) as (_, ann):
        stream = await ann.chat.completions.create(
            model="held", messages=HI, stream=True, extra_headers={"X-Remit-Session": "acme.new"}
        )
        seen: list[str] = []
        async for chunk in stream:
            seen.append(chunk.choices[0].delta.content or "")
            model.go.release()
        assert [one for one in seen if one] == ["one ", "two ", "three"]
