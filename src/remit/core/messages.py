"""Messages: what people, models and tools say to each other."""

from typing import Literal

import msgspec

from remit.core.values import Frozen, JsonObject, JsonValue

Stop = Literal["", "length", "filter"]
"""Why a model stopped before it was done; empty when it was done."""


class Call(Frozen, frozen=True):
    """A wish to use a tool. The runtime gives it an id that is unique in its session."""

    tool: str
    args: JsonObject
    id: str = ""
    malformed: str = ""
    """The raw arguments, when they could not be read as a JSON object."""
    problem: str = ""
    """Why it cannot be made, found by the runtime when the model wished it."""


OutcomeStatus = Literal["ok", "failed", "denied", "simulated"]


class Outcome(Frozen, frozen=True):
    """How a call ended. `output` is the whole result, or its readable head when `blob` names the whole."""

    call: str
    status: OutcomeStatus = "ok"
    output: JsonValue = None
    blob: str = ""
    size: int = 0
    """Bytes of the whole result as JSON, when it went to a blob."""


class Usage(Frozen, frozen=True):
    """Tokens of one model call. `input` counts cached and audio ones too, `output` counts reasoning and audio too."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0


class Part(Frozen, frozen=True):
    """An image, a document or a sound beside the words: its bytes are in a blob, or at a URL the provider can reach."""

    media: str
    """Its media type, such as `image/png`."""
    blob: str = ""
    url: str = ""
    name: str = ""
    size: int = 0
    """Bytes."""
    tokens: int = 0
    """The most tokens it can take, which the hold of a call counts."""


class UserMessage(Frozen, frozen=True):
    """Something a person, or the runtime in their place, said."""

    text: str
    parts: tuple[Part, ...] = ()


class AssistantMessage(Frozen, frozen=True):
    """Something a model said. `reasoning` is the provider's own, sent back to it as it came."""

    text: str
    calls: tuple[Call, ...] = ()
    reasoning: JsonValue = None


class ToolMessage(Frozen, frozen=True):
    """What came of one call the model asked for."""

    outcome: Outcome
    tool: str


Message = UserMessage | AssistantMessage | ToolMessage


class Resume(msgspec.Struct, frozen=True):
    """How a call goes on that asked a person for input."""

    given: JsonObject | None
    """What was answered; `None` when the person declined."""
    memo: JsonValue = None
    """What the tool wanted to find again, as given to `InputRequiredError`."""
