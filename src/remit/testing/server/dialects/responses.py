"""OpenAI Responses: typed items in, typed items out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects import legal_responses
from remit.testing.server.dialects.chat import bearer
from remit.testing.server.dialects.openai_errors import page, refusal, wrong
from remit.testing.server.dialects.port import MOMENT, Answer, Saying, event, locked, slices, thought, written
from remit.testing.server.faults import BadRequest, Html, Overloaded, RateLimited, Refusal, ServerError

_ECHOED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "metadata": {},
}
"""What a response says of its request, and what it says when the request says nothing."""


@dataclass(slots=True)
class _Numbered:
    """Numbers the events of a stream."""

    count: int = 0

    def __call__(self, kind: str, fields: JsonObject) -> bytes:
        self.count += 1
        return event({"type": kind, "sequence_number": self.count - 1, **fields}, kind)


@dataclass(frozen=True, slots=True)
class Responses:
    """The dialect of `/v1/responses`."""

    name: str = "openai-responses"

    def admits(self, headers: Mapping[str, str], key: str) -> Refusal | None:
        """Refuse a client without a key."""
        return bearer(headers, key)

    def unknown(self, body: JsonObject) -> Iterator[BadRequest]:
        """Name the fields that OpenAI does not know."""
        for name in body:
            if name not in legal_responses.FIELDS:
                yield BadRequest(f"Unknown parameter: '{name}'.", name, "unknown_parameter")

    def problems(self, body: JsonObject) -> Iterator[BadRequest]:
        """Say what is not legal."""
        return legal_responses.problems(body)

    def offered(self, body: JsonObject) -> tuple[str, ...]:
        """Name the tools on offer."""
        tools = body.get("tools")
        listed = tools if isinstance(tools, list) else []
        return tuple(str(tool.get("name")) for tool in listed if isinstance(tool, dict) and "name" in tool)

    def whole(self, said: Saying) -> JsonObject:
        """Write a `response`."""
        stop = said.reply.stop
        if stop == "" or said.refused:
            return {**_response(said, "completed", _items(said)), "completed_at": MOMENT, "usage": _usage(said)}
        reason = "max_output_tokens" if stop == "length" else "content_filter"
        incomplete: JsonObject = {"incomplete_details": {"reason": reason}, "usage": _usage(said)}
        return _response(said, "incomplete", _items(said)) | incomplete

    def events(self, said: Saying) -> Iterator[bytes]:
        """Write the events of a response, item by item."""
        numbered = _Numbered()
        begun = _response(said, "in_progress", [])
        yield numbered("response.created", {"response": begun})
        yield numbered("response.in_progress", {"response": begun})
        for index, item in enumerate(_items(said)):
            yield numbered("response.output_item.added", {"output_index": index, "item": _begun(item)})
            yield from _told(said, item, index, numbered)
            yield numbered("response.output_item.done", {"output_index": index, "item": item})
        ended = self.whole(said)
        yield numbered(f"response.{ended['status']}", {"response": ended})

    def refusal(self, fault: Refusal, model: str) -> Answer:
        """Say an error."""
        return page(fault) if isinstance(fault, Html) else refusal(wrong(fault, model, "input"), fault)

    def midway(self, fault: Refusal, said: Saying, after: int) -> Iterator[bytes]:
        """Say an error within a stream: a failed response where the model broke, else an error event."""
        error = wrong(fault, said.model, "input")
        numbered = _Numbered(after)
        if isinstance(fault, ServerError | RateLimited | Overloaded):
            code = error.code or "server_error"
            failed: JsonObject = {"error": {"code": code, "message": error.message}}
            yield numbered("response.failed", {"response": _response(said, "failed", []) | failed})
            return
        yield numbered("error", {"code": error.code, "message": error.message, "param": error.param})

    def headers(self, number: int) -> dict[str, str]:
        """What stands above every answer."""
        return {"x-request-id": f"req_{number:08d}", "openai-processing-ms": "1", "openai-version": "2020-10-01"}


def _items(said: Saying) -> list[JsonObject]:
    reply, mind = said.reply, thought(said.reply.reasoning)
    included = said.body.get("include")
    encrypts = isinstance(included, list) and "reasoning.encrypted_content" in included
    items: list[JsonObject] = []
    if mind.text:
        summary: list[JsonValue] = [{"type": "summary_text", "text": mind.text}]
        items.append(_reasoning(said.id("rs"), summary, locked(mind.text) if encrypts else None))
    if mind.redacted:
        items.append(_reasoning(said.id("rs_h"), [], locked(mind.redacted) if encrypts else None))
    status = "completed" if reply.stop == "" or said.refused else "incomplete"
    if reply.text:
        part: JsonObject = {"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}
        if said.refused:
            part = {"type": "refusal", "refusal": reply.text}
        message: JsonObject = {"id": said.id("msg"), "type": "message", "status": status, "content": [part]}
        items.append({**message, "role": "assistant"})
    for index, call in enumerate(reply.calls):
        wish: JsonObject = {"id": f"fc_{said.number:06d}{index:02d}", "type": "function_call", "status": status}
        items.append({**wish, "arguments": written(call), "call_id": said.call_id("call", index), "name": call.tool})
    return items


def _reasoning(name: str, summary: list[JsonValue], content: str | None) -> JsonObject:
    item: JsonObject = {"id": name, "type": "reasoning", "summary": summary}
    return {**item, "encrypted_content": content} if content else item


def _begun(item: JsonObject) -> JsonObject:
    """Give an item as it is before anything of it has come."""
    match item["type"]:
        case "reasoning":
            return {**item, "summary": []}
        case "message":
            return {**item, "status": "in_progress", "content": []}
        case _:
            return {**item, "status": "in_progress", "arguments": ""}


def _told(said: Saying, item: JsonObject, index: int, numbered: _Numbered) -> Iterator[bytes]:
    place: JsonObject = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "reasoning":
            if item["summary"]:
                yield from _summary(said, {**place, "summary_index": 0}, numbered)
        case "message":
            yield from _message(said, {**place, "content_index": 0}, numbered)
        case _:
            arguments = str(item["arguments"])
            for piece in slices(arguments):
                yield numbered("response.function_call_arguments.delta", {**place, "delta": piece})
            done: JsonObject = {"arguments": arguments, "name": item["name"]}
            yield numbered("response.function_call_arguments.done", place | done)


def _summary(said: Saying, place: JsonObject, numbered: _Numbered) -> Iterator[bytes]:
    text = thought(said.reply.reasoning).text
    yield numbered("response.reasoning_summary_part.added", {**place, "part": {"type": "summary_text", "text": ""}})
    for piece in said.tokens(text):
        yield numbered("response.reasoning_summary_text.delta", {**place, "delta": piece})
    yield numbered("response.reasoning_summary_text.done", {**place, "text": text})
    yield numbered("response.reasoning_summary_part.done", {**place, "part": {"type": "summary_text", "text": text}})


def _message(said: Saying, place: JsonObject, numbered: _Numbered) -> Iterator[bytes]:
    text = said.reply.text
    empty: JsonObject = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    kind, told, more = "response.output_text", JsonObject(text=text), JsonObject(logprobs=[])
    if said.refused:
        empty = {"type": "refusal", "refusal": ""}
        kind, told, more = "response.refusal", JsonObject(refusal=text), JsonObject()
    yield numbered("response.content_part.added", {**place, "part": empty})
    for piece in said.tokens(text):
        yield numbered(f"{kind}.delta", {**place, "delta": piece, **more})
    yield numbered(f"{kind}.done", {**place, **told, **more})
    yield numbered("response.content_part.done", {**place, "part": {**empty, **told}})


def _response(said: Saying, status: str, items: list[JsonObject]) -> JsonObject:
    echoed: JsonObject = {name: said.body.get(name, default) for name, default in _ECHOED.items()}
    output: list[JsonValue] = [*items]
    return {
        **echoed,
        "id": said.id("resp"),
        "object": "response",
        "created_at": MOMENT,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": said.model,
        "output": output,
        "service_tier": "default",
        "usage": None,
        "user": None,
    }


def _usage(said: Saying) -> JsonObject:
    usage = said.reply.usage
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
