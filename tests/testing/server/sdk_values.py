"""What the official SDKs read from a server, as core values: the measure for the server and for our own clients."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import anthropic
import msgspec
import openai
from anthropic.types import Message
from anthropic.types import Usage as AnthropicUsage
from openai.types import CompletionUsage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFailedEvent,
    ResponseIncompleteEvent,
    ResponseStreamEvent,
    ResponseUsage,
)

from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue

Wire = Literal["openai-chat", "openai-responses", "anthropic"]
WIRES: tuple[Wire, ...] = ("openai-chat", "openai-responses", "anthropic")
KEY = "sk-test"
SECONDS = 10.0
"""How long an SDK waits for a byte, in tests that do not want to know."""


class FailedError(Exception):
    """A response failed, which the SDK gives back as a value."""


_NONE = Usage()


@dataclass
class _Heard:
    """What of an answer has been read."""

    text: str = ""
    thought: str = ""
    refusal: str = ""
    calls: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    """Name and raw arguments, by place."""
    usage: Usage = _NONE
    stop: Stop = ""

    def reply(self) -> Reply:
        calls = tuple(read_call(name, raw) for _, (name, raw) in sorted(self.calls.items()))
        stop: Stop = "filter" if self.refusal else self.stop
        return Reply(self.text or self.refusal, calls, self.usage, stop, self.thought or None)

    def grow(self, index: int, name: str, raw: str) -> None:
        before = self.calls.get(index, ("", ""))
        self.calls[index] = (before[0] + name, before[1] + raw)


def openai_client(url: str, seconds: float = SECONDS) -> openai.AsyncOpenAI:
    """Make OpenAI's SDK, without the certificates that take longer to load than most tests."""
    http = openai.DefaultAsyncHttpxClient(verify=False)
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=seconds, http_client=http)


def anthropic_client(url: str, seconds: float = SECONDS) -> anthropic.AsyncAnthropic:
    """Make Anthropic's SDK, likewise."""
    http = anthropic.DefaultAsyncHttpxClient(verify=False)
    return anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0, timeout=seconds, http_client=http)


def read_call(name: str, raw: str) -> Call:
    """Read a call; what is no JSON object is kept as it came."""
    try:
        args: JsonValue = msgspec.json.decode(raw or "{}")
    except msgspec.DecodeError:
        return Call(name, {}, malformed=raw)
    return Call(name, args) if isinstance(args, dict) else Call(name, {}, malformed=raw)


# -- OpenAI chat -------------------------------------------------------------------------------------------------------


async def openai_chat(url: str, more: JsonObject, *, stream: bool, seconds: float = SECONDS) -> Reply:
    """Ask once; `more` are further fields of the body, or others instead."""
    async with openai_client(url, seconds) as client:
        heard = _Heard()
        if not stream:
            whole = await client.chat.completions.create(
                model="test-model", messages=[{"role": "user", "content": "hello"}], extra_body=more
            )
            choice = whole.choices[0]
            heard.text, heard.refusal = choice.message.content or "", choice.message.refusal or ""
            heard.thought = _extra(choice.message.model_extra)
            for index, call in enumerate(choice.message.tool_calls or []):
                assert call.type == "function"
                heard.grow(index, call.function.name, call.function.arguments)
            heard.usage, heard.stop = _chat_usage(whole.usage), _chat_stop(choice.finish_reason)
            return heard.reply()
        chunks = await client.chat.completions.create(
            model="test-model",
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            stream_options={"include_usage": True},
            extra_body=more,
        )
        async for chunk in chunks:
            heard.usage = _chat_usage(chunk.usage) if chunk.usage else heard.usage
            for choice in chunk.choices:
                heard.text += choice.delta.content or ""
                heard.refusal += choice.delta.refusal or ""
                heard.thought += _extra(choice.delta.model_extra)
                for part in choice.delta.tool_calls or []:
                    function = part.function
                    if function is not None:
                        heard.grow(part.index, function.name or "", function.arguments or "")
                heard.stop = _chat_stop(choice.finish_reason) or heard.stop
        return heard.reply()


def _extra(fields: dict[str, object] | None) -> str:
    found = (fields or {}).get("reasoning_content")
    return found if isinstance(found, str) else ""


def _chat_stop(reason: str | None) -> Stop:
    stops: dict[str, Stop] = {"length": "length", "content_filter": "filter"}
    return stops.get(reason or "", "")


def _chat_usage(usage: CompletionUsage | None) -> Usage:
    if usage is None:
        return Usage()
    prompt, done = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        (prompt.cached_tokens or 0) if prompt else 0,
        (prompt.cache_write_tokens or 0) if prompt else 0,
        (done.reasoning_tokens or 0) if done else 0,
        (prompt.audio_tokens or 0) if prompt else 0,
        (done.audio_tokens or 0) if done else 0,
    )


# -- OpenAI Responses --------------------------------------------------------------------------------------------------


async def openai_responses(url: str, more: JsonObject, *, stream: bool, seconds: float = SECONDS) -> Reply:
    """Ask once; `more` are further fields of the body, or others instead. Raise `FailedError` for a failed response."""
    async with openai_client(url, seconds) as client:
        if not stream:
            return _response(await client.responses.create(model="test-model", input="hello", extra_body=more))
        heard = _Heard()
        ended: Response | None = None
        events = await client.responses.create(model="test-model", input="hello", stream=True, extra_body=more)
        async for event in events:
            if isinstance(event, ResponseCompletedEvent | ResponseIncompleteEvent | ResponseFailedEvent):
                ended = event.response
            _hear(heard, event)
        if ended is None:
            return heard.reply()
        final = _response(ended)
        heard.usage, heard.stop = final.usage, final.stop
        assert heard.reply() == final, "the deltas add up to the final response"
        return final


def _hear(heard: _Heard, event: ResponseStreamEvent) -> None:
    match event.type:
        case "response.output_text.delta":
            heard.text += event.delta
        case "response.refusal.delta":
            heard.refusal += event.delta
        case "response.reasoning_summary_text.delta":
            heard.thought += event.delta
        case "response.output_item.added" if event.item.type == "function_call":
            heard.grow(event.output_index, event.item.name, event.item.arguments)
        case "response.function_call_arguments.delta":
            heard.grow(event.output_index, "", event.delta)
        case "error":
            raise FailedError(event.code)
        case _:
            pass


def _response(response: Response) -> Reply:
    if response.error is not None:
        raise FailedError(response.error.code)
    heard = _Heard(usage=_response_usage(response.usage))
    for index, item in enumerate(response.output):
        match item.type:
            case "message":
                for part in item.content:
                    if part.type == "output_text":
                        heard.text += part.text
                    else:
                        heard.refusal += part.refusal
            case "reasoning":
                heard.thought += "".join(part.text for part in item.summary)
            case "function_call":
                heard.grow(index, item.name, item.arguments)
            case _:
                raise AssertionError(f"unknown item {item.type}")
    if response.incomplete_details is not None:
        heard.stop = "length" if response.incomplete_details.reason == "max_output_tokens" else "filter"
    return heard.reply()


def _response_usage(usage: ResponseUsage | None) -> Usage:
    if usage is None:
        return Usage()
    given, done = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        usage.input_tokens, usage.output_tokens, given.cached_tokens, given.cache_write_tokens, done.reasoning_tokens
    )


# -- Anthropic ---------------------------------------------------------------------------------------------------------


async def anthropic_messages(url: str, more: JsonObject, *, stream: bool, seconds: float = SECONDS) -> Reply:
    """Ask once; `more` are further fields of the body, or others instead."""
    async with anthropic_client(url, seconds) as client:
        if not stream:
            return _message(
                await client.messages.create(
                    model="test-model",
                    max_tokens=1000,
                    messages=[{"role": "user", "content": "hello"}],
                    extra_body=more,
                )
            )
        heard = _Heard()
        raw = await client.messages.create(
            model="test-model",
            max_tokens=1000,
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            extra_body=more,
        )
        reason: str | None = None
        async for event in raw:
            match event.type:
                case "message_start":
                    heard.usage = _anthropic_usage(event.message.usage)
                case "content_block_start" if event.content_block.type == "tool_use":
                    heard.grow(event.index, event.content_block.name, "")
                case "content_block_delta" if event.delta.type == "text_delta":
                    heard.text += event.delta.text
                case "content_block_delta" if event.delta.type == "thinking_delta":
                    heard.thought += event.delta.thinking
                case "content_block_delta" if event.delta.type == "input_json_delta":
                    heard.grow(event.index, "", event.delta.partial_json)
                case "message_delta":
                    reason = event.delta.stop_reason
                    details = event.usage.output_tokens_details
                    heard.usage = msgspec.structs.replace(
                        heard.usage,
                        output=event.usage.output_tokens,
                        reasoning=details.thinking_tokens if details else 0,
                    )
                case _:
                    pass
        heard.stop = _anthropic_stop(reason)
        return heard.reply()


def _message(message: Message) -> Reply:
    heard = _Heard(usage=_anthropic_usage(message.usage), stop=_anthropic_stop(message.stop_reason))
    for index, block in enumerate(message.content):
        match block.type:
            case "text":
                heard.text += block.text
            case "thinking":
                heard.thought += block.thinking
            case "tool_use":
                given: object = block.input
                raw = given if isinstance(given, str) else msgspec.json.encode(given).decode()
                heard.grow(index, block.name, raw)
            case _:
                pass
    return heard.reply()


def _anthropic_stop(reason: str | None) -> Stop:
    stops: dict[str, Stop] = {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "filter",
    }
    return stops.get(reason or "", "")


def _anthropic_usage(usage: AnthropicUsage) -> Usage:
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    reasoning = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    return Usage(usage.input_tokens + cached + written, usage.output_tokens, cached, written, reasoning)


# -- all ---------------------------------------------------------------------------------------------------------------


async def sdk_reply(
    wire: Wire, url: str, more: JsonObject | None = None, *, stream: bool, seconds: float = SECONDS
) -> Reply:
    """Ask a server through the official SDK of a wire; its calls have no ids, its reasoning is the bare text."""
    asks: dict[Wire, Callable[..., Awaitable[Reply]]] = {
        "openai-chat": openai_chat,
        "openai-responses": openai_responses,
        "anthropic": anthropic_messages,
    }
    return await asks[wire](url, more or {}, stream=stream, seconds=seconds)


def offers(wire: Wire, name: str, schema: JsonObject | None = None) -> JsonObject:
    """Offer one tool, as the wire wants it."""
    given: JsonObject = schema or {"type": "object", "properties": {}}
    match wire:
        case "openai-chat":
            return {"tools": [{"type": "function", "function": {"name": name, "parameters": given}}]}
        case "openai-responses":
            return {"tools": [{"type": "function", "name": name, "parameters": given}]}
        case "anthropic":
            return {"tools": [{"name": name, "input_schema": given}]}
