"""Faults met through another library's models: the same classes of error as over our own wires."""

import asyncio
from collections.abc import Mapping

import anthropic
import openai
import pytest
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from tests.testing.server.sdk_values import KEY
from tests.wires.test_same_errors import LONG, REFUSED, Row

from remit.core.errors import CutStreamError, ModelError, RateLimitError, UnreadableAnswerError
from remit.core.messages import UserMessage
from remit.core.ports import Reply, Request
from remit.models.adapters.pydantic_ai import PydanticAIModel
from remit.testing import says
from remit.testing.server import CutStream, Faulty, Hang, MalformedJson, Midway, ModelServer, RateLimited

NAMES = ("openai-chat", "openai-responses", "anthropic")
EVERY = pytest.mark.parametrize("name", NAMES)
MIDWAY: Mapping[str, tuple[Midway | MalformedJson | CutStream, type[ModelError]]] = {
    "a rate limit after words": (Midway(RateLimited(), 6), RateLimitError),
    "malformed JSON after words": (MalformedJson(6), UnreadableAnswerError),
    "a cut after words": (CutStream(6), CutStreamError),
    "a tidy cut after words": (CutStream(6, tidy=True), CutStreamError),
}


async def ask(name: str, server: ModelServer) -> Reply:
    """Ask once, through an SDK that would ask again by itself and that is closed afterwards."""
    request = Request((UserMessage("hello"),))
    if name == "anthropic":
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key=KEY, http_client=http) as client:
            claude = AnthropicModel("claude-sonnet-5", provider=AnthropicProvider(anthropic_client=client))
            return await PydanticAIModel(claude).complete(request, lambda delta: None)
    http = openai.DefaultAsyncHttpxClient(verify=False)
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, http_client=http) as client:
        provider = OpenAIProvider(openai_client=client)
        chat = name == "openai-chat"
        made = (
            OpenAIChatModel("gpt-4.1", provider=provider) if chat else OpenAIResponsesModel("gpt-5", provider=provider)
        )
        return await PydanticAIModel(made).complete(request, lambda delta: None)


@EVERY
@pytest.mark.parametrize("fault", [fault for fault, row in REFUSED.items() if not isinstance(row.fault, Hang)])
async def test_a_refusal_is_what_it_is_over_our_wires(fault: str, name: str) -> None:
    row: Row = REFUSED[fault]
    async with ModelServer(lambda received: row.fault) as server:
        with pytest.raises(ModelError) as ours:
            await ask(name, server)
        assert len(server.requests) == 1, "asking again is for the wrappers"
    assert (type(ours.value), ours.value.free) == (row.ours, row.free)


@EVERY
@pytest.mark.parametrize("fault", MIDWAY)
async def test_an_answer_that_breaks_off_is_no_answer_and_not_free(fault: str, name: str) -> None:
    spoiling, error = MIDWAY[fault]
    async with ModelServer(lambda received: Faulty(LONG, spoiling)) as server:
        with pytest.raises(ModelError) as ours:
            await ask(name, server)
    assert (type(ours.value), ours.value.free) == (error, False)


@EVERY
async def test_a_hang_ends_when_the_run_does(name: str) -> None:
    async with ModelServer([Hang(), says("ok")]) as server:
        asking = asyncio.create_task(ask(name, server))
        received = await server.arrival()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await received.end() == "closed_early"
        assert (await ask(name, server)).text == "ok"
