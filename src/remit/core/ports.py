"""Ports: the narrow places where the world meets the runtime. Each has one conformance suite in `remit.testing`."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from remit.core.events import Event, Level, Record, VerdictKind
from remit.core.messages import Call, Message, Resume, Stop, Usage
from remit.core.shape import Shape
from remit.core.state import State
from remit.core.token import told
from remit.core.toolspec import ToolSpec
from remit.core.values import Frozen, JsonObject, JsonValue, Nanos

# -- models ------------------------------------------------------------------------------------------------------------


class Price(Protocol):
    """What a model's tokens cost."""

    def cost(self, usage: Usage) -> Nanos:
        """Say what this usage costs."""
        ...

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost, whatever is cached or written to a cache."""
        ...


class ModelSpec(msgspec.Struct, frozen=True):
    """What the runtime must know of a model before it calls it."""

    name: str
    price: Price | None = None
    """`None` when nobody knows it, which is a refusal unless the limits say otherwise."""
    calls: int = 1
    """How many billed provider calls one `complete` may make at worst: what a hold is multiplied by."""
    variant: str = ""
    """What else decides its answers, such as a temperature: a cache tells two variants of a model apart."""


class Request(msgspec.Struct, frozen=True):
    """All that a model is given for one answer. `messages` is a view that must not be kept after the answer."""

    messages: Sequence[Message]
    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    shape: Shape | None = None
    max_output: int = 4096
    role: str = "default"
    session: str = ""
    tenant: str = ""
    sample: int = 0
    """Which of several independent answers to the same question is wanted."""
    memo: dict[object, object] | None = None
    """Where an encoder may keep what it made of `messages`, which only grow; it lives as long as the conversation."""
    blobs: "Blobs | None" = None
    """Where the bytes of parts are; `None` when there are no parts."""


class Reply(Frozen, frozen=True):
    """A model's whole answer."""

    text: str
    calls: tuple[Call, ...] = ()
    usage: Usage = Usage()
    stop: Stop = ""
    reasoning: JsonValue = None
    model: str = ""
    """Who answered, when that was not the model asked."""
    cost: Nanos | None = None
    """What it cost, when the model knows better than its price."""
    hit: bool = False
    """Whether it came from a cache."""


class Delta(Frozen, frozen=True):
    """A piece of text while it is being written; never journalled."""

    text: str
    fresh: bool = False
    """What was shown of this answer so far is void: it is being asked again."""


Emit = Callable[[Delta], None]


class Model(Protocol):
    """A language model, or a wrapper around one."""

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        ...

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise `ModelError` when there is no answer."""
        ...


# -- tools -------------------------------------------------------------------------------------------------------------


class ToolContext(msgspec.Struct, frozen=True):
    """What a tool may know of the call it serves."""

    key: str = ""
    """The idempotency key: the same for every attempt at this call, before and after a crash."""
    session: str = ""
    tenant: str = "default"
    call: str = ""
    remit: str = ""
    """The signed remit of this session."""
    task: str = ""
    """What the run was asked to do."""
    resume: Resume | None = None
    """What the call said when it stopped to ask a person, and what they answered; `None` at its first attempt."""
    caller: Callable[[str], str] | None = None
    """Writes the W3C `traceparent` of a call: only when it is wanted, so that no other call pays for it."""

    @property
    def trace(self) -> str:
        """The W3C `traceparent` of this call, for those it asks in turn; empty when it is in no trace."""
        return self.caller(self.call) if self.caller else ""

    @property
    def token(self) -> str:
        """The signed remit of this session, for what calls back into Remit; it names the call too."""
        return told(self.remit, self.trace)

    def environ(self) -> dict[str, str]:
        """Give the environment that keeps a child process inside this remit, and its spans below this call."""
        trace = self.trace
        return {"REMIT_TOKEN": told(self.remit, trace)} | ({"TRACEPARENT": trace} if trace else {})


class Probe(Frozen, frozen=True):
    """What a reconciling probe found."""

    happened: bool
    output: JsonValue = None


class Tool(Protocol):
    """A typed action. Its effect class tells what may be done after a crash."""

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        ...

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments, so that a model can mend them; empty when nothing is."""
        ...

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Act; raise `RejectedError` when surely nothing happened, anything else when nobody can know.

        Raise `InputRequiredError` to have a person asked first; the call is then made again with their answer.
        """
        ...

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Ask the world whether this call happened; `None` when it cannot be told."""
        ...


class Toolset(Protocol):
    """A named group of tools with a connection or a client in common."""

    @property
    def name(self) -> str:
        """What it is called in messages to people."""
        ...

    async def open(self) -> Sequence[Tool]:
        """Connect and give the tools; raise `ConfigError` or `ToolError`, saying what to do, when that cannot be."""
        ...

    async def close(self) -> None:
        """Let go; it may be opened again."""
        ...


# -- policy ------------------------------------------------------------------------------------------------------------


class Verdict(Frozen, frozen=True):
    """What a guard says of a call."""

    kind: VerdictKind = "allow"
    reason: str = ""
    guard: str = ""
    output: JsonValue = None
    """For `simulate`: what the model is shown."""
    args: JsonObject | None = None
    """For `redact`: the arguments to use instead."""
    expires: float = 0.0
    """For `ask`: seconds until the question lapses; 0 for the default of a day."""
    persons: int = 1
    """For `ask`: how many different people must allow it."""
    escalate: float = 0.0
    """For `ask`: seconds until more people are told; 0 for never."""


ALLOW = Verdict()


class Guard(Protocol):
    """One rule about calls."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Judge a call before it runs; pure and quick."""
        ...


class Alarm(Frozen, frozen=True):
    """What a detector saw."""

    kind: str
    level: Level
    reason: str


class Detector(Protocol):
    """A watcher of one session's events with a memory of its own, made anew from the journal after a crash."""

    @property
    def sees(self) -> Collection[type[Event]]:
        """The kinds of events it wants to be shown."""
        ...

    async def see(self, event: Event, state: State) -> Alarm | None:
        """Take in an event, which `state` already holds, and say whether something is wrong."""
        ...


class Pass(Protocol):
    """The right to make one call of a name; whoever has it says how the call ended, or gives it back."""

    @property
    def good(self) -> bool:
        """Whether calls of the name are still let through as when this one was."""
        ...

    def report(self, *, ok: bool) -> None:
        """Say how the call ended."""
        ...

    def release(self) -> None:
        """Give it back: the call was not made after all."""
        ...


class Gate(Protocol):
    """A circuit breaker's face: one circuit per tool, host or provider, shared by all sessions of a process."""

    def enter(self, name: str) -> Pass | str:
        """Let a call of this name through, or say why it must not be made now. A half-open gate lets one through."""
        ...


class Turn(Protocol):
    """The right to make one attempt now."""

    @property
    def waited(self) -> float:
        """Seconds it was waited for."""
        ...

    def release(self) -> None:
        """Say that the attempt is over."""
        ...


class Turns(Protocol):
    """Who may make an attempt when: the rates and bulkheads of tools and hosts, shared by all sessions."""

    async def take(self, spec: ToolSpec) -> Turn | str:
        """Wait for a turn, or say why there will be none in time."""
        ...


# -- stores ------------------------------------------------------------------------------------------------------------


class Entry(Frozen, frozen=True):
    """A change to a shared account, made in the same transaction as the append that explains it."""

    account: str
    amount: int
    """Taken when positive, given back when negative."""
    cap: int | None = None
    """Refuse the whole append when the account would stand above this; `None` always fits."""


class Journal(Protocol):
    """Where events live. The sequence number is the fencing token."""

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """Append all or nothing and return the new tail, once it is durable.

        Raise `ConflictError` unless `after` is the tail, `OverLimitError` when an entry does not fit.
        """
        ...

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """Read all records after a place; empty for a session nobody opened."""
        ...

    def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """Read, then wait for more, for ever: also for what other processes append."""
        ...


class Blobs(Protocol):
    """Where large payloads live, by the hash of their content."""

    async def put(self, body: bytes) -> str:
        """Keep a body and return its digest (SHA-256, hex)."""
        ...

    async def get(self, blob: str) -> bytes:
        """Give a body back; raise `JournalError` when it is not here or not what it was."""
        ...


SessionStatus = Literal["idle", "running", "waiting", "closed"]


class SessionRow(Frozen, frozen=True):
    """A line of the list of sessions."""

    id: str
    agent: str
    tenant: str
    status: SessionStatus
    opened: int
    """Milliseconds since the epoch."""
    changed: int
    parent: str = ""
    why: str = ""
    """How the last run ended or what it waits for; `message` while one that came waits for its run, or both."""


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Which sessions to list, newest first; an empty field asks for all."""

    status: SessionStatus | Literal[""] = ""
    agent: str = ""
    tenant: str = ""
    limit: int = 100
    why: str = ""
    """What `SessionRow.why` must be."""
    after: str = ""
    """The id of the last session of the list so far: those that come after it are wanted."""


class Catalogue(Protocol):
    """What can be asked across sessions."""

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """List sessions without reading their journals."""
        ...

    async def used(self, account: str) -> int:
        """Say where a shared account stands."""
        ...


class Store(Journal, Blobs, Catalogue, Protocol):
    """A journal with its blobs and its catalogue, as every adapter provides them."""

    async def close(self) -> None:
        """Finish what is under way and let go of files and threads."""
        ...


class Workers(Protocol):
    """Who drives sessions on this machine."""

    @property
    def me(self) -> str:
        """The name of the worker that asks."""
        ...

    def alive(self, worker: str) -> bool:
        """Say whether a worker may still act; true when in doubt."""
        ...


Clock = Callable[[], float]
"""Seconds; monotonic for waiting, wall for people."""
