"""Chunks: streamed answers as servers of OpenAI's chat completions send them."""

from tests.models.wires.conversations import heard, streamed

from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.openai_chat import OpenAIChat


def chunk(delta: JsonObject | None = None, finish: str | None = None, **more: JsonValue) -> JsonObject:
    """A chunk as OpenAI sends it."""
    choice: JsonObject = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    frame: JsonObject = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5"}
    return {**frame, "choices": [choice], "usage": None, **more}


def says(text: str) -> JsonObject:
    return chunk({"content": text})


def tool(index: int | None, name: str | None = None, args: JsonValue = None, call: str | None = None) -> JsonObject:
    """A piece of a call."""
    part: JsonObject = {
        "function": {key: value for key, value in (("name", name), ("arguments", args)) if value is not None}
    }
    if index is not None:
        part["index"] = index
    return chunk({"tool_calls": [part if call is None else {**part, "id": call, "type": "function"}]})


STOP = chunk(finish="stop")
WISH = chunk(finish="tool_calls")
USAGE: JsonObject = {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140}
COUNTED: JsonObject = {**STOP, "choices": [], "usage": USAGE}
"""The last chunk, which has the usage and no choice."""
DONE = b"data: [DONE]\n\n"


WIRE = OpenAIChat("gpt-5")


def read(*events: JsonObject, end: bytes = DONE, wire: OpenAIChat = WIRE) -> Reply:
    """Read a stream; what was shown while it came is the text of the answer."""
    shown, reply = heard(wire, streamed(events, named=False) + end)
    assert shown == reply.text
    return reply
