"""OpenAI chat completions: what every compatible server speaks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remit.core.messages import Usage
from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects import legal_chat
from remit.testing.server.dialects.openai_errors import page, refusal, wrong
from remit.testing.server.dialects.port import MOMENT, Answer, Saying, event, slices, thought, written
from remit.testing.server.faults import BadRequest, Html, Refusal, Unauthorized

DONE = b"data: [DONE]\n\n"
"""How a stream ends."""


def bearer(headers: Mapping[str, str], key: str) -> Refusal | None:
    """Refuse a client without the right key; an empty one stands for any."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not given or (key and given != key):
        return Unauthorized()
    return None


@dataclass(frozen=True, slots=True)
class Chat:
    """The dialect of `/v1/chat/completions`."""

    name: str = "openai-chat"

    def admits(self, headers: Mapping[str, str], key: str) -> Refusal | None:
        """Refuse a client without a key."""
        return bearer(headers, key)

    def unknown(self, body: JsonObject) -> Iterator[BadRequest]:
        """Name the fields that OpenAI does not know."""
        for name in body:
            if name not in legal_chat.FIELDS:
                yield BadRequest(f"Unrecognized request argument supplied: {name}")

    def problems(self, body: JsonObject) -> Iterator[BadRequest]:
        """Say what is not legal."""
        return legal_chat.problems(body)

    def offered(self, body: JsonObject) -> tuple[str, ...]:
        """Name the tools on offer."""
        tools = body.get("tools")
        functions = (
            [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
        )
        return tuple(str(function.get("name")) for function in functions if isinstance(function, dict))

    def whole(self, said: Saying) -> JsonObject:
        """Write a `chat.completion`."""
        reply, mind = said.reply, thought(said.reply.reasoning)
        calls: list[JsonValue] = [
            {**_opened(said, index), "function": {"name": call.tool, "arguments": written(call)}}
            for index, call in enumerate(reply.calls)
        ]
        message: JsonObject = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
        if said.refused:
            message |= {"content": None, "refusal": reply.text}
        if mind.text:
            message["reasoning_content"] = mind.text
        if calls:
            message |= {"content": reply.text or None, "tool_calls": calls}
        choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
        return {**_frame(said, "chat.completion"), "choices": [choice], "usage": _usage(reply.usage)}

    def events(self, said: Saying) -> Iterator[bytes]:
        """Write `chat.completion.chunk`s; the usage comes last, when it was asked for."""
        options = said.body.get("stream_options")
        counted = isinstance(options, dict) and options.get("include_usage") is True
        frame = _frame(said, "chat.completion.chunk")
        ending: JsonObject = {"usage": None} if counted else {}
        for delta in self._deltas(said):
            yield event({**frame, "choices": [_choice(delta)], **ending})
        yield event({**frame, "choices": [{**_choice({}), "finish_reason": _finish(said)}], **ending})
        if counted:
            yield event({**frame, "choices": [], "usage": _usage(said.reply.usage)})
        yield DONE

    def _deltas(self, said: Saying) -> Iterator[JsonObject]:
        reply = said.reply
        first = None if said.refused or (reply.calls and not reply.text) else ""
        yield {"role": "assistant", "content": first, "refusal": None}
        for piece in said.tokens(thought(reply.reasoning).text):
            yield {"reasoning_content": piece}
        for piece in said.tokens(reply.text):
            yield {"refusal": piece} if said.refused else {"content": piece}
        for index, call in enumerate(reply.calls):
            opened: JsonObject = {**_opened(said, index), "function": {"name": call.tool, "arguments": ""}}
            yield {"tool_calls": [{"index": index, **opened}]}
            for piece in slices(written(call)):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def refusal(self, fault: Refusal, model: str) -> Answer:
        """Say an error."""
        return page(fault) if isinstance(fault, Html) else refusal(wrong(fault, model, "messages"), fault)

    def midway(self, fault: Refusal, said: Saying, after: int) -> Iterator[bytes]:
        """Say an error within a stream."""
        yield event({"error": wrong(fault, said.model, "messages").fields()})

    def headers(self, number: int) -> dict[str, str]:
        """What stands above every answer."""
        return {"x-request-id": f"req_{number:08d}", "openai-processing-ms": "1", "openai-version": "2020-10-01"}


def _frame(said: Saying, kind: str) -> JsonObject:
    return {
        "id": said.id("chatcmpl"),
        "object": kind,
        "created": MOMENT,
        "model": said.model,
        "service_tier": "default",
        "system_fingerprint": "fp_remit",
    }


def _choice(delta: JsonObject) -> JsonObject:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}


def _opened(said: Saying, index: int) -> JsonObject:
    opened: JsonObject = {"id": said.call_id("call", index), "type": "function"}
    extras = thought(said.reply.reasoning).extras
    return {**opened, "extra_content": extras[index]} if index < len(extras) else opened


def _finish(said: Saying) -> str:
    match said.reply.stop:
        case "length":
            return "length"
        case "filter" if not said.refused:
            return "content_filter"
        case _:
            return "tool_calls" if said.reply.calls else "stop"


def _usage(usage: Usage) -> JsonObject:
    prompt: JsonObject = {"cached_tokens": usage.cached, "audio_tokens": usage.audio_input}
    if usage.cache_written:
        prompt["cache_write_tokens"] = usage.cache_written
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
