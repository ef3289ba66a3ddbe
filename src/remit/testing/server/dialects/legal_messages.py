"""What is legal in a request for a message. The messages of the errors are those of Anthropic."""

import re
from collections.abc import Iterator

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.port import sealed
from remit.testing.server.dialects.schemas import anthropic_strict
from remit.testing.server.faults import BadRequest

FIELDS = frozenset(
    {
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
"""What Anthropic knows. Source: its SDK, `message_create_params`."""
_BLOCKS = {
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
}
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def problems(body: JsonObject) -> Iterator[BadRequest]:
    """Say what is not legal; only the first problem counts."""
    for name in ("model", "max_tokens", "messages"):
        if body.get(name) is None:
            yield BadRequest("Field required", name)
    most, messages = body.get("max_tokens"), body.get("messages")
    if not isinstance(most, int) or most < 1:
        yield BadRequest("Input should be greater than or equal to 1", "max_tokens")
        return
    if not isinstance(messages, list) or not messages:
        yield BadRequest("at least one message is required", "messages")
        return
    for index, message in enumerate(messages):
        yield from _message(message, f"messages.{index}", last=index == len(messages) - 1)
    yield from _dialogue([message for message in messages if isinstance(message, dict)])
    yield from _system(body.get("system"))
    yield from _tools(body.get("tools"))
    yield from _options(body, most)
    if (marks := _marks(body)) > 4:
        yield BadRequest(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")


def blocks(message: JsonObject, kind: str = "") -> list[JsonObject]:
    """Give the blocks of a message, all or those of a kind."""
    content = message.get("content")
    found = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    return [block for block in found if not kind or block.get("type") == kind]


def _message(message: JsonValue, where: str, *, last: bool) -> Iterator[BadRequest]:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(message, dict) or role not in _BLOCKS:
        yield BadRequest("Input should be 'user' or 'assistant'", f"{where}.role")
        return
    content = message.get("content")
    if not isinstance(content, str | list):
        yield BadRequest("Input should be a valid string or list", f"{where}.content")
    elif not content and not (last and role == "assistant"):
        problem = "all messages must have non-empty content except for the optional final assistant message"
        yield BadRequest(problem, where)
    elif isinstance(content, str) and content and not content.strip():
        yield BadRequest("text content blocks must contain non-whitespace text", "messages")
    if not isinstance(content, list):
        return
    for index, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(block, dict) or kind not in _BLOCKS[str(role)]:
            yield BadRequest(f"Input tag '{kind}' found using 'type' does not match", f"{where}.content.{index}")
        else:
            yield from _block(block, f"{where}.content.{index}")


def _block(block: JsonObject, where: str) -> Iterator[BadRequest]:
    match block.get("type"):
        case "text":
            yield from _text(block.get("text"))
        case "thinking":
            if block.get("signature") != sealed(str(block.get("thinking"))):
                yield BadRequest("Invalid `signature` in `thinking` block", where)
        case "tool_use":
            yield from _use(block, f"{where}.tool_use")
        case "tool_result":
            for part in blocks(block, "text"):
                yield from _text(part.get("text"))
        case "image" | "document":
            if not isinstance(block.get("source"), dict):
                yield BadRequest("Field required", f"{where}.source")
        case _:
            return


def _use(block: JsonObject, where: str) -> Iterator[BadRequest]:
    if not _ID.fullmatch(str(block.get("id", ""))):
        yield BadRequest("String should match pattern '^[a-zA-Z0-9_-]+$'", f"{where}.id")
    if not isinstance(block.get("input"), dict):
        yield BadRequest("Input should be a valid dictionary", f"{where}.input")
    if not _NAME.fullmatch(str(block.get("name", ""))):
        yield BadRequest("String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", f"{where}.name")


def _text(text: JsonValue) -> Iterator[BadRequest]:
    if not isinstance(text, str) or not text:
        yield BadRequest("text content blocks must be non-empty", "messages")
    elif not text.strip():
        yield BadRequest("text content blocks must contain non-whitespace text", "messages")


def _dialogue(messages: list[JsonObject]) -> Iterator[BadRequest]:
    """See that a person begins, and that every tool use is answered by the very next message."""
    if messages[0].get("role") != "user":
        yield BadRequest('first message must use the "user" role', "messages")
    last, content = messages[-1], messages[-1].get("content")
    if last.get("role") == "assistant" and isinstance(content, str) and content != content.rstrip():
        yield BadRequest("final assistant content cannot end with trailing whitespace", "messages")
    seen: set[str] = set()
    used: list[str] = []
    for index, message in enumerate([*_merged(messages), {}]):
        yield from _results(message, used, index)
        used = [str(block.get("id")) for block in blocks(message, "tool_use")]
        if seen & set(used) or len(used) != len(set(used)):
            yield BadRequest("`tool_use` ids must be unique", f"messages.{index}")
        seen |= set(used)


def _results(message: JsonObject, used: list[str], index: int) -> Iterator[BadRequest]:
    """See that a message begins with one result for each tool use before it, and has no other."""
    found = blocks(message, "tool_result")
    results = [str(block.get("tool_use_id")) for block in found]
    for missing in sorted(set(used) - set(results)):
        problem = (
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {missing}. Each `tool_use` "
            "block must have a corresponding `tool_result` block in the next message."
        )
        yield BadRequest(problem, f"messages.{index - 1}")
    for extra in sorted(set(results) - set(used)):
        problem = (
            f"unexpected `tool_use_id` found in `tool_result` blocks: {extra}. Each `tool_result` block must have "
            "a corresponding `tool_use` block in the previous message."
        )
        yield BadRequest(problem, f"messages.{index}")
    if len(results) != len(set(results)):
        yield BadRequest("each tool_use must have a single result", f"messages.{index}")
    if blocks(message)[: len(found)] != found:
        yield BadRequest("`tool_result` blocks must come first", f"messages.{index}")


def _merged(messages: list[JsonObject]) -> list[JsonObject]:
    """Join neighbours of the same role, as Anthropic does."""
    merged: list[JsonObject] = []
    for message in messages:
        content = message.get("content")
        told: list[JsonValue] = [{"type": "text", "text": content}] if isinstance(content, str) else [*blocks(message)]
        if merged and merged[-1]["role"] == message["role"]:
            told = [*blocks(merged.pop()), *told]
        merged.append({**message, "content": told})
    return merged


def _system(system: JsonValue) -> Iterator[BadRequest]:
    if isinstance(system, list):
        for block in system:
            yield from _text(block.get("text") if isinstance(block, dict) else None)
    elif system is not None and not isinstance(system, str):
        yield BadRequest("Input should be a valid list", "system")


def _tools(tools: JsonValue) -> Iterator[BadRequest]:
    seen: set[str] = set()
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        where = f"tools.{index}"
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
            yield BadRequest("String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", f"{where}.custom.name")
            return
        if name in seen:
            yield BadRequest("Tool names must be unique.", "tools")
        seen.add(name)
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield BadRequest("Field required", f"{where}.custom.input_schema.type")
        elif tool.get("strict") is True:
            for problem in anthropic_strict(schema):
                yield BadRequest(problem, f"{where}.custom")


def _options(body: JsonObject, most: int) -> Iterator[BadRequest]:
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < 1024:
            yield BadRequest("Input should be greater than or equal to 1024", "thinking.enabled.budget_tokens")
        elif budget >= most:
            yield BadRequest("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("tool_choice") is not None and not body.get("tools"):
        yield BadRequest("tool_choice may only be specified while providing tools", "tool_choice")
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    if isinstance(wanted, dict):
        schema = wanted.get("schema")
        if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
            yield BadRequest("Field required", "output_config.format.schema")
        else:
            for problem in anthropic_strict(schema):
                yield BadRequest(problem, "output_config.format.schema")


def _marks(value: JsonValue) -> int:
    """Count the cache markers, wherever they are."""
    if isinstance(value, list):
        return sum(_marks(item) for item in value)
    if not isinstance(value, dict):
        return 0
    inside = sum(_marks(item) for name, item in value.items() if name not in {"input", "input_schema"})
    return inside + (value.get("cache_control") is not None)
