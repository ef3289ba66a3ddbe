"""Streams in the shape of OpenAI's responses."""

from remit.core.values import JsonObject, JsonValue

USAGE: JsonObject = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20},
    "output_tokens": 40,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 140,
}


def response(status: str, output: list[JsonObject] | None = None, **fields: JsonValue) -> JsonObject:
    """A response as events carry it."""
    start: JsonObject = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5", "status": status}
    rest: JsonObject = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": USAGE}
    return {**start, "output": [*(output or [])], **rest, **fields}


def done(*output: JsonObject, status: str = "completed", **fields: JsonValue) -> JsonObject:
    """How a stream ends."""
    return {"type": f"response.{status}", "sequence_number": 99, "response": response(status, list(output), **fields)}


def text(*parts: JsonObject, phase: str | None = None) -> JsonObject:
    """A message as it is in the end."""
    item: JsonObject = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    return {**item, "content": [*parts], **({"phase": phase} if phase else {})}


def words(said: str) -> JsonObject:
    """A part of a message."""
    return {"type": "output_text", "text": said, "annotations": []}


def call(tool: str, arguments: JsonValue) -> JsonObject:
    """A call as it is in the end."""
    item: JsonObject = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": tool}
    return {**item, "arguments": arguments, "status": "completed"}


def thinking(**fields: JsonValue) -> JsonObject:
    """A piece of reasoning as it is in the end."""
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "aGlkZGVu", **fields}


def added(index: int, item: JsonObject) -> JsonObject:
    """The beginning of an item."""
    return {"type": "response.output_item.added", "output_index": index, "item": item, "sequence_number": 1}


def finished(index: int, item: JsonObject) -> JsonObject:
    """The end of an item."""
    return {"type": "response.output_item.done", "output_index": index, "item": item, "sequence_number": 2}


def delta(kind: str, index: int, piece: JsonValue) -> JsonObject:
    """A piece of an item."""
    event: JsonObject = {"type": f"response.{kind}.delta", "output_index": index, "delta": piece}
    more: JsonObject = {"logprobs": []} if kind == "output_text" else {}
    return {**event, "item_id": "it_1", "content_index": 0, "sequence_number": 3, **more}


ITEMS = [
    thinking(encrypted_content="aGlkZGVuIGZvciBnb29k"),
    text(words("It is h\u00f6t \U0001f600.")),
    call("weather", '{"city": "Rome"}'),
    call("weather", '{"city": "Oslo"}'),
]
FULL: list[JsonObject] = [
    {"type": "response.created", "sequence_number": 0, "response": response("in_progress")},
    {"type": "response.in_progress", "sequence_number": 0, "response": response("in_progress")},
    added(0, thinking(encrypted_content="aGlk")),
    {**delta("reasoning_summary_text", 0, "Hm."), "summary_index": 0},
    finished(0, ITEMS[0]),
    added(1, text()),
    delta("output_text", 1, "It is "),
    delta("output_text", 1, "h\u00f6t \U0001f600."),
    {
        "type": "response.output_text.done",
        "output_index": 1,
        "content_index": 0,
        "item_id": "it_1",
        "logprobs": [],
        "text": "It is h\u00f6t \U0001f600.",
        "sequence_number": 4,
    },
    finished(1, ITEMS[1]),
    added(2, call("weather", "")),
    delta("function_call_arguments", 2, '{"ci'),
    added(3, call("weather", "")),
    delta("function_call_arguments", 2, 'ty": "Rome"}'),
    {
        "type": "response.function_call_arguments.done",
        "output_index": 2,
        "item_id": "it_1",
        "sequence_number": 5,
        "arguments": '{"city": "Rome"}',
        "name": "weather",
    },
    finished(2, ITEMS[2]),
    finished(3, ITEMS[3]),
    done(*ITEMS),
]
