"""Legible: what a conversation holds, put so that every provider can read it."""

import re
from collections.abc import Sequence

import msgspec

from remit.core.errors import ConfigError
from remit.core.messages import Call, Message, Outcome, ToolMessage, Usage, UserMessage
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue, digest

NOTHING_SAID = "(nothing)"
"""Stands for words that are empty, which most providers refuse."""

NO_OUTPUT = "(no output)"

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised for JSON that is none, has a wrong type, is not UTF-8, or is nested too deep."""

Count = int | float | None
"""Tokens as servers count them."""

_MOST = 1 << 40
"""Tokens that no call can have; what more would cost fits no journal."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_STRANGE = re.compile(r"[^a-zA-Z0-9_-]")


def encode(value: JsonValue) -> bytes:
    """Write JSON; what UTF-8 cannot say becomes a question mark."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_clean(value))


def _clean(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {str(_clean(key)): _clean(item) for key, item in value.items()}
        case _:
            return value


def output(outcome: Outcome) -> str:
    """Put the output of a call in words: text as it is, anything else as JSON."""
    value = outcome.output
    text = "" if value is None else value if isinstance(value, str) else encode(value).decode()
    return text if text.strip() else NO_OUTPUT


def identifier(call: str, longest: int) -> str:
    """Give a call's id in at most so many characters that all providers take; equal ids stay equal."""
    if 0 < len(call) <= longest and not _STRANGE.search(call):
        return call
    return f"h{digest(encode(call).decode())}"[:longest]


def tool_name(name: str, longest: int = 64) -> str:
    """Give a name that providers accept in the history also for a tool that a model made up."""
    return _STRANGE.sub("_", name)[:longest] or "_"


def arguments(raw: str) -> tuple[JsonObject, str]:
    """Read the arguments of a call: the object, and the raw text when they are none."""
    if not raw.strip():
        return {}, ""
    try:
        value: JsonValue = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {}, raw
    return (value, "") if isinstance(value, dict) else ({}, raw)


def called(tool: str, raw: str) -> Call:
    """Make a call of what a model wrote."""
    args, malformed = arguments(raw)
    return Call(tool, args, malformed=malformed)


def number(count: Count) -> int:
    """Read a number of tokens: never less than none, for that would be money given back."""
    return min(max(int(count), 0), _MOST) if count else 0


def bounded(usage: Usage) -> Usage:
    """Hold the parts of a usage to the whole that they are parts of."""
    cached = min(usage.cached, usage.input)
    return Usage(
        usage.input,
        usage.output,
        cached,
        min(usage.cache_written, usage.input - cached),
        min(usage.reasoning, usage.output),
        min(usage.audio_input, usage.input),
        min(usage.audio_output, usage.output),
    )


def heard(messages: Sequence[Message]) -> tuple[list[ToolMessage], list[UserMessage]]:
    """Split what came between two answers: the outcomes of calls, and after them what was said."""
    outcomes = [message for message in messages if isinstance(message, ToolMessage)]
    return outcomes, [message for message in messages if isinstance(message, UserMessage)]


def merged(ours: JsonObject, options: JsonObject) -> JsonObject:
    """Override fields with options: `None` takes a field away, and objects are merged one level deep."""
    result = dict(ours)
    for name, option in options.items():
        mine = result.get(name)
        if option is None:
            result.pop(name, None)
        elif isinstance(mine, dict) and isinstance(option, dict):
            result[name] = {**mine, **option}
        else:
            result[name] = option
    return result


def shape_told(shape: Shape) -> str:
    """Tell in words what an answer must look like, for a model that cannot be held to it."""
    return f"Answer with nothing but JSON that is valid under this JSON Schema: {encode(shape.schema).decode()}"


def chosen(options: JsonObject, model: str, ours: Sequence[str]) -> JsonObject:
    """Copy the options of a model; raise `ConfigError` for a field that the wire itself writes."""
    for name in ours:
        if name in options:
            raise ConfigError(f"{name!r} cannot be an option of {model!r}: the wire writes it")
    return dict(options)
