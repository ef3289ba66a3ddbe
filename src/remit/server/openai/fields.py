"""Fields: what of a request is heeded, what is ignored because it is harmless, and what is refused."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.server.openai.problems import UnfitError

CHAT = frozenset(
    {"messages", "metadata", "model", "prompt_cache_key", "safety_identifier", "session", "stream", "stream_options",
     "user"}
)  # fmt: skip
"""What a chat completion heeds."""

RESPONSES = frozenset({"background", "input", "instructions", "metadata", "model", "previous_response_id", "stream"})
"""What a response heeds."""

IGNORED = frozenset(
    {"frequency_penalty", "include", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
     "prompt_cache_options", "prompt_cache_retention", "reasoning", "reasoning_effort", "safety_identifier", "seed",
     "service_tier", "stream_options", "temperature", "top_p", "truncation", "user", "verbosity"}
)  # fmt: skip
"""How a model should go about it: the agent's declaration says that."""

_ONLY: Mapping[str, Sequence[JsonValue]] = {
    "function_call": ("auto", "none"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "response_format": ({"type": "text"},),
    "stop": ([],),
    "store": (True,),
    "tool_choice": ("auto", "none"),
    "tools": ([],),
    "top_logprobs": (0,),
}
"""What may only say what is so anyway."""

_WHY = {
    "conversation": "a conversation goes on with previous_response_id",
    "max_completion_tokens": "the agent's own limits hold",
    "max_output_tokens": "the agent's own limits hold",
    "max_tokens": "the agent's own limits hold",
    "max_tool_calls": "the agent's own limits hold",
    "response_format": "the agent's declaration says what its answer looks like",
    "store": "a session is a journal, and is always kept",
    "tools": "an agent has its own tools",
}


def understood(body: bytes, heeded: Collection[str]) -> JsonObject:
    """Read a body; raise `UnfitError` for what is no object, and for fields that would change what is meant."""
    try:
        said = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        fields: JsonObject = {name: msgspec.json.decode(value) for name, value in said.items()}
    except msgspec.ValidationError as error:
        raise UnfitError("", f"the body is not what is wanted: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnfitError("", f"the body is no JSON: {error}") from None
    except RecursionError:
        raise UnfitError("", "the body is nested too deeply") from None
    given: JsonObject = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        if name not in heeded and name not in IGNORED and not _harmless(name, value):
            why = _WHY.get(name, "agents of this server know nothing of it; leave it out")
            raise UnfitError(name, f"{name!r} cannot be {_short(value)}: {why}", code="unsupported_parameter")
    return given


def text(fields: JsonObject, name: str) -> str:
    """Give a field that is a text, empty when it is not there; raise `UnfitError` for anything else."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise UnfitError(name, f"{name!r} must be a text")
    return value


def flag(fields: JsonObject, name: str) -> bool:
    """Give a field that is true or false, false when it is not there; raise `UnfitError` for anything else."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise UnfitError(name, f"{name!r} must be true or false")
    return value


def _harmless(name: str, value: JsonValue) -> bool:
    if name == "text":
        style = value.get("format", {"type": "text"}) if isinstance(value, dict) else None
        return style in (None, {"type": "text"})
    return value in _ONLY.get(name, ())


def _short(value: JsonValue) -> str:
    shown = msgspec.json.encode(value).decode()
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
