"""Service: sessions for those who have them, from a first message to the end. What all front ends call.

Every act is for a principal and confined to its tenant: a session of another tenant does not exist, whatever the role.
What is accepted is durable before it is acknowledged; who does the work then is the driver's business.
"""

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remit.core.agent import Agent
from remit.core.errors import ConfigError, ConflictError, UnknownSessionError
from remit.core.events import MessageReceived
from remit.core.ports import SessionQuery, SessionStatus
from remit.core.state import State
from remit.home import Home
from remit.home.beginning import named
from remit.runtime import Replayed, Said, cancel, close, send
from remit.server.access.port import Principal
from remit.server.projection.absent import NoProjection
from remit.server.projection.port import Projection
from remit.server.service.driver import Driver
from remit.server.service.looking import Looking
from remit.server.service.owned import Owned
from remit.server.service.people import People
from remit.server.service.port import Drives, Driving
from remit.server.service.refusals import RefusedError
from remit.server.service.streams import EACH, Streams
from remit.server.service.switching import Switching
from remit.server.service.tracing import Tracing
from remit.server.service.turning import Held
from remit.server.service.views import Page, SessionView, listed, session_view
from remit.server.switches import Board

_MADE = re.compile(r"[0-9a-f]{24}")
"""What `name_of` makes; nobody may sit where the key of somebody else will lead."""

GRACE = 30.0
"""Seconds that a step under way has to come to its end when the process stops."""


def _driver(home: Home, agents: Mapping[str, Agent], held: Held) -> Drives:
    return Driver(home, agents, held=held)


@dataclass(frozen=True, slots=True)
class Wish:
    """Work for an agent, in a session that is to begin."""

    agent: str
    said: Said = ""
    """Empty to begin with nothing to do."""
    key: str = ""
    """The same key again is the same session and the same message."""
    session: str = ""
    """What it is to be called; begins with the tenant and a dot where there are several tenants."""
    trace: str = ""
    """The W3C `traceparent` of who asks, if they are in a trace: what comes of it goes on with that."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that was asked for."""

    view: SessionView
    new: bool
    """False when the same key began it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allows:
    """What people may do here."""

    own_approvals: bool = False
    """Approve what they asked for themselves."""
    streams: int = EACH
    """Read so many streams of events at once, each of them."""


ALLOWS = Allows()


class Service:
    """The sessions of a home and the agents that work in them."""

    def __init__(
        self,
        home: Home,
        agents: Sequence[Agent],
        *,
        allows: Allows = ALLOWS,
        projection: Projection | None = None,
        switches: Board | None = None,
        driving: Driving = _driver,
    ) -> None:
        """Serve these agents, each by its name; raise `ConfigError` when two have the same.

        `allows` says what people may. What is asked across sessions is asked of the `projection`. What is off by the
        `switches` is not worked on; the home must have been opened with their guard. `driving` makes who drives;
        without it this process does.
        """
        known = {agent.name: agent for agent in agents}
        if len(known) < len(agents):
            raise ConfigError("two agents of the same name cannot be served together; rename one")
        self.home = home
        self.projection: Projection = projection or NoProjection()
        self.owned = Owned(home.store)
        self.looking = Looking(home, self.owned, known)
        self.switching = Switching(home, switches, self.looking, projection)
        self.driver = driving(home, known, self.switching.held)
        if switches is not None:
            switches.watch(self.driver.switched)
        self.streams = Streams(home, each=allows.streams, elsewhere=self.driver.elsewhere)
        self.people = People(home, self.owned, self.driver, own_approvals=allows.own_approvals)
        self.tracing = Tracing(self.owned, self.switching.held)

    async def start(self) -> None:
        """Go on with what an earlier process left."""
        await self.driver.start()

    async def drain(self, grace: float = GRACE) -> None:
        """Stop after the steps under way, hand the sessions back, and let all readers go."""
        await self.driver.drain(grace)
        self.streams.end()

    # -- sessions --------------------------------------------------------------------------------------------------

    async def begin(self, principal: Principal, wish: Wish) -> Begun:
        """Begin a session, with a message if there is one, and have it driven; durable when this returns."""
        agent = self._agent(wish.agent)
        if principal.tenant not in self.home.tenants:
            raise RefusedError("unready", "this server keeps no sessions for your tenant; its operator can add it")
        name = wish.session or (name_of(principal.tenant, wish.agent, wish.key) if wish.key else "")
        if name:
            _fitting(name)
        if wish.session:
            self._own(principal, name)
        if self.switching.held(principal.tenant, wish.agent):
            return await self._though_held(principal, name, wish)
        try:
            session = await self.home.begin(
                agent,
                wish.said,
                tenant=principal.tenant,
                session=name,
                by=principal.name,
                key=wish.key,
                trace=wish.trace,
            )
        except ConflictError:
            return await self._again(principal, name, wish)
        self.driver.wake(session)
        return Begun(await self.get(principal, session), new=True)

    async def _though_held(self, principal: Principal, name: str, wish: Wish) -> Begun:
        """Find what a key began before an agent or its tenant was switched off; nothing new is begun meanwhile."""
        if wish.key:
            with contextlib.suppress(UnknownSessionError):
                await self.owned.check(principal, name)
                return await self._again(principal, name, wish)
        self.switching.refuse_held(principal.tenant, wish.agent)
        # It was switched on just now.
        return await self.begin(principal, wish)

    async def _again(self, principal: Principal, name: str, wish: Wish) -> Begun:
        """Find the session that the same key began before."""
        # In the same words whoever has it.
        taken = RefusedError("conflict", f"{name!r} cannot be the name of a new session; choose another, or give none")
        if not wish.key:
            raise taken
        try:
            state = await self.owned.state(principal, name)
        except UnknownSessionError:
            raise taken from None
        assert state.opened is not None
        if state.opened.agent != wish.agent or (wish.session and wish.said and wish.key not in state.keys):
            raise taken
        if wish.said:
            await self.post(principal, name, wish.said, key=wish.key, trace=wish.trace)
        return Begun(await self.get(principal, name), new=False)

    async def post(self, principal: Principal, session: str, said: Said, *, key: str = "", trace: str = "") -> int:
        """Leave a message and have the session go on; give its number once it is durable, also when it came before.

        `trace` is the W3C `traceparent` of who sends it.
        """
        self._agent(await self.owned.check(principal, session))
        state = await send(self.home.store, session, said, by=principal.name, key=key, trace=trace)
        self.driver.wake(session)
        if not key:
            return state.seq
        records = await self.home.store.read(session)
        return next(r.seq for r in records if isinstance(r.event, MessageReceived) and r.event.key == key)

    async def list(
        self,
        principal: Principal,
        *,
        status: SessionStatus | None = None,
        agent: str = "",
        limit: int = 100,
        after: str = "",
    ) -> Page:
        """List the sessions of a tenant, newest first."""
        if after:
            await self.owned.cursor(principal, after)
        query = SessionQuery(status=status or "", agent=agent, tenant=principal.tenant, limit=limit + 1, after=after)
        rows = await self.home.sessions(query)
        more = rows[limit - 1].id if len(rows) > limit else None
        return Page(sessions=tuple(map(listed, rows[:limit])), next=more)

    async def get(self, principal: Principal, session: str) -> SessionView:
        """Show a session; raise `UnknownSessionError` when there is none of theirs."""
        records = await self.owned.records(principal, session)
        state = State.fold(record.event for record in records)
        return session_view(session, records, state, self.switching.held)

    async def close(self, principal: Principal, session: str, *, reason: str = "") -> None:
        """End a session for good; raise `ApprovalError` while a run of it is under way."""
        await self.owned.check(principal, session)
        await close(self.home.store, session, by=principal.name, reason=reason)

    # -- runs ------------------------------------------------------------------------------------------------------

    async def cancel(self, principal: Principal, session: str, *, reason: str = "", number: int = 0) -> None:
        """End a run: at once when it sleeps, at its next step when it is driven; raise `ApprovalError` without one.

        With a `number` it is that run or none, as the next one may have begun since somebody looked.
        """
        await self.owned.check(principal, session)
        await cancel(self.home.store, session, by=principal.name, reason=reason, number=number)
        self.driver.wake(session)

    async def pause(self, principal: Principal, session: str, *, reason: str = "") -> None:
        """Have a run stop after the step it is in, until somebody resumes it."""
        state = await self._open(principal, session)
        self._unless_stopping()
        why = f"paused by {principal.name}" + (f": {reason}" if reason else "")
        if state.run is None or state.run.suspended is not None:
            raise RefusedError("conflict", f"session {session!r} has no run under way")
        if not await self.driver.pause(session, why):
            raise RefusedError("conflict", f"session {session!r} is not driven here; cancel it, or pause it there")

    async def resume(self, principal: Principal, session: str) -> None:
        """Go on with a run that is paused, that an alarm stopped, or that nobody drives."""
        agent = await self.owned.check(principal, session)
        state = await self._open(principal, session)
        run = state.run
        if run is None and not state.inbox:
            raise RefusedError("conflict", f"session {session!r} has no run to go on with")
        if run is not None and run.suspended is not None and run.suspended.why in {"approval", "in_doubt", "input"}:
            raise RefusedError("conflict", f"session {session!r} waits for a person: {run.suspended.question}")
        self._agent(agent)
        self._unless_stopping()
        self.switching.refuse_held(principal.tenant, agent)
        await self.driver.force(session)

    async def fork(self, principal: Principal, session: str, *, at: int | None = None) -> SessionView:
        """Begin a new session with the past of another, up to an event."""
        records = await self.owned.records(principal, session)
        if at is not None and not 1 <= at <= len(records):
            raise RefusedError("conflict", f"session {session!r} has events 1 to {len(records)}; cannot fork at {at}")
        return await self.get(principal, await self.home.fork(session, at=at, by=principal.name))

    async def replay(self, principal: Principal, session: str) -> Sequence[Replayed]:
        """Drive the agent's strategy over what is recorded, without touching the world; one finding a run."""
        return await self.home.replay(self._agent(await self.owned.check(principal, session)), session)

    def _unless_stopping(self) -> None:
        # What is written nowhere would be forgotten with this process.
        if self.driver.draining:
            raise RefusedError("unready", "this server is stopping; try again")

    async def _open(self, principal: Principal, session: str) -> State:
        return await self.owned.state(principal, session)

    def _own(self, principal: Principal, name: str) -> None:
        """Raise `RefusedError` for a name that is not theirs to choose: whether another tenant has it is not told."""
        if _MADE.fullmatch(name):
            raise RefusedError("conflict", f"{name!r} looks like a name that is made of a key; choose another")
        tenants = self.home.tenants
        if len(tenants) > 1:
            whose = max((one for one in tenants if name.startswith(f"{one}.")), key=len, default="")
            if whose != principal.tenant:
                raise RefusedError(
                    "conflict", f"the name of a session begins with its tenant: {principal.tenant}.{name}"
                )

    def _agent(self, name: str) -> Agent:
        agent = self.driver.serves(name)
        if agent is None:
            raise RefusedError("conflict", f"no agent {name!r} is served here; `agents` lists them")
        return agent


def _fitting(name: str) -> None:
    try:
        named(name)
    except ConfigError as error:
        raise RefusedError("unfit", str(error)) from None


def name_of(tenant: str, agent: str, key: str) -> str:
    """Give the name of the session that a key begins: the same after a restart, and never that of another tenant."""
    return hashlib.sha256(f"{tenant}\0{agent}\0{key}".encode()).hexdigest()[:24]
