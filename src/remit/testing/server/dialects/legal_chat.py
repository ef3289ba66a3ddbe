"""What is legal in a chat completion. The messages of the errors are those of OpenAI."""

import re
from collections.abc import Iterator

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.schemas import openai_strict
from remit.testing.server.faults import BadRequest

FIELDS = frozenset(
    {
        "messages",
        "model",
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""What OpenAI knows. Source: its SDK, `completion_create_params`."""
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = {
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "system": {"text"},
    "developer": {"text"},
    "tool": {"text"},
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_REASONERS = re.compile(r"o\d|gpt-5")


def problems(body: JsonObject) -> Iterator[BadRequest]:
    """Say what is not legal; only the first problem counts."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield BadRequest("you must provide a model parameter")
    messages = body.get("messages")
    if not isinstance(messages, list):
        yield BadRequest("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
        return
    if not messages:
        yield BadRequest("Invalid 'messages': empty array.", "messages", "empty_array")
    for index, message in enumerate(messages):
        yield from _message(message, f"messages.[{index}]")
    yield from _paired(messages)
    yield from _options(body)
    yield from named_tools(body, "function")
    yield from _format(body.get("response_format"))


def _message(message: JsonValue, where: str) -> Iterator[BadRequest]:
    if not isinstance(message, dict):
        yield BadRequest(f"Invalid type for '{where}': expected an object.", where, "invalid_type")
        return
    role = message.get("role")
    if role not in _ROLES:
        supported = ", ".join(f"'{name}'" for name in _ROLES)
        yield BadRequest(
            f"Invalid value: '{role}'. Supported values are: {supported}.", f"{where}.role", "invalid_value"
        )
    calls = message.get("tool_calls")
    if calls is not None:
        yield from _calls(calls, where)
    if message.get("content") is None and not (role == "assistant" and (calls or message.get("refusal"))):
        yield BadRequest(
            "Invalid value for 'content': expected a string, got null.", f"{where}.content", "invalid_type"
        )
    yield from _content(message.get("content"), str(role), f"{where}.content")


def _content(content: JsonValue, role: str, where: str) -> Iterator[BadRequest]:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        yield BadRequest(f"Invalid '{where}': expected a string or a list of parts.", where, "invalid_type")
        return
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _PARTS.get(role, set()):
            yield BadRequest(
                f"Invalid value: '{kind}' for a part of a message of role '{role}'.", where, "invalid_value"
            )
        elif isinstance(part, dict) and kind not in part:
            yield BadRequest(f"Missing required parameter: '{where}.{kind}'.", where, "missing_required_parameter")


def _calls(calls: JsonValue, where: str) -> Iterator[BadRequest]:
    if not isinstance(calls, list) or not calls:
        yield BadRequest(f"Invalid '{where}.tool_calls': empty array.", f"{where}.tool_calls", "empty_array")
        return
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            yield BadRequest(f"Invalid '{where}.tool_calls': a call needs a function.", where, "invalid_type")
            return
        given = call.get("id")
        if not isinstance(given, str) or not 0 < len(given) <= 40:
            message = f"Invalid '{where}.tool_calls[0].id': string too long. Expected a string with maximum length 40."
            yield BadRequest(message, where, "string_above_max_length")
        if not isinstance(function.get("arguments"), str) or not isinstance(function.get("name"), str):
            yield BadRequest(f"Invalid type for '{where}.tool_calls': expected strings.", where, "invalid_type")


def _paired(messages: list[JsonValue]) -> Iterator[BadRequest]:
    """See that every call is answered at once, and nothing else is."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            return
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                yield BadRequest(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    f"messages.[{index}].role",
                )
                return
            waiting.remove(str(message["tool_call_id"]))
            continue
        if waiting:
            break
        calls = message.get("tool_calls")
        waiting = [str(call.get("id")) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    if waiting:
        yield BadRequest(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(waiting)}",
            "messages",
        )


def _options(body: JsonObject) -> Iterator[BadRequest]:
    if body.get("stream_options") is not None and body.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield BadRequest(message, "stream_options")
    if "max_tokens" in body and _REASONERS.match(str(body.get("model"))):
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        yield BadRequest(message, "max_tokens", "unsupported_parameter")
    for name in ("max_tokens", "max_completion_tokens"):
        most = body.get(name)
        if most is not None and not (isinstance(most, int) and most >= 1):
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {most} instead."
            yield BadRequest(message, name, "integer_below_min_value")
    if (body.get("tool_choice") is not None or "parallel_tool_calls" in body) and not body.get("tools"):
        yield BadRequest("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")


def named_tools(body: JsonObject, inside: str) -> Iterator[BadRequest]:
    """Say what is wrong with the tools; their fields lie inside a field of that name, or nowhere deeper."""
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or (inside and not tools):
        yield BadRequest(
            "Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools", "empty_array"
        )
        return
    for index, tool in enumerate(tools):
        where = f"tools[{index}].{inside}".rstrip(".")
        if not isinstance(tool, dict) or tool.get("type") != "function":
            if inside:
                yield BadRequest(f"Invalid value for 'tools[{index}].type'.", where, "invalid_value")
            continue
        yield from _function(tool.get(inside) if inside else tool, where)


def _function(function: JsonValue, where: str) -> Iterator[BadRequest]:
    if not isinstance(function, dict):
        yield BadRequest(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        return
    name, schema = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"Invalid '{where}.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
        yield BadRequest(message, f"{where}.name", "invalid_value")
    if schema is None:
        return
    if not isinstance(schema, dict) or schema.get("type") != "object":
        message = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        yield BadRequest(message, f"{where}.parameters", "invalid_function_parameters")
    elif function.get("strict") is True:
        for problem in openai_strict(schema):
            message = f"Invalid schema for function '{name}': {problem}"
            yield BadRequest(message, f"{where}.parameters", "invalid_function_parameters")


def _format(wanted: JsonValue) -> Iterator[BadRequest]:
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or kind not in {"text", "json_object", "json_schema"}:
        yield BadRequest(f"Invalid value: '{kind}'.", "response_format.type", "invalid_value")
        return
    if kind == "json_schema":
        yield from schema_format(wanted.get("json_schema"), "response_format.json_schema")


def schema_format(named: JsonValue, where: str) -> Iterator[BadRequest]:
    """Say what is wrong with a named schema that an answer must fit."""
    if not isinstance(named, dict) or not isinstance(named.get("name"), str):
        yield BadRequest(f"Missing required parameter: '{where}.name'.", f"{where}.name", "missing_required_parameter")
        return
    name, schema = str(named["name"]), named.get("schema")
    if not _NAME.fullmatch(name):
        yield BadRequest(f"Invalid '{where}.name': string does not match pattern.", f"{where}.name", "invalid_value")
    if not isinstance(schema, dict):
        yield BadRequest(f"Missing required parameter: '{where}.schema'.", where, "missing_required_parameter")
    elif named.get("strict") is True:
        for problem in openai_strict(schema):
            yield BadRequest(f"Invalid schema for response_format '{name}': {problem}", where)
