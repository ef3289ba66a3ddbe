"""Home: opens a store, resolves names, wires ports and runs agents. The one place where adapters meet."""

import asyncio
import contextlib
import importlib
import os
import re
import secrets as lots
import sys
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

from remit.core.agent import Agent
from remit.core.errors import ConfigError, OverLimitError, SessionBusyError, UnknownSessionError
from remit.core.events import Record, SessionOpened, Tree
from remit.core.limits import Tenant
from remit.core.ports import Delta, Detector, Model, Price, SessionQuery, SessionRow, Store
from remit.core.state import State
from remit.core.token import VARIABLE, Remit, verify
from remit.core.values import JsonObject
from remit.journal import Durability, MemoryJournal, RedactedStore, SqliteJournal
from remit.models.answers import AnswerFile
from remit.models.http.port import PATIENCE, Timeouts, Transport
from remit.models.keys import Keys, environment
from remit.models.names import provider_of
from remit.models.stack import stack
from remit.models.wrappers.breaking import Breaking
from remit.models.wrappers.rate_limited import Pace, shared_rate
from remit.policy import LOOP_DETECTORS, Breakers, Embed, NoProgress, Secrets, Velocity
from remit.runtime import (
    FileWorkers,
    LocalWorkers,
    Replayed,
    RunResult,
    Said,
    Session,
    Toolsets,
    World,
    answer,
    decide,
    fork,
    replay,
    send,
)
from remit.strategies import react, shaped

FOLDER = ".remit"
"""Where a home keeps its store, its key and its workers, in the working folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

MEMORY = "memory"
"""Give this instead of a folder for a home that is gone with the process."""

_WORLDS = 256
"""Agents whose wiring is kept; more than that are made for one use each."""

ModelMaker = Callable[[str], Model]
"""Makes a model from what follows the colon of its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a home is opened with."""

    durability: Durability = "process"
    tenants: Sequence[Tenant] = (Tenant(),)
    models: Mapping[str, ModelMaker] = field(default_factory=dict[str, ModelMaker])
    """Makers of models by the prefix of their names, before the providers that Remit knows itself."""
    keys: Keys = environment
    """Where the keys of providers are, by the names of the variables they would have in the environment."""
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    """By a model's whole name; before the bundled list."""
    paces: Mapping[str, Pace] = field(default_factory=dict[str, Pace])
    """What each provider allows a minute, by the prefix of its models; all sessions of the process share it."""
    timeouts: Timeouts = PATIENCE
    """How long a provider is waited for."""
    transport: Transport | None = None
    """How providers of named models are reached; `None` for the connections that the whole process shares."""
    answers: AnswerFile | None = None
    """Where answers of named models are kept, so that a question asked again costs nothing."""
    secrets: Secrets = field(default_factory=Secrets)
    """Values that never enter a journal."""
    embed: Embed | None = None
    """Turns texts into vectors; with it, thoughts that only repeat themselves are noticed."""
    token: str = ""
    """The remit to stay inside; the environment's `REMIT_TOKEN` when empty."""


class Home:
    """A place where agents live. Use it as an async context manager."""

    def __init__(self, store: Store, workers: LocalWorkers | FileWorkers, key: bytes, settings: Settings) -> None:
        """Wire a home by hand; `open` does it for a folder."""
        self.store: Store = RedactedStore(store, settings.secrets)
        self.breakers = Breakers()
        self._workers, self._key, self._settings = workers, key, settings
        self._tenants = {tenant.name: tenant for tenant in settings.tenants}
        self._parent = _remit(settings, key)
        if settings.answers is not None:
            settings.answers.keep_out(settings.secrets)
        self._seen: dict[str, str] = {}
        """The keys looked up last, by variable."""
        self._active: dict[str, Session | None] = {}
        self._toolsets = Toolsets()
        self._worlds: dict[tuple[int, str], tuple[Agent, Agent, World]] = {}
        """The agent as declared is kept too, so that no other one can come to have its id."""

    @classmethod
    def open(cls, place: str | Path = FOLDER, settings: Settings | None = None) -> "Home":
        """Open the home in a folder, or in memory; raise `JournalError` when what is there is not ours."""
        settings = settings or Settings()
        if place == MEMORY:
            return cls(MemoryJournal(), LocalWorkers(), lots.token_bytes(32), settings)
        if "://" in str(place):
            raise ConfigError(f"{str(place)!r} is no folder; a home lives in a folder, or in {MEMORY!r}")
        folder = Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        key = _key(folder / "key")
        _remit(settings, key)
        store = SqliteJournal(folder / "journal.db", durability=settings.durability)
        return cls(store, FileWorkers(folder / "workers"), key, settings)

    async def __aenter__(self) -> Self:
        """Be at home."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave, and let go of everything."""
        await self.close()

    async def close(self) -> None:
        """Let go of the store and of what agents have opened, and stop being a worker."""
        settings, pooled = self._settings, sys.modules.get("remit.models.http.pooled")
        # Whatever cannot be closed keeps nothing else open; the last of the list is closed first.
        async with contextlib.AsyncExitStack() as closing:
            if isinstance(self._workers, FileWorkers):
                closing.callback(self._workers.close)
            for opened in (settings.answers, settings.transport, pooled and pooled.SHARED, self.store, self._toolsets):
                if opened is not None:
                    closing.push_async_callback(opened.close)

    # -- running ---------------------------------------------------------------------------------------------------

    async def run(self, agent: Agent, said: Said, *, session: str = "", tenant: str = "", token: str = "") -> RunResult:
        """Give an agent a message and drive it until it answers or waits: in a new session, or in the one named.

        A named session that does not exist is opened under that name.
        `token` makes the new session a child of the one it was given to. Raise `OverLimitError` when the tenant or the
        tree has no room, `SessionBusyError` when another worker drives the session.
        """
        living = await self._living(agent, session, tenant, token)
        return await self._drive(living, said)

    async def stream(
        self, agent: Agent, said: Said, *, session: str = "", tenant: str = "", token: str = ""
    ) -> AsyncIterator[Delta | Record | RunResult]:
        """Like `run`, but yield text as it is written and records as they become durable; the result comes last."""
        living = await self._living(agent, session, tenant, token)
        listener = living.feed.listen(after=living.state.seq if session else 0)
        driving = asyncio.ensure_future(self._drive(living, said))
        try:
            async for item in listener:
                yield item
            yield await driving
        finally:
            living.feed.leave(listener)
            if not driving.done():
                living.pause()
                await asyncio.gather(driving, return_exceptions=True)

    async def resume(self, agent: Agent, session: str) -> RunResult:
        """Go on with a session after a crash, a decision or a pause; raise `UnknownSessionError` when there is none."""
        await self._check(agent)
        with self._taken(session):
            living = await self._loaded(agent, session, await self._records(session))
        return await self._drive(living)

    def pause(self) -> None:
        """Have all sessions of this home stop after the step they are in."""
        for living in self._active.values():
            if living is not None:
                living.pause()

    async def _living(self, agent: Agent, session: str, tenant: str, token: str) -> Session:
        name = session or lots.token_hex(6)
        await self._check(agent)
        with self._taken(name):
            records = await self.store.read(name) if session else []
            if records:
                return await self._loaded(agent, name, records)
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f"{name!r} cannot name a session; use up to 64 letters, digits, dots, dashes and underscores"
                )
            parent = verify(token, self._key) if token else self._parent
            owner = parent.tenant if parent else tenant or next(iter(self._tenants))
            living = await Session.open(name, *await self._world(agent, owner), tree=child_of(parent))
            self._active[name] = living
            return living

    async def _loaded(self, agent: Agent, name: str, records: Sequence[Record]) -> Session:
        first = records[0].event
        assert isinstance(first, SessionOpened)
        living = await Session.load(name, *await self._world(agent, first.tenant), records)
        self._active[name] = living
        return living

    @contextmanager
    def _taken(self, name: str) -> Generator[None]:
        """Be the one in this process who drives a session, from before the first await on."""
        if name in self._active:
            raise SessionBusyError(f"session {name!r} is being driven in this process; use `send` to leave a message")
        self._active[name] = None
        try:
            yield
        except BaseException:
            del self._active[name]
            raise

    async def _drive(self, living: Session, said: Said | None = None) -> RunResult:
        try:
            if said is not None:
                await living.hear(said)
            return await living.run()
        finally:
            self._active.pop(living.id, None)
            living.feed.end()

    # -- people ----------------------------------------------------------------------------------------------------

    async def send(self, session: str, said: Said, *, by: str = "user", key: str = "") -> None:
        """Leave a message for an agent; whoever drives its session takes it up."""
        await send(self.store, session, said, by=by, key=key)

    async def approve(self, session: str, call: str = "", *, granted: bool = True, by: str, reason: str = "") -> None:
        """Approve or deny a call that waits, for exactly its arguments; `resume` then goes on."""
        await decide(self.store, session, call, granted=granted, by=by, reason=reason)

    async def answer(self, session: str, given: JsonObject | None, call: str = "", *, by: str) -> None:
        """Answer what a call asks, or decline with `None`; `resume` then goes on."""
        await answer(self.store, session, call, given, by=by)

    # -- looking ---------------------------------------------------------------------------------------------------

    async def session(self, session: str) -> State:
        """Give what a session is now; raise `UnknownSessionError` when there is none."""
        return State.fold(record.event for record in await self._records(session))

    async def _records(self, session: str) -> list[Record]:
        records = await self.store.read(session)
        if not records:
            raise UnknownSessionError(f"no session {session!r} in this home; `remit sessions` lists them")
        return records

    async def sessions(self, query: SessionQuery | None = None) -> list[SessionRow]:
        """List sessions, newest first."""
        return await self.store.sessions(query or SessionQuery())

    async def fork(self, session: str, *, at: int | None = None) -> str:
        """Begin a new session with the past of another, up to an event; give its id."""
        name = lots.token_hex(6)
        await fork(self.store, session, name, at=at, tree=child_of(self._parent))
        return name

    async def replay(self, agent: Agent, session: str) -> tuple[Replayed, ...]:
        """Drive the agent's strategy over a recorded session without touching the world; one finding a run."""
        state = await self.session(session)
        assert state.opened is not None
        ready, world = await self._world(agent, state.opened.tenant)
        return await replay(await self.store.read(session), ready, world)

    # -- wiring ----------------------------------------------------------------------------------------------------

    async def _world(self, agent: Agent, tenant: str) -> tuple[Agent, World]:
        known = self._worlds.get((id(agent), tenant))
        if known is not None:
            return known[1], known[2]
        if tenant not in self._tenants:
            raise ConfigError(f"no tenant {tenant!r} in this home; there are: {', '.join(self._tenants)}")
        models = {"default": agent.model, **agent.roles}
        ready = agent
        if agent.strategy is None:
            ready = replace(agent, strategy=shaped(agent.output) if agent.output else react)
        world = World(
            store=self.store,
            models={role: self._model(model) for role, model in models.items()},
            tools=await self._toolsets.tools(agent),
            guards=tuple(agent.guards),
            detectors=self._detectors(agent),
            gate=self.breakers,
            secrets=self._settings.secrets,
            workers=self._workers,
            tenant=self._tenants[tenant],
            key=self._key,
        )
        if len(self._worlds) >= _WORLDS:
            self._worlds.clear()
        self._worlds[id(agent), tenant] = (agent, ready, world)
        return ready, world

    def _model(self, model: str | Model) -> Model:
        if not isinstance(model, str):
            return Breaking(model, self.breakers)
        settings = self._settings
        prefix, _, name = model.partition(":")
        maker = settings.models.get(prefix)
        made = (
            _connecting().connect(model, keys=self._look_up, transport=settings.transport, timeouts=settings.timeouts)
            if maker is None
            else maker(name)
        )
        provider, key = provider_of(model), "" if maker else self._key_of(model)
        rate = shared_rate(provider, key, settings.paces[provider]) if provider in settings.paces else None
        return stack(made, gate=self.breakers, rate=rate, cache=settings.answers, prices=settings.prices)

    def _key_of(self, model: str) -> str:
        """Find the key of a model and keep it out of every journal; empty when there is none."""
        key = ""
        for variable in _connecting().key_variables(model):
            key = self._look_up(variable)
        return key

    def _look_up(self, variable: str) -> str:
        """Look a key up and keep it out of every journal, also one that changed while a session lives."""
        key = self._settings.keys(variable)
        if self._seen.get(variable) != key:
            self._seen[variable] = key
            # What cannot be kept out, such as a local server's "EMPTY", is no secret.
            with contextlib.suppress(ConfigError):
                self._settings.secrets.register(variable, key)
        return key

    async def _check(self, agent: Agent) -> None:
        """Refuse to begin with a model that cannot be asked for want of a key, or with a file that holds no answers."""
        if self._settings.answers is not None:
            await self._settings.answers.ready()
        for model in (agent.model, *agent.roles.values()):
            if isinstance(model, str) and model.partition(":")[0] not in self._settings.models:
                needed = _connecting().key_needed(model)
                if needed and not self._settings.keys(needed):
                    raise ConfigError(f"no key for model {model!r}: set {needed}")

    def _detectors(self, agent: Agent) -> tuple[Callable[[], Detector], ...]:
        embed, velocity = self._settings.embed, agent.limits.usd_per_minute
        makers: list[Callable[[], Detector]] = [*(LOOP_DETECTORS if agent.detectors is None else agent.detectors)]
        if embed is not None and agent.detectors is None:
            makers.append(lambda: NoProgress(embed))
        if velocity is not None:
            makers.append(lambda: Velocity(velocity))
        return tuple(makers)


def _connecting() -> "_Connecting":
    # The wires and their HTTP are loaded by those who name a model, and by nobody else.
    return cast("_Connecting", importlib.import_module("remit.models.connecting"))


class _Connecting(Protocol):
    def connect(self, name: str, *, keys: Keys, transport: Transport | None, timeouts: Timeouts) -> Model: ...
    def key_variables(self, name: str) -> tuple[str, ...]: ...
    def key_needed(self, name: str) -> str: ...


def child_of(parent: Remit | None) -> Tree | None:
    """Give the place of a new session below its parent; raise `OverLimitError` when that is too deep."""
    if parent is None:
        return None
    tree = parent.tree
    if tree.depth + 1 > tree.max_depth:
        raise OverLimitError(f"depth/tree/{tree.root}", 1, tree.depth, tree.max_depth)
    return Tree(tree.root, parent.session, tree.depth + 1, tree.max_depth, tree.max_children, tree.cap)


def _remit(settings: Settings, key: bytes) -> Remit | None:
    """Read the remit to stay inside, if there is one."""
    token = settings.token or os.environ.get(VARIABLE, "")
    return verify(token, key) if token else None


def _key(path: Path) -> bytes:
    """Read the key that signs tokens, or make one that only this user can read."""
    if not path.exists():
        # Written aside and put in place whole: another process must never read half a key, or make another one.
        draft = path.with_name(f"{path.name}.{lots.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(lots.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    key = path.read_bytes()
    if len(key) != 32:
        raise ConfigError(f"{path} does not hold a key of 32 bytes; move it away to have a new one made")
    return key
