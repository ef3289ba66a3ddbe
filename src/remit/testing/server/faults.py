"""Faults: what may go wrong at a provider, as values that a script holds."""

from dataclasses import dataclass
from typing import Literal

# -- refusals: the provider answers with an error ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too many requests or tokens a minute: 429."""

    retry_after: float | None = 1.0
    """Seconds until the client may come back; `None` says nothing of it."""
    form: Literal["seconds", "date", "reset"] = "seconds"
    """How it is said: `retry-after` in seconds (and milliseconds), as an HTTP date, or only in the reset headers."""


@dataclass(frozen=True, slots=True)
class OutOfQuota:
    """The account has no money left: 429 at OpenAI, 402 at Anthropic."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """The provider broke: 500, or another status such as 408, 409 or 504."""

    status: int = 500


@dataclass(frozen=True, slots=True)
class Overloaded:
    """The provider has too much to do: 503 at OpenAI, 529 at Anthropic."""

    retry_after: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The key is wrong (401), or may not use this model (403)."""

    status: Literal[401, 403] = 401


@dataclass(frozen=True, slots=True)
class UnknownModel:
    """No model has this name: 404."""


@dataclass(frozen=True, slots=True)
class ContextTooLong:
    """The conversation is longer than the model can read: 400."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request has more bytes than the provider takes: 413."""


@dataclass(frozen=True, slots=True)
class ContentFiltered:
    """The provider refuses to deal with what was said: 400."""


@dataclass(frozen=True, slots=True)
class BadRequest:
    """The request is not legal: 400."""

    message: str = "The request is not legal."
    param: str = ""
    """The field that is wrong."""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Html:
    """A gateway in front of the provider answers with a page for people."""

    status: int = 502


Refusal = (
    RateLimited
    | OutOfQuota
    | ServerError
    | Overloaded
    | Unauthorized
    | UnknownModel
    | ContextTooLong
    | TooLarge
    | ContentFiltered
    | BadRequest
    | Html
)
"""The answer is an error in the provider's own shape."""

# -- spoilings: the answer itself is wrong -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MalformedJson:
    """One event breaks off in the middle of its JSON, or the body does when nothing is streamed."""

    events: int = 1
    """How many events come whole before it."""


@dataclass(frozen=True, slots=True)
class Midway:
    """The stream ends with an error in it; an answer that is not streamed is the error alone."""

    refusal: Refusal
    events: int = 2
    """How many events come before it."""


@dataclass(frozen=True, slots=True)
class UnknownTool:
    """All calls are of a tool nobody offers."""

    name: str = "no_such_tool"


@dataclass(frozen=True, slots=True)
class WrongArguments:
    """All calls have wrong arguments; a reply without calls gets one of the first tool on offer."""

    raw: str = ""
    """Text to send as the arguments, JSON or not; empty to give each argument a value of another type."""


@dataclass(frozen=True, slots=True)
class DuplicatedCallIds:
    """All calls of the answer have the same id; a single call comes twice."""


@dataclass(frozen=True, slots=True)
class EmptyAnswer:
    """The answer is complete and says nothing."""


@dataclass(frozen=True, slots=True)
class EnormousAnswer:
    """The answer's text has this many bytes."""

    size: int = 32 * 1024 * 1024
    grain: int = 64 * 1024
    """Bytes of text in one event."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The model itself declines, and the reply's text is how it says so."""


Spoiling = (
    MalformedJson | Midway | UnknownTool | WrongArguments | DuplicatedCallIds | EmptyAnswer | EnormousAnswer | Refused
)
"""The answer comes, but what it says is wrong."""

# -- deliveries: the answer does not arrive as it should ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing more comes until the client goes away or the server closes."""

    events: int = 0
    """How many events come before it."""
    head: bool = False
    """Whether status and headers come although no event does."""


@dataclass(frozen=True, slots=True)
class CutStream:
    """The connection is closed in the middle of the answer."""

    events: int = 2
    """After how many events; of an answer that is not streamed, half comes."""
    size: int = 0
    """After how many bytes of the body instead, when not 0."""
    tidy: bool = False
    """Whether HTTP ends as it should, so that only the provider's own end is missing, as behind some gateways."""


@dataclass(frozen=True, slots=True)
class SlowDrip:
    """The answer comes in drips."""

    seconds: float = 0.01
    """Between two drips."""
    size: int = 0
    """Bytes of one drip; 0 for one event a drip."""


@dataclass(frozen=True, slots=True)
class CloseAtOnce:
    """The connection is closed without a byte."""


@dataclass(frozen=True, slots=True)
class HalfHeader:
    """The connection is closed in the middle of a header."""


Delivery = Hang | CutStream | SlowDrip | CloseAtOnce | HalfHeader
"""The answer is right, but does not arrive as it should."""

Fault = Refusal | Spoiling | Delivery
