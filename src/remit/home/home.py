"""Home: opens a store and runs agents in it."""

import asyncio
import contextlib
import importlib
import secrets as lots
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

from remit.core.agent import Agent
from remit.core.errors import ApprovalError, ConfigError
from remit.core.events import Record
from remit.core.ports import Delta, SessionQuery, SessionRow, Store, Workers
from remit.core.state import State
from remit.core.token import verify
from remit.core.values import JsonObject
from remit.home.beginning import Begin, named
from remit.home.lives import Lives
from remit.home.remits import KEY, SHARED_KEY, child_of, own, shared_key, signing_key
from remit.home.resuming import Resume
from remit.home.settings import Settings
from remit.home.wiring import Circuits, Wiring, sharing
from remit.journal import MemoryJournal, RedactedStore, SqliteJournal
from remit.policy import Secrets
from remit.runtime import (
    FileWorkers,
    LocalWorkers,
    Replayed,
    RunResult,
    Said,
    Session,
    Shown,
    answer,
    decide,
    edit,
    fork,
    replay,
    send,
)

FOLDER = ".remit"
"""Where a home keeps its store, its key and its workers, in the working folder."""

MEMORY = "memory"
"""Give this instead of a folder for a home that is gone with the process."""


class Home:
    """A place where agents live. Use it as an async context manager."""

    def __init__(self, store: Store, workers: Workers, key: bytes, settings: Settings) -> None:
        """Wire a home by hand; `open` does it for a folder."""
        self.journal = store
        """The store as it is, for upkeep; whatever is written goes through `store`, which keeps secrets out."""
        self.store: Store = RedactedStore(store, settings.secrets)
        self._workers, self._key, self._settings = workers, key, settings
        self._wiring = Wiring(self.store, workers, key, settings, sharing(store))
        self.breakers: Circuits = self._wiring.breakers
        """The circuits of its tools, hosts and providers."""
        self.lives = Lives()
        """The sessions that this process drives."""
        self.tenants = {tenant.name: tenant for tenant in settings.tenants}
        """Who may have sessions here, by name."""
        self.toolsets = self._wiring.toolsets
        """The tools of its agents, opened when they are first needed."""
        self._parent = own(settings.token, key)
        self.begin = Begin(self.store, self._wiring, self._parent)
        """Opens a session and leaves it a message, and drives nothing."""
        self.go_on = Resume(self.store, self._wiring, self.lives)
        """Like `resume`, and says what the session is then; takes what was just read of it."""
        if settings.answers is not None:
            settings.answers.keep_out(settings.secrets)

    @classmethod
    def open(cls, place: str | Path = FOLDER, settings: Settings | None = None) -> "Home":
        """Open the home in a folder, in memory, or in the database that a URL such as `postgresql://HOST/NAME` names.

        A database is connected to when it is first needed. Its homes on all machines have the same key, which the
        environment's `REMIT_KEY` gives. Raise `JournalError` when what is in a folder is not ours.
        """
        settings = settings or Settings()
        if place == MEMORY:
            return cls(MemoryJournal(), LocalWorkers(), lots.token_bytes(32), settings)
        if "://" in str(place):
            # Its driver is an extra, and is loaded by nobody else.
            shared = cast("_Shared", importlib.import_module("remit.journal.postgres").PostgresJournal(str(place)))
            key = shared_key()
            own(settings.token, key)
            _keep_out(settings.secrets, shared.address.password, key.hex())
            home = cls(shared, shared.workers, key, settings)
            shared.driven = home.lives.drives
            return home
        folder = Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        key = signing_key(folder / KEY)
        own(settings.token, key)
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
            for opened in (
                settings.answers,
                settings.transport,
                pooled and pooled.SHARED,
                self.store,
                self._wiring.shared,
                self._wiring.sandbox,
                self._wiring.toolsets,
            ):
                if opened is not None:
                    closing.push_async_callback(opened.close)

    # -- running ---------------------------------------------------------------------------------------------------

    async def run(
        self, agent: Agent, said: Said, *, session: str = "", tenant: str = "", token: str = "", trace: str = ""
    ) -> RunResult:
        """Give an agent a message and drive it until it answers or waits: in a new session, or in the one named.

        A named session that does not exist is opened under that name.
        `token` makes the new session a child of the one it was given to; with `trace`, a W3C `traceparent`, the run
        goes on with the trace of whoever asks for it. Raise `OverLimitError` when the tenant or the
        tree has no room, `SessionBusyError` when another worker drives the session.
        """
        living = await self._living(agent, session, tenant, token)
        return await self.lives.drive(living, said, trace)

    async def stream(
        self, agent: Agent, said: Said, *, session: str = "", tenant: str = "", token: str = "", trace: str = ""
    ) -> AsyncIterator[Delta | Record | RunResult]:
        """Like `run`, but yield text as it is written and records as they become durable; the result comes last."""
        living = await self._living(agent, session, tenant, token)
        listener = living.feed.listen(after=living.state.seq if session else 0)
        driving = asyncio.ensure_future(self.lives.drive(living, said, trace))
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
        result, _ = await self.go_on(agent, session)
        return result

    async def _living(self, agent: Agent, session: str, tenant: str, token: str) -> Session:
        name = session or lots.token_hex(6)
        await self._wiring.check(agent)
        with self.lives.begin(name):
            records = await self.store.read(name) if session else []
            if records:
                return await self.go_on.loaded(agent, name, records)
            named(name)
            parent = verify(token, self._key) if token else self._parent
            owner = parent.tenant if parent else tenant or self._settings.tenants[0].name
            living = await Session.open(name, *await self._wiring.world(agent, owner), tree=child_of(parent))
            self.lives.heed(living)
            return living

    # -- people ----------------------------------------------------------------------------------------------------

    async def send(self, session: str, said: Said, *, by: str = "user", key: str = "", trace: str = "") -> None:
        """Leave a message for an agent; whoever drives its session takes it up."""
        await send(self.store, session, said, by=by, key=key, trace=trace)

    async def approve(
        self,
        session: str,
        call: str | Shown = "",
        *,
        granted: bool = True,
        by: str,
        reason: str = "",
        args: JsonObject | None = None,
    ) -> None:
        """Approve or deny a call that waits, for exactly its arguments, or approve it with others; then `resume`.

        With other `args` it is another call, which all rules are asked about again before it runs. A call that is
        `Shown` is decided on only while it waits with the arguments that it was shown with.
        """
        if args is None:
            await decide(self.store, session, call, granted=granted, by=by, reason=reason)
        elif granted:
            await edit(self.store, session, call, args, by=by, reason=reason)
        else:
            raise ApprovalError("a call that is denied gets no other arguments; leave them out, or allow it")

    async def answer(self, session: str, given: JsonObject | None, call: str = "", *, by: str) -> None:
        """Answer what a call asks, or decline with `None`; `resume` then goes on."""
        await answer(self.store, session, call, given, by=by)

    # -- looking ---------------------------------------------------------------------------------------------------

    async def session(self, session: str) -> State:
        """Give what a session is now; raise `UnknownSessionError` when there is none."""
        return State.fold(record.event for record in await self.go_on.records(session))

    async def sessions(self, query: SessionQuery | None = None) -> list[SessionRow]:
        """List sessions, newest first."""
        return await self.store.sessions(query or SessionQuery())

    async def fork(self, session: str, *, at: int | None = None, by: str = "") -> str:
        """Begin a new session with the past of another, up to an event, for who asks for it; give its id."""
        name = lots.token_hex(6)
        await fork(self.store, session, name, at=at, tree=child_of(self._parent), by=by)
        return name

    async def replay(self, agent: Agent, session: str) -> tuple[Replayed, ...]:
        """Drive the agent's strategy over a recorded session without touching the world; one finding a run."""
        state = await self.session(session)
        assert state.opened is not None
        ready, world = await self._wiring.world(agent, state.opened.tenant)
        return await replay(await self.store.read(session), ready, world)


class _Address(Protocol):
    password: str


class _Shared(Store, Protocol):
    driven: Callable[[str], bool]

    @property
    def workers(self) -> Workers: ...
    @property
    def address(self) -> _Address: ...


def _keep_out(secrets: Secrets, password: str, key: str) -> None:
    """Keep what opens a shared store out of every journal."""
    for name, value in (("database_password", password), (SHARED_KEY, key)):
        # What cannot be kept out, such as a password of four letters, would hide half of what is written.
        with contextlib.suppress(ConfigError):
            secrets.register(name, value)
