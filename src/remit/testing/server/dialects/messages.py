"""Anthropic messages: blocks of content, each with a beginning and an end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects import legal_messages
from remit.testing.server.dialects.anthropic_errors import error, refusal, wrong
from remit.testing.server.dialects.port import Answer, Saying, event, slices, thought, written
from remit.testing.server.faults import BadRequest, Refusal, Unauthorized


@dataclass(frozen=True, slots=True)
class Messages:
    """The dialect of `/v1/messages`."""

    name: str = "anthropic"

    def admits(self, headers: Mapping[str, str], key: str) -> Refusal | None:
        """Refuse a client without a key, or one that does not say which version it speaks."""
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if not given or (key and given != key):
            return Unauthorized()
        if "anthropic-version" not in headers:
            return BadRequest("header is required", "anthropic-version")
        return None

    def unknown(self, body: JsonObject) -> Iterator[BadRequest]:
        """Name the fields that Anthropic does not know."""
        for name in body:
            if name not in legal_messages.FIELDS:
                yield BadRequest("Extra inputs are not permitted", name)

    def problems(self, body: JsonObject) -> Iterator[BadRequest]:
        """Say what is not legal."""
        return legal_messages.problems(body)

    def offered(self, body: JsonObject) -> tuple[str, ...]:
        """Name the tools on offer."""
        tools = body.get("tools")
        listed = tools if isinstance(tools, list) else []
        return tuple(str(tool.get("name")) for tool in listed if isinstance(tool, dict))

    def whole(self, said: Saying) -> JsonObject:
        """Write a `message`."""
        content: list[JsonValue] = [*_blocks(said)]
        return {**_message(said, content) | _stopped(said), "usage": _usage(said)}

    def events(self, said: Saying) -> Iterator[bytes]:
        """Write the events of a message, block by block."""
        usage = _usage(said)
        yield _event("message_start", {"message": {**_message(said, []), "usage": {**usage, "output_tokens": 1}}})
        for index, block in enumerate(_blocks(said)):
            yield _event("content_block_start", {"index": index, "content_block": _begun(block)})
            if index == 0:
                yield _event("ping", {})
            for delta in _deltas(said, block, index):
                yield _event("content_block_delta", {"index": index, "delta": delta})
            yield _event("content_block_stop", {"index": index})
        # These are of the beginning only.
        del usage["cache_creation"], usage["service_tier"]
        yield _event("message_delta", {"delta": _stopped(said), "usage": usage})
        yield _event("message_stop", {})

    def refusal(self, fault: Refusal, model: str) -> Answer:
        """Say an error."""
        return refusal(fault, model)

    def midway(self, fault: Refusal, said: Saying, after: int) -> Iterator[bytes]:
        """Say an error within a stream."""
        _, kind, message = wrong(fault, said.model)
        yield event(error(kind, message), "error")

    def headers(self, number: int) -> dict[str, str]:
        """What stands above every answer."""
        return {"request-id": f"req_{number:08d}", "anthropic-organization-id": "org-remit"}


def _event(kind: str, fields: JsonObject) -> bytes:
    return event({"type": kind, **fields}, kind)


def _message(said: Saying, content: list[JsonValue]) -> JsonObject:
    return {
        "id": said.id("msg"),
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(said: Saying) -> list[JsonObject]:
    reply, mind = said.reply, thought(said.reply.reasoning)
    blocks: list[JsonObject] = []
    if mind.text:
        blocks.append({"type": "thinking", "thinking": mind.text, "signature": mind.seal})
    if mind.redacted:
        blocks.append({"type": "redacted_thinking", "data": mind.redacted})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for index, call in enumerate(reply.calls):
        block: JsonObject = {"type": "tool_use", "id": said.call_id("toolu", index), "name": call.tool}
        # A body cannot hold broken JSON; the nearest thing is a value that is no object.
        blocks.append({**block, "input": call.malformed or call.args})
    return blocks


def _begun(block: JsonObject) -> JsonObject:
    """Give a block as it is before anything of it has come."""
    match block["type"]:
        case "thinking":
            return {**block, "thinking": "", "signature": ""}
        case "text":
            return {**block, "text": ""}
        case "tool_use":
            return {**block, "input": {}}
        case _:
            return block


def _deltas(said: Saying, block: JsonObject, index: int) -> Iterator[JsonObject]:
    match block["type"]:
        case "thinking":
            for piece in said.tokens(str(block["thinking"])):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            for piece in said.tokens(str(block["text"])):
                yield {"type": "text_delta", "text": piece}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            call = said.reply.calls[index - len(_blocks(said))]
            # Nothing more comes for a tool that is given no arguments.
            for piece in slices(written(call) if call.args or call.malformed else ""):
                yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            return


def _stopped(said: Saying) -> JsonObject:
    reason = "tool_use" if said.reply.calls else "end_turn"
    if said.reply.stop == "length":
        reason = "max_tokens"
    stopped: JsonObject = {"stop_reason": reason, "stop_sequence": None}
    if said.reply.stop == "filter" or said.refused:
        details: JsonObject = {"type": "refusal", "category": None, "explanation": None}
        stopped |= {"stop_reason": "refusal", "stop_details": details}
    return stopped


def _usage(said: Saying) -> JsonObject:
    usage = said.reply.usage
    return {
        "input_tokens": usage.input - usage.cached - usage.cache_written,
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }
