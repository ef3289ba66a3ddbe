"""A rig for sessions: a world of doubles, and the law that a live state is the fold of its journal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from remit.core.agent import Agent
from remit.core.events import EffectEnded, Event, Record, Tree, kind
from remit.core.limits import Limits, Tenant
from remit.core.messages import Outcome
from remit.core.moves import StrategyMaker
from remit.core.ports import (
    Emit,
    Entry,
    Guard,
    Model,
    ModelSpec,
    Probe,
    Reply,
    Request,
    SessionQuery,
    SessionRow,
    Store,
    Tool,
    ToolContext,
    Turns,
    Workers,
)
from remit.core.programs import Sandbox
from remit.core.state import State
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.journal import MemoryJournal
from remit.policy import Breakers, Secrets
from remit.runtime import LocalWorkers, RunResult, Session, Traffic, World
from remit.runtime.world import unchecked
from remit.strategies import react
from remit.testing import ScriptedModel

SLOTS = State.__slots__


def laid_open(state: State) -> dict[str, object]:
    """Give all that a state holds."""
    return {slot: getattr(state, slot) for slot in SLOTS}


def scripted(*replies: Reply | BaseException, keep: bool = False) -> ScriptedModel:
    """Make a model that says these."""
    return ScriptedModel(replies, keep=keep)


def agent(
    model: Model,
    *tools: Tool,
    limits: Limits | None = None,
    guards: Sequence[Guard] = (),
    strategy: StrategyMaker = react,
) -> Agent:
    """Declare an agent that works as ReAct does, unless told otherwise."""
    limits = limits or Limits()
    return Agent("a", model, tools=tools, strategy=strategy, limits=limits, guards=guards, detectors=())


@dataclass
class Rig:
    """One machine: a store and all that its sessions may touch."""

    store: Store = field(default_factory=MemoryJournal)
    tenant: Tenant = field(default_factory=Tenant)
    workers: Workers = field(default_factory=LocalWorkers)
    gate: Breakers = field(default_factory=Breakers)
    secrets: Secrets = field(default_factory=Secrets)
    turns: Turns = field(default_factory=Traffic)
    unlike: Callable[[ToolSpec, JsonValue], str] = unchecked
    sandbox: Sandbox | None = None
    slept: list[float] = field(default_factory=list[float])
    living: dict[str, Session] = field(default_factory=dict[str, Session])

    def world(self, agent: Agent) -> World:
        """Wire an agent's world."""
        models = {"default": agent.model, **agent.roles}
        return World(
            store=self.store,
            models={role: model for role, model in models.items() if not isinstance(model, str)},
            tools={tool.spec.name: tool for tool in agent.tools},
            guards=tuple(agent.guards),
            detectors=tuple(agent.detectors or ()),
            gate=self.gate,
            secrets=self.secrets,
            workers=self.workers,
            tenant=self.tenant,
            key=bytes(32),
            turns=self.turns,
            unlike=self.unlike,
            sandbox=self.sandbox,
            sleep=self.sleep,
            jitter=lambda: 1.0,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def open(self, agent: Agent, text: str = "", name: str = "s", tree: Tree | None = None) -> Session:
        """Begin a session, with a message if there is one."""
        session = self.living[name] = await Session.open(name, agent, self.world(agent), tree)
        if text:
            await session.hear(text)
        return session

    async def load(self, agent: Agent, name: str = "s") -> Session:
        """Take a session up from its journal, as another process would."""
        session = self.living[name] = await Session.load(name, agent, self.world(agent), await self.store.read(name))
        return session

    async def run(self, agent: Agent, text: str = "go", name: str = "s") -> RunResult:
        """Begin a session and drive it."""
        return await (await self.open(agent, text, name)).run()

    async def resume(self, agent: Agent, name: str = "s") -> RunResult:
        """Take a session up and drive it."""
        return await (await self.load(agent, name)).run()

    def forget(self, name: str = "s") -> None:
        """Give a session up that died: nobody asks a dead process for its state."""
        del self.living[name]

    async def events(self, name: str = "s") -> list[Event]:
        """Give all that a journal holds."""
        return [record.event for record in await self.store.read(name)]

    async def kinds(self, name: str = "s") -> list[str]:
        """Give the kinds of what a journal holds."""
        return [kind(event) for event in await self.events(name)]

    async def outcomes(self, name: str = "s") -> list[Outcome]:
        """Give the outcomes a journal holds, in order."""
        return [event.outcome for event in await self.events(name) if isinstance(event, EffectEnded)]

    async def state(self, name: str = "s") -> State:
        """Fold a journal."""
        return State.fold(await self.events(name))

    async def check(self) -> None:
        """Compare every living session with the fold of its journal."""
        for name, session in self.living.items():
            assert laid_open(session.state) == laid_open(await self.state(name)), f"{name} lives another life"


Act = Callable[[ToolContext], Awaitable[Any]]
"""What an acting tool does; `Any` because some tools give what no journal can hold."""


@dataclass
class Acting:
    """A tool that does whatever a test wants it to, with any arguments, and notes the arguments."""

    act: Act
    name: str = "act"
    effect: Literal["read", "idempotent", "once"] = "read"
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    seen: list[JsonObject] = field(default_factory=list[JsonObject])
    find: Callable[[], Probe | None] = lambda: None

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        schema: JsonObject = {"type": "object"}
        return ToolSpec(name=self.name, description="acts", schema=schema, effect=self.effect, **self.options)

    def check(self, args: JsonObject) -> str:
        """Accept anything."""
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Do it."""
        self.seen.append(args)
        return await self.act(context)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Look for it."""
        return self.find()


def gives(value: object) -> Act:
    """Make an act that gives a value, or raises it if it is an error."""

    async def act(context: ToolContext) -> object:
        if isinstance(value, BaseException):
            raise value
        return value

    return act


class Interrupted:
    """A model that gives replies in order, and during whose first thinking something happens."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]], *replies: Reply) -> None:
        """Take what happens and what it says then."""
        self._meanwhile, self._inner = meanwhile, ScriptedModel(replies)

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self._inner.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Let it happen, then answer."""
        if self._inner.asked == 0:
            await self._meanwhile()
        return await self._inner.complete(request, emit)


@dataclass
class SlowStore:
    """A store that takes its time to append, so that much can happen meanwhile."""

    store: Store
    breaths: int = 5

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        for _ in range(self.breaths):
            await asyncio.sleep(0)
        return await self.store.append(session, events, after=after, entries=entries)

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        return await self.store.read(session, after=after)

    def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`."""
        return self.store.follow(session, after=after)

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        return await self.store.put(body)

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        return await self.store.get(blob)

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        return await self.store.sessions(query)

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        return await self.store.used(account)

    async def close(self) -> None:
        """See `Store.close`."""
        await self.store.close()


@dataclass
class Thinking:
    """A model that takes its time to answer."""

    inner: ScriptedModel
    breaths: int = 3

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self.inner.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Think, then answer."""
        for _ in range(self.breaths):
            await asyncio.sleep(0)
        return await self.inner.complete(request, emit)
