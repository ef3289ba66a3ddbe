"""Events: the closed list of what can happen in a session. Past tense, frozen, and they load for ever.

Each is stored as an array that begins with its number. Fields are appended with a default, kinds are appended with a
new number; nothing is renamed in place, reordered or reused. Golden files in `tests/golden/events` hold us to it.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Part, Stop, Usage
from remit.core.programs import Status, Tier
from remit.core.values import Frozen, JsonObject, JsonValue, Nanos

SCHEMA = 1
"""Raised only when an old reader could misread a new journal."""


class Tree(Frozen, frozen=True):
    """Where a session stands among its relatives, and the caps they share, as set by the root."""

    root: str
    parent: str = ""
    depth: int = 0
    max_depth: int = 3
    max_children: int = 20
    cap: Nanos | None = None
    labels: tuple[str, ...] = ()
    """What the parent had been given when it began this one, such as `confidential`."""
    by: tuple[str, ...] = ()
    """Whose messages the parent was about."""
    trace: str = ""
    """The W3C `traceparent` of the call that began this one; empty for a root."""


class SessionOpened(Frozen, frozen=True, tag=1):
    """An agent began a durable life for a tenant."""

    agent: str
    version: str
    strategy: str
    tools: dict[str, str]
    """Schema hash by tool name: what the agent was given when it was opened."""
    tenant: str
    tree: Tree
    limits: Limits
    models: dict[str, str]
    """Model name by role."""
    ref: str = ""
    """Where the agent's declaration is found again, such as `agent.py:helper`."""
    forked: str = ""
    """`session@seq` this one was forked from."""


class RunOpened(Frozen, frozen=True, tag=2):
    """The waiting messages became the task of a run."""

    run: int
    strategy: str
    worker: str
    at: int
    """Milliseconds since the epoch; the run's clock starts here."""


class MessageReceived(Frozen, frozen=True, tag=3):
    """Somebody said something to the agent."""

    text: str
    by: str = "user"
    key: str = ""
    """The sender's idempotency key: the same key again is the same message."""
    parts: tuple[Part, ...] = ()
    trace: str = ""
    """The W3C `traceparent` of whoever sent it; empty when they said none."""


class ModelAsked(Frozen, frozen=True, tag=4):
    """A model is about to be called, and this much is held for it."""

    step: str
    role: str = ""
    """Empty for `default`."""
    hold: Nanos = 0
    say: str = ""
    tools: tuple[str, ...] | None = None
    shape: str = ""
    alone: bool = False
    nudge: str = ""
    """What the runtime added to `say`, such as a warning about a loop."""
    model: str = ""
    """Which model, when it is not the one the session was opened with."""
    sample: int = 0


class ModelAnswered(Frozen, frozen=True, tag=5):
    """A model answered; its hold was settled to the real cost."""

    step: str
    text: str
    calls: tuple[Call, ...] = ()
    usage: Usage = Usage()
    cost: Nanos = 0
    problem: str = ""
    reasoning: JsonValue = None
    stop: Stop = ""
    model: str = ""
    """Which model answered, when it was not the first choice."""
    hit: bool = False
    """Whether the answer came from a cache."""


class ModelFailed(Frozen, frozen=True, tag=6):
    """A model call gave no answer. What it may have cost counts as spent."""

    step: str
    error: str
    cost: Nanos = 0
    final: bool = False
    """Nothing will try again."""


VerdictKind = Literal["allow", "ask", "deny", "simulate", "redact"]


class Judged(Frozen, frozen=True, tag=7):
    """A guard said something other than yes to a call."""

    call: str
    guard: str
    verdict: VerdictKind
    reason: str


class ApprovalAsked(Frozen, frozen=True, tag=8):
    """A person must decide on a call before it may run."""

    call: str
    digest: str
    """Hash of the tool and the exact arguments the decision is about."""
    reason: str
    expires: int
    """Milliseconds since the epoch."""
    made: Call | None = None
    """As in `EffectStarted`."""
    persons: int = 1
    """How many different people must allow it; one is enough to deny it."""
    escalates: int = 0
    """Milliseconds since the epoch at which more people are told of it; 0 for never."""


class ApprovalGiven(Frozen, frozen=True, tag=9):
    """A person decided."""

    call: str
    granted: bool
    by: str
    digest: str
    reason: str = ""
    at: int = 0
    args: JsonObject | None = None
    """The arguments that it is to have instead: then it is another call, and judged again."""


class EffectStarted(Frozen, frozen=True, tag=10):
    """A tool is about to be called. From here on it may have happened."""

    call: str
    hold: Nanos = 0
    made: Call | None = None
    """The call itself, when no model's answer holds it or a guard changed it."""


class EffectEnded(Frozen, frozen=True, tag=11):
    """A call has its outcome; its hold was settled."""

    outcome: Outcome
    cost: Nanos = 0
    attempts: int = 1
    made: Call | None = None
    """As in `EffectStarted`, for calls that ended without being started."""
    waited: int = 0
    """Milliseconds in which it did not act: it waited for its turn or to try again."""
    labels: tuple[str, ...] = ()
    """What the outcome is, such as `confidential`."""
    revealed: tuple[str, ...] = ()
    """Tools that are on offer from now on: it was a search."""


class EffectInDoubt(Frozen, frozen=True, tag=12):
    """Nobody can say whether a call happened; a person must look."""

    call: str
    question: str


class EffectReconciled(Frozen, frozen=True, tag=13):
    """A probe or a person found out whether a call happened."""

    call: str
    happened: bool
    by: str
    output: JsonValue = None


class Noted(Frozen, frozen=True, tag=14):
    """A strategy wrote something down."""

    step: str
    kind: str
    body: JsonValue


Level = Literal["notice", "warn", "answer", "stop", "pause"]


class Flagged(Frozen, frozen=True, tag=15):
    """Something a person may want to see: a honeypot, a loop, an alarm."""

    kind: str
    level: Level
    reason: str
    call: str = ""


class LimitRaised(Frozen, frozen=True, tag=16):
    """A person gave a session more room."""

    limit: str
    to: float
    by: str


RunStatus = Literal["done", "failed", "refused", "stopped", "cancelled", "diverged"]


class RunEnded(Frozen, frozen=True, tag=17):
    """A run is over."""

    run: int
    status: RunStatus
    output: JsonValue = None
    reason: str = ""


class SessionClosed(Frozen, frozen=True, tag=18):
    """A session will never run again."""

    by: str
    reason: str = ""


Suspension = Literal["approval", "in_doubt", "paused", "alarm", "input"]


class RunSuspended(Frozen, frozen=True, tag=19):
    """A run went to sleep until a person acts; nothing of it stays in memory."""

    why: Suspension
    at: int
    question: str = ""


class RunResumed(Frozen, frozen=True, tag=20):
    """A worker took up an unfinished run; whoever drove it before is fenced."""

    worker: str
    at: int


class CancelAsked(Frozen, frozen=True, tag=21):
    """A person wants the run to end."""

    by: str
    reason: str = ""


class InputAsked(Frozen, frozen=True, tag=22):
    """A call stopped before it did anything, because a person must answer a question first; its hold was let go."""

    call: str
    question: str
    schema: JsonObject
    """JSON Schema of the answer, an object."""
    memo: JsonValue = None
    """What the tool wants to find again."""


class InputGiven(Frozen, frozen=True, tag=23):
    """A person answered what a call asked, or declined."""

    call: str
    given: JsonObject | None
    """`None` when they declined."""
    by: str
    at: int = 0


class ProgramStarted(Frozen, frozen=True, tag=24):
    """A program that nobody trusts is about to run in a box."""

    step: str
    code: str
    digest: str
    """Hash of the code, its inputs and its functions: the same program again is run over the calls it made."""
    tier: Tier
    """How its box is held."""


class ProgramPaused(Frozen, frozen=True, tag=25):
    """A program was kept while a person must act; it goes on from there, on any machine."""

    step: str
    kept: str
    """The blob with the program as it waits."""
    calls: int
    """Calls of tools that it has made."""
    waiting: tuple[int, ...]
    """Those of them without an answer, counted from 0."""
    recalled: tuple[int, ...] = ()
    """Which of the calls of earlier programs it was given the answers of, by their place in `Execute.made`."""


class ProgramEnded(Frozen, frozen=True, tag=26):
    """A program came to its end, or was ended."""

    step: str
    status: Status
    value: JsonValue = None
    printed: str = ""
    error: str = ""
    line: int = 0
    why: str = ""
    calls: int = 0
    artefacts: tuple[Part, ...] = ()
    """The files it left."""


class ApprovalEscalated(Frozen, frozen=True, tag=27):
    """A call waited so long for a decision that more people are told of it."""

    call: str
    at: int
    """Milliseconds since the epoch."""


ModelEvent = ModelAsked | ModelAnswered | ModelFailed
InputEvent = InputAsked | InputGiven
ApprovalEvent = ApprovalAsked | ApprovalGiven | ApprovalEscalated
EffectEvent = EffectStarted | EffectEnded | EffectInDoubt | EffectReconciled | ApprovalEvent | Judged
LifeEvent = SessionOpened | MessageReceived | RunOpened | RunSuspended | RunResumed | RunEnded | SessionClosed
SideEvent = Noted | Flagged | LimitRaised | CancelAsked
ProgramEvent = ProgramStarted | ProgramPaused | ProgramEnded
Event = ModelEvent | EffectEvent | InputEvent | ProgramEvent | LifeEvent | SideEvent

FOREIGN = (MessageReceived, ApprovalGiven, ApprovalEscalated, EffectReconciled, InputGiven, LimitRaised, CancelAsked)
"""What others than the driving worker may append: a driver folds these in and goes on; anything else fences it."""

DEFERRABLE = (ModelAsked, EffectEnded, ModelFailed, Noted, Judged, Flagged, ProgramStarted, ProgramPaused, ProgramEnded)
"""What a power cut may take without an effect being repeated: not worth an fsync of its own."""


class Record(Frozen, frozen=True):
    """An event with its place and time in a journal."""

    seq: int
    at: int
    """Milliseconds since the epoch, when it was appended."""
    event: Event


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Event, ...])


def encode(events: Sequence[Event]) -> bytes:
    """Write a batch of events as MessagePack."""
    return _encoder.encode(events)


def decode(body: bytes) -> tuple[Event, ...]:
    """Read a batch back; raise `msgspec.MsgspecError` when it is not one."""
    return _decoder.decode(body)


def kind(event: Event) -> str:
    """Name the kind of an event, such as `ModelAsked`."""
    return type(event).__name__
