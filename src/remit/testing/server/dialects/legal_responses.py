"""What is legal in a request for a response. The messages of the errors are those of OpenAI."""

from collections.abc import Iterator
from itertools import zip_longest

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.legal_chat import named_tools, schema_format
from remit.testing.server.dialects.port import unlocked
from remit.testing.server.faults import BadRequest

FIELDS = frozenset(
    {
        "access_programs",
        "background",
        "context_management",
        "conversation",
        "image",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
"""What OpenAI knows. Source: its SDK, `response_create_params`."""
_PARTS = {
    "user": {"input_text", "input_image", "input_file", "input_audio"},
    "system": {"input_text"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
}
_OUTPUT_PARTS = {"input_text", "input_image", "input_file"}


def problems(body: JsonObject) -> Iterator[BadRequest]:
    """Say what is not legal; only the first problem counts."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield BadRequest("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    given = body.get("input")
    if isinstance(given, list):
        for index, item in enumerate(given):
            yield from _item(item, f"input[{index}]")
        yield from _paired([item for item in given if isinstance(item, dict)])
    if not given or not isinstance(given, str | list):
        yield BadRequest("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    yield from _options(body)
    yield from named_tools(body, "")


def _item(item: JsonValue, where: str) -> Iterator[BadRequest]:
    kind = item.get("type", "message") if isinstance(item, dict) else None
    match kind:
        case "message" if isinstance(item, dict):
            yield from _message(item, where)
        case "function_call" if isinstance(item, dict):
            yield from _strings(item, ("call_id", "name", "arguments"), where)
            yield from _short(item, where)
        case "function_call_output" if isinstance(item, dict):
            yield from _strings(item, ("call_id",), where)
            yield from _output(item.get("output"), f"{where}.output")
        case "reasoning" if isinstance(item, dict):
            yield from _reasoning(item, where)
        case "item_reference":
            message = f"Item with id '{where}' not found. Items are not persisted when `store` is set to false."
            yield BadRequest(message, "input")
        case _:
            yield BadRequest(f"Invalid value: '{kind}'.", where, "invalid_value")


def _strings(item: JsonObject, names: tuple[str, ...], where: str) -> Iterator[BadRequest]:
    for name in names:
        if not isinstance(item.get(name), str):
            message = f"Missing required parameter: '{where}.{name}'."
            yield BadRequest(message, f"{where}.{name}", "missing_required_parameter")


def _short(item: JsonObject, where: str) -> Iterator[BadRequest]:
    if not 0 < len(str(item.get("call_id"))) <= 64:
        message = f"Invalid '{where}.call_id': string too long. Expected a string with maximum length 64."
        yield BadRequest(message, f"{where}.call_id", "string_above_max_length")
    given = item.get("id")
    if given is not None and not str(given).startswith("fc"):
        message = f"Invalid '{where}.id': '{given}'. Expected an ID that begins with 'fc'."
        yield BadRequest(message, f"{where}.id", "invalid_value")


def _message(item: JsonObject, where: str) -> Iterator[BadRequest]:
    role, content = item.get("role"), item.get("content")
    if role not in _PARTS:
        message = f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
        yield BadRequest(message, f"{where}.role", "invalid_value")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        yield BadRequest(f"Missing required parameter: '{where}.content'.", where, "missing_required_parameter")
        return
    yield from _parts(content, _PARTS.get(str(role), set()), f"{where}.content")


def _output(output: JsonValue, where: str) -> Iterator[BadRequest]:
    if isinstance(output, str):
        return
    if not isinstance(output, list):
        yield BadRequest(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        return
    yield from _parts(output, _OUTPUT_PARTS, where)


def _parts(parts: list[JsonValue], known: set[str], where: str) -> Iterator[BadRequest]:
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in known:
            supported = ", ".join(f"'{name}'" for name in sorted(known))
            message = f"Invalid value: '{kind}'. Supported values are: {supported}."
            yield BadRequest(message, where, "invalid_value")


def _reasoning(item: JsonObject, where: str) -> Iterator[BadRequest]:
    if not isinstance(item.get("summary"), list):
        yield BadRequest(f"Missing required parameter: '{where}.summary'.", where, "missing_required_parameter")
    content = item.get("encrypted_content")
    if content is None:
        message = f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
        yield BadRequest(message, "input")
    elif unlocked(str(content)) is None:
        message = f"The encrypted content for item {item.get('id')} could not be verified."
        yield BadRequest(message, where, "invalid_encrypted_content")


def _paired(items: list[JsonObject]) -> Iterator[BadRequest]:
    """See that every call has one output after it, and that a thought is followed by what was thought of."""
    waiting: list[str] = []
    for item, following in zip_longest(items, items[1:]):
        kind, call = item.get("type", "message"), str(item.get("call_id"))
        if kind == "function_call":
            waiting.append(call)
        elif kind == "function_call_output":
            if call not in waiting:
                message = f"No tool call found for function call output with call_id {call}."
                yield BadRequest(message, "input")
                return
            waiting.remove(call)
        elif kind == "reasoning" and not _thought_of(following):
            message = f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."
            yield BadRequest(message, "input")
    for call in waiting:
        yield BadRequest(f"No tool output found for function call {call}.", "input")


def _thought_of(following: JsonObject | None) -> bool:
    if following is None:
        return False
    return following.get("type") in {"function_call", "reasoning"} or following.get("role") == "assistant"


def _options(body: JsonObject) -> Iterator[BadRequest]:
    most = body.get("max_output_tokens")
    if most is not None and not (isinstance(most, int) and most >= 16):
        message = (
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {most} instead."
        )
        yield BadRequest(message, "max_output_tokens", "integer_below_min_value")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield BadRequest(message, "stream_options")
    text = body.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        yield from schema_format(wanted, "text.format")
