"""Parts: what A2A messages hold, as what agents are told and as what people decide; and JSON as protobuf has it."""

from collections.abc import Iterable, Mapping
from typing import Annotated, cast

import msgspec
from a2a.types import Message
from a2a.types import Part as WirePart
from a2a.utils.errors import InvalidParamsError
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.struct_pb2 import Value

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.runtime import Attachment, Said, attach
from remit.server.service.views import Waiting

_JSON = "application/json"
_EXACT = 2**53
"""Numbers of protobuf's JSON are floats, which hold no larger whole number exactly."""


class Approve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a call may run, with exactly the arguments it has."""

    call: str
    approve: bool
    reason: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    exact: str = ""
    """The arguments as they were shown; a decision about any other is refused."""
    args: JsonObject | None = None
    """Arguments to run it with instead: then it is another call, and checked again before it runs."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a call asked for; `null` declines."""

    call: str
    answer: JsonObject | None


class Settle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a call in doubt happened, and what it gave."""

    call: str
    happened: bool
    output: JsonValue = None


Decision = Approve | Answer | Settle

_KINDS: Mapping[str, type[Approve] | type[Answer] | type[Settle]] = {
    "approve": Approve,
    "answer": Answer,
    "happened": Settle,
}
FORMS = (
    'a message with one data part and nothing else: {"call": ID, "approve": true or false}, with "reason" and "exact" '
    'as text and with other "args" if you like, or {"call": ID, "answer": OBJECT or null}, or {"call": ID, "happened": '
    'true or false}, with "output" if there was any'
)
"""How a person answers; nothing else counts."""


def said(message: Message) -> Said:
    """Give what an agent is told; raise `InvalidParamsError` for what nobody can be told."""
    found = [_said(part) for part in message.parts]
    if not any(isinstance(one, Attachment) or one.strip() for one in found):
        raise InvalidParamsError("the message says nothing")
    return found


def decision(message: Message) -> Decision | None:
    """Give what a person decides, `None` when the message is no decision at all.

    Raise `InvalidParamsError` for one that is not exactly as it should be.
    """
    data = [json_of(part.data) for part in message.parts if part.WhichOneof("content") == "data"]
    objects = [one for one in data if isinstance(one, dict)]
    kinds = [name for one in objects for name in _KINDS if name in one]
    if not kinds:
        return None
    if len(message.parts) > 1 or len(kinds) > 1:
        raise InvalidParamsError(f"a decision is {FORMS}")
    try:
        return msgspec.convert(objects[0], _KINDS[kinds[0]])
    except msgspec.ValidationError as error:
        raise InvalidParamsError(f"a decision is {FORMS}: {error}") from None


def asked(wait: Waiting) -> WirePart:
    """Show a call that waits for a person, exactly."""
    shown: JsonObject = {
        "kind": wait.kind,
        "call": wait.call,
        "tool": wait.tool,
        "args": wait.args,
        # To the last digit, which numbers of `args` need not be.
        "exact": exactly(wait),
        "question": wait.question,
    }
    if wait.expires is not None:
        shown["expires"] = wait.expires
    if wait.form is not None:
        shown["form"] = wait.form
    if wait.persons > 1:
        shown["persons"] = wait.persons
        shown["granted_by"] = list(wait.granted_by)
    return data_part(shown)


def exactly(wait: Waiting) -> str:
    """Write the arguments of a call that waits as JSON."""
    return msgspec.json.encode(wait.args).decode()


def data_part(value: JsonValue) -> WirePart:
    """Make a data part; numbers that protobuf could not hold exactly become text, as does what is too deep for it."""
    # Its stub knows only of objects.
    read = cast("JsonObject", _exact(value))
    try:
        return WirePart(data=ParseDict(read, Value()), media_type=_JSON)
    except ParseError:
        return WirePart(text=msgspec.json.encode(value).decode(), media_type=_JSON)


def json_of(value: Value) -> JsonValue:
    """Read JSON back: a whole number is whole again."""
    return _whole(cast("JsonValue", MessageToDict(value)))


def _said(part: WirePart) -> str | Attachment:
    match part.WhichOneof("content"):
        case "text":
            return part.text
        case "data":
            return msgspec.json.encode(json_of(part.data)).decode()
        case "raw":
            return _attached(part, part.raw)
        case "url":
            if not part.url.startswith("https://"):
                raise InvalidParamsError(f"{part.url!r} cannot be attached: give an https:// URL, or the bytes")
            return _attached(part, part.url)
        case _:
            raise InvalidParamsError("a part of the message is empty")


def _attached(part: WirePart, what: str | bytes) -> Attachment:
    try:
        return attach(what, media=part.media_type, name=part.filename)
    except ConfigError as error:
        raise InvalidParamsError(str(error)) from None


def _exact(value: JsonValue) -> JsonValue:
    match value:
        case bool():
            return value
        case int():
            return value if abs(value) <= _EXACT else str(value)
        case dict():
            return {name: _exact(one) for name, one in value.items()}
        case list():
            return [_exact(one) for one in cast("Iterable[JsonValue]", value)]
        case _:
            return value


def _whole(value: JsonValue) -> JsonValue:
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) <= _EXACT else value
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case list():
            return [_whole(one) for one in cast("Iterable[JsonValue]", value)]
        case _:
            return value
