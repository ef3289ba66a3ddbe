"""The fault table: what may go wrong at a provider, and how a run ends then, on any wire and by any way of working."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from remit.core.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextTooLongError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    QuotaError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.values import JsonValue
from remit.models.http.port import Timeouts
from remit.testing.server import (
    BadRequest,
    CloseAtOnce,
    ContentFiltered,
    ContextTooLong,
    CutStream,
    DuplicatedCallIds,
    EmptyAnswer,
    EnormousAnswer,
    Fault,
    HalfHeader,
    Hang,
    Html,
    MalformedJson,
    Midway,
    OutOfQuota,
    Overloaded,
    RateLimited,
    ServerError,
    SlowDrip,
    TooLarge,
    Unauthorized,
    UnknownModel,
    UnknownTool,
    WrongArguments,
)

KEY = "sk-ward-0a1b2c3d4e5f"

PATIENT = Timeouts(connect=10, first=10, idle=10, total=30)
HASTY = Timeouts(connect=10, first=0.3, idle=0.3, total=10)
BRIEF = Timeouts(connect=10, first=10, idle=10, total=0.4)

Bill = Literal["nothing", "the hold"]


@dataclass(frozen=True)
class Done:
    """The run comes to its usual output, and pays for the answers it used and for nothing else."""

    again: bool = False
    """Whether an ask is made again, with a wait before it."""
    wait: float = 0.0
    """Seconds that the wait takes at least."""
    instead: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """Outputs of the ways that take the faulty answer for an answer."""


@dataclass(frozen=True)
class Failed:
    """The run fails with this error and these words, a regular expression; and that is what it costs."""

    error: type[ModelError]
    words: str
    costs: Bill = "nothing"


@dataclass(frozen=True)
class Row:
    """A fault and what comes of it."""

    fault: Fault
    ends: Done | Failed
    always: Failed | None = None
    """What comes of it when every ask meets it; `None` for the same, or for where a way of working decides that."""
    timeouts: Timeouts = PATIENT
    talks: bool = False
    """Whether the faulty answer is a sentence of its own, so that words have come before it breaks off."""


AGAIN = Done(again=True)
TOLD = Done()
EMPTY: Mapping[str, JsonValue] = dict.fromkeys(("react", "pipeline", "router", "plan_and_execute"), "")
CUT = Failed(CutStreamError, r"ended the connection before the answer's end", costs="the hold")
"""Nobody knows whether it was computed, so it is not asked again unless the author says so."""

TABLE: Mapping[str, Row] = {
    # What surely was not billed is asked again.
    "rate limited": Row(RateLimited(7), Done(again=True, wait=7), Failed(RateLimitError, "HTTP 429: .*limit")),
    "server error": Row(ServerError(), AGAIN, Failed(OverloadedError, "HTTP 500: ")),
    "overloaded": Row(Overloaded(), AGAIN, Failed(OverloadedError, r"HTTP (503|529): .*[Oo]verloaded")),
    "overloaded for long": Row(Overloaded(9), Done(again=True, wait=9), Failed(OverloadedError, "HTTP 5")),
    "a page of a gateway": Row(Html(), AGAIN, Failed(OverloadedError, "HTTP 502: 502 Bad Gateway")),
    "an error as the first event": Row(Midway(Overloaded(), 0), AGAIN, Failed(OverloadedError, "[Oo]verloaded")),
    # What may have been billed is not, and costs what was held for it.
    "an error after an event": Row(Midway(Overloaded(), 1), Failed(OverloadedError, "[Oo]verloaded", "the hold")),
    "an error after words": Row(
        Midway(Overloaded(), 8), Failed(OverloadedError, "[Oo]verloaded", "the hold"), talks=True
    ),
    "a rate limit after words": Row(
        Midway(RateLimited(), 8), Failed(RateLimitError, "[Rr]ate limit", "the hold"), talks=True
    ),
    "a hang": Row(
        Hang(), Failed(ModelTimeoutError, r"did not begin to answer within 0\.3 s", "the hold"), timeouts=HASTY
    ),
    "a hang after the headers": Row(
        Hang(head=True), Failed(ModelTimeoutError, r"did not begin to answer within 0\.3 s", "the hold"), timeouts=HASTY
    ),
    "a hang in the middle": Row(
        Hang(2), Failed(ModelTimeoutError, r"sent nothing more for 0\.3 s", "the hold"), timeouts=HASTY
    ),
    "a drip without an end": Row(
        SlowDrip(0.05, 1), Failed(ModelTimeoutError, r"took longer than 0\.4 s", "the hold"), timeouts=BRIEF
    ),
    "a cut before the first event": Row(CutStream(0), CUT),
    "a cut in the middle": Row(CutStream(6), CUT, talks=True),
    "a tidy cut": Row(
        CutStream(6, tidy=True),
        Failed(CutStreamError, r"broke off before its end|ended before the answer did", "the hold"),
        talks=True,
    ),
    "a closed connection": Row(CloseAtOnce(), CUT),
    "half a header": Row(HalfHeader(), CUT),
    "malformed JSON": Row(MalformedJson(), Failed(UnreadableAnswerError, r"cannot be read", "the hold")),
    "an enormous answer": Row(
        EnormousAnswer(512 * 1024), Failed(UnreadableAnswerError, r"the answer is longer than 262144 bytes", "the hold")
    ),
    # What the provider will never take ends the run and costs nothing.
    "a wrong key": Row(Unauthorized(), Failed(AuthenticationError, "HTTP 401: ")),
    "a key without the right": Row(Unauthorized(403), Failed(AuthenticationError, "HTTP 403: ")),
    "out of quota": Row(OutOfQuota(), Failed(QuotaError, "HTTP (429|402): .*(quota|credit)")),
    "an unknown model": Row(UnknownModel(), Failed(ModelRequestError, "HTTP 404: .*gpt-4.1")),
    "context too long": Row(ContextTooLong(), Failed(ContextTooLongError, "HTTP 400: .*begin a new session")),
    "request too large": Row(TooLarge(), Failed(ContextTooLongError, "HTTP 413: .*begin a new session")),
    "content filtered": Row(ContentFiltered(), Failed(ContentFilterError, "HTTP 400: ")),
    "a bad request": Row(BadRequest("no such thing"), Failed(ModelRequestError, "HTTP 400: no such thing")),
    "a key that is told": Row(BadRequest(f"{KEY} is bad"), Failed(ModelRequestError, r"HTTP 400: \[key\] is bad")),
    # What a model can mend is told to it.
    "an unknown tool": Row(UnknownTool(), TOLD),
    "arguments of the wrong type": Row(WrongArguments(), TOLD),
    "arguments that are no JSON": Row(WrongArguments("{{"), TOLD),
    "arguments that are a list": Row(WrongArguments("[1]"), TOLD),
    "duplicated call ids": Row(DuplicatedCallIds(), TOLD),
    "an empty answer": Row(EmptyAnswer(), Done(instead=EMPTY)),
    "a slow drip": Row(SlowDrip(0.01), TOLD),
}
