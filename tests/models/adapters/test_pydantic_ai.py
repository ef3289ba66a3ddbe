"""Models of pydantic-ai answer as any model does; the library's own double plays the providers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic_ai import exceptions as theirs
from pydantic_ai import messages as talk
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.profiles import ModelProfile

from remit.core import errors
from remit.core.messages import AssistantMessage, Call, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Delta, Reply, Request, ToolSpec
from remit.core.shape import shape
from remit.journal import MemoryJournal
from remit.models.adapters.pydantic_ai import PydanticAIModel, bridged
from remit.models.http.port import Timeouts
from remit.models.prices import FREE
from remit.testing import check_model, says
from remit.testing.server import CloseAtOnce, ModelServer, RateLimited, ServerError, Threaded

Chunk = str | dict[int, DeltaToolCall] | dict[int, DeltaThinkingPart]
LOOK = ToolSpec(name="look", description="Look.", schema={"type": "object", "properties": {"at": {"type": "string"}}})


class Provider:
    """Streams these chunks, and keeps what it was asked."""

    def __init__(self, *chunks: Chunk | Exception, native: bool = True) -> None:
        """Say what to stream."""
        self.chunks = chunks
        self.history: list[talk.ModelMessage] = []
        self.info: AgentInfo | None = None
        profile = ModelProfile(supports_json_schema_output=native)
        function = FunctionModel(stream_function=self._stream, profile=profile)
        self.model = PydanticAIModel(function, FREE, {"temperature": 0.5})

    async def _stream(self, history: list[talk.ModelMessage], info: AgentInfo) -> AsyncIterator[Chunk]:
        self.history, self.info = history, info
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def ask(self, request: Request) -> tuple[Reply, list[str]]:
        """Ask it; give the reply and what was shown."""
        shown: list[Delta] = []
        reply = await self.model.complete(request, shown.append)
        return reply, [delta.text for delta in shown]


HELLO = Request((UserMessage("hello"),), instructions="Be brief.", max_output=77)


async def test_it_is_a_model() -> None:
    await check_model(Provider("hello ", "there").model)


async def test_text_is_shown_as_it_comes_and_the_request_holds_what_was_asked() -> None:
    provider = Provider("hello ", "there")
    reply, shown = await provider.ask(HELLO)
    assert (reply.text, shown) == ("hello there", ["hello ", "there"])
    assert provider.info is not None
    assert provider.info.model_settings == {"temperature": 0.5, "max_tokens": 77}
    (asked,) = provider.history
    assert isinstance(asked, talk.ModelRequest)
    assert asked.instructions == "Be brief."
    assert [part.content for part in asked.parts if isinstance(part, talk.UserPromptPart)] == ["hello"]


async def test_calls_come_back_with_their_arguments_or_as_malformed() -> None:
    provider = Provider(
        {0: DeltaToolCall("look", '{"at": ', tool_call_id="x")},
        {0: DeltaToolCall(json_args='"it"}')},
        {1: DeltaToolCall("look", '{"at": ', tool_call_id="y")},
    )
    reply, _ = await provider.ask(Request((UserMessage("go"),), tools=(LOOK,)))
    assert reply.calls == (Call("look", {"at": "it"}), Call("look", {}, malformed='{"at": '))
    assert provider.info is not None
    assert [tool.name for tool in provider.info.function_tools] == ["look"]


async def test_thoughts_go_back_to_the_provider_as_they_came() -> None:
    provider = Provider(
        {0: DeltaThinkingPart(content="hm ", signature="sig")},
        "so ",
        {2: DeltaToolCall("look", "{}", tool_call_id="x")},
    )
    first, _ = await provider.ask(Request((UserMessage("go"),), tools=(LOOK,)))
    assert first.reasoning is not None
    call = Call("look", {}, "c1_0_0")
    history = (
        UserMessage("go"),
        AssistantMessage("so ", (call,), first.reasoning),
        ToolMessage(Outcome("c1_0_0", "failed", "no light"), "look"),
        UserMessage("again"),
    )
    await provider.ask(Request(history, tools=(LOOK,)))
    said, heard = provider.history[1:]
    assert isinstance(said, talk.ModelResponse)
    thought, text, wished = said.parts
    assert isinstance(thought, talk.ThinkingPart)
    assert (thought.content, thought.signature) == ("hm ", "sig")
    assert isinstance(text, talk.TextPart)
    assert isinstance(wished, talk.ToolCallPart)
    assert wished.tool_call_id == "c1_0_0"
    assert isinstance(heard, talk.ModelRequest)
    returned, again = heard.parts
    assert isinstance(returned, talk.ToolReturnPart)
    assert (returned.tool_call_id, returned.outcome, returned.content) == ("c1_0_0", "failed", "no light")
    assert isinstance(again, talk.UserPromptPart)


async def test_thoughts_of_another_wire_are_not_sent() -> None:
    provider = Provider("ok")
    history = (UserMessage("go"), AssistantMessage("so", (), {"wire": "anthropic", "thoughts": [1]}), UserMessage("on"))
    await provider.ask(Request(history))
    said = provider.history[1]
    assert isinstance(said, talk.ModelResponse)
    assert [part.part_kind for part in said.parts] == ["text"]


async def test_parts_are_shown_from_their_blobs_or_by_their_urls() -> None:
    store = MemoryJournal()
    blob = await store.put(b"pixel")
    parts = (
        Part("image/png", blob),
        Part("image/png", url="https://example.com/a.png"),
        Part("audio/wav", url="https://example.com/a.wav"),
        Part("application/pdf", url="https://example.com/a.pdf"),
    )
    provider = Provider("ok")
    await provider.ask(Request((UserMessage("see", parts),), blobs=store))
    (asked,) = provider.history
    (prompt,) = asked.parts
    assert isinstance(prompt, talk.UserPromptPart)
    text, binary, image, audio, document = prompt.content
    assert text == "see"
    assert isinstance(binary, talk.BinaryContent)
    assert (binary.data, binary.media_type) == (b"pixel", "image/png")
    assert isinstance(image, talk.ImageUrl)
    assert isinstance(audio, talk.AudioUrl)
    assert isinstance(document, talk.DocumentUrl)
    await store.close()


@pytest.mark.parametrize("native", [True, False])
async def test_a_shape_is_asked_for_where_the_provider_can_keep_to_it(native: bool) -> None:  # noqa: FBT001 - a parameter of the test
    provider = Provider("[1]", native=native)
    reply, _ = await provider.ask(Request((UserMessage("numbers"),), shape=shape(list[int])))
    assert reply.text == "[1]"
    assert provider.info is not None
    wanted = provider.info.model_request_parameters.output_object
    assert (wanted is not None) == native


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (theirs.ModelHTTPError(429, "m", {"error": "slow down"}), errors.RateLimitError),
        (theirs.ModelHTTPError(401, "m"), errors.AuthenticationError),
        (theirs.ModelHTTPError(500, "m"), errors.OverloadedError),
        (theirs.ModelHTTPError(400, "m"), errors.ModelRequestError),
        (theirs.ModelServerError("m", "down"), errors.OverloadedError),
        (theirs.ModelConnectionError("m", "no line"), errors.CutStreamError),
        (theirs.ContentFilterError("no"), errors.ContentFilterError),
        (theirs.UnexpectedModelBehavior("nonsense"), errors.UnreadableAnswerError),
        (theirs.UserError("no such thing"), errors.ModelRequestError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
async def test_failures_have_their_place_in_our_tree(error: Exception, ours: type[errors.ModelError]) -> None:
    with pytest.raises(errors.ModelError) as raised:
        await Provider("so ", error).ask(HELLO)
    assert type(raised.value) is ours


async def test_a_provider_that_cannot_be_reached_says_why() -> None:
    model = bridged("nobody:model", {}, Timeouts(), None)
    assert (model.spec.name, model.spec.price) == ("pydantic-ai:nobody:model", None)
    with pytest.raises(errors.ModelRequestError, match="nobody"):
        await model.complete(HELLO, lambda _: None)


async def test_a_refusal_after_a_beginning_may_be_billed() -> None:
    provider = Provider({0: DeltaThinkingPart(content="hm")}, theirs.ModelHTTPError(529, "m", {}))
    with pytest.raises(errors.OverloadedError) as caught:
        await provider.ask(Request((UserMessage("hello"),)))
    assert not caught.value.free
    provider = Provider(theirs.ModelHTTPError(529, "m", {}))
    with pytest.raises(errors.OverloadedError) as caught:
        await provider.ask(Request((UserMessage("hello"),)))
    assert caught.value.free


@pytest.mark.parametrize("name", ["openai-chat:gpt-4.1", "openai-responses:gpt-4.1", "anthropic:claude-opus-4-6"])
def test_one_model_answers_in_several_event_loops_and_closes_its_connections(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one-two-three")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-one-two-three")
    server = ModelServer(lambda received: says("hi"))
    with Threaded(server):
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        model = bridged(name, {}, Timeouts(), FREE)
        for _ in range(2):
            reply = asyncio.run(model.complete(Request((UserMessage("hello"),)), lambda _: None))
            assert reply.text == "hi"
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", ["openai-chat:gpt-4.1", "openai-responses:gpt-4.1", "anthropic:claude-opus-4-6"])
async def test_the_clients_of_providers_repeat_nothing_by_themselves(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one-two-three")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-one-two-three")
    async with ModelServer([RateLimited(0), ServerError(), CloseAtOnce()]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        model = bridged(name, {}, Timeouts(), FREE)
        for asked in (1, 2, 3):
            with pytest.raises(errors.ModelError):
                await model.complete(Request((UserMessage("hello"),)), lambda _: None)
            assert len(server.requests) == asked
