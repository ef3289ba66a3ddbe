"""Streams in the shape of Anthropic's."""

from remit.core.values import JsonObject, JsonValue

NEW = "claude-sonnet-4-6"


def message(**fields: JsonValue) -> JsonObject:
    """A message as it begins."""
    usage: JsonObject = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 3}
    start: JsonObject = {"id": "msg_1", "type": "message", "role": "assistant", "model": NEW, "content": []}
    return {**start, "stop_reason": None, "stop_sequence": None, "usage": usage, **fields}


START: JsonObject = {"type": "message_start", "message": message()}
STOP: JsonObject = {"type": "message_stop"}
PING: JsonObject = {"type": "ping"}


def block(index: int, body: JsonObject, *deltas: JsonObject) -> list[JsonObject]:
    """A content block as it is streamed."""
    return [
        {"type": "content_block_start", "index": index, "content_block": body},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def said(index: int, *texts: str) -> list[JsonObject]:
    """A block of text."""
    deltas: list[JsonObject] = [{"type": "text_delta", "text": text} for text in texts]
    return block(index, {"type": "text", "text": ""}, *deltas)


def used(index: int, tool: str, *inputs: str) -> list[JsonObject]:
    """A call of a tool."""
    body: JsonObject = {"type": "tool_use", "id": f"toolu_{index}", "name": tool, "input": {}}
    deltas: list[JsonObject] = [{"type": "input_json_delta", "partial_json": part} for part in inputs]
    return block(index, body, *deltas)


def thought(index: int, *texts: str, signature: str = "c2ln") -> list[JsonObject]:
    """A block of thinking."""
    deltas: list[JsonObject] = [{"type": "thinking_delta", "thinking": text} for text in texts]
    if signature:
        deltas.append({"type": "signature_delta", "signature": signature})
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas)


def ended(reason: str = "end_turn", output: int = 20, **more: JsonValue) -> JsonObject:
    """How a message ends."""
    delta: JsonObject = {"stop_reason": reason, "stop_sequence": None, **more}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output}}


FULL: list[JsonObject] = [
    START,
    PING,
    *thought(0, "Let me ", "think."),
    *block(1, {"type": "redacted_thinking", "data": "aGlkZGVu"}),
    *said(2, "It is ", "h\u00f6t \U0001f600."),
    *used(3, "weather", "", '{"ci', 'ty": "Rome"}'),
    *used(4, "weather", '{"city": "Oslo"}'),
    ended("tool_use"),
    STOP,
]
