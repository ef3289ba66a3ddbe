"""At home: the sessions of clients of a home in this process, where whoever sits at a client is a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcp.server import ServerRequestContext

from remit.apps.mcp.driving import PREFIX, Driving
from remit.apps.mcp.port import Line, Tell, Wish
from remit.core.agent import Agent
from remit.core.events import Record, SessionOpened
from remit.core.limits import Tenant
from remit.core.ports import SessionQuery
from remit.core.state import Effect, State
from remit.core.values import JsonObject
from remit.runtime import RunResult, Shown, awaited, doubted, waiting


@dataclass(frozen=True, slots=True)
class HomeSessions:
    """See `Sessions`."""

    driving: Driving
    by: str
    """What answers are signed with."""

    async def run(self, agent: Agent, wish: Wish, tell: Tell) -> RunResult:
        """See `Sessions.run`."""
        return await self.driving.run(agent, wish, tell)

    async def resume(self, agent: Agent, session: str, run: int, tell: Tell) -> RunResult:
        """See `Sessions.resume`."""
        return await self.driving.resume(agent, session, tell)

    async def known(self, agent: Agent, session: str) -> bool:
        """See `Sessions.known`; only what a client began."""
        records = await self.driving.home.store.read(session) if session.startswith(PREFIX) else []
        first = records[0].event if records else None
        return isinstance(first, SessionOpened) and first.agent == agent.name

    async def records(self, session: str) -> Sequence[Record]:
        """See `Sessions.records`."""
        records = await self.driving.home.store.read(session) if session else []
        first = records[0].event if records else None
        return records if isinstance(first, SessionOpened) and first.tenant == self._owner else ()

    async def state(self, session: str) -> State:
        """See `Sessions.state`."""
        return await self.driving.home.session(session)

    async def lines(self, agent: str, most: int) -> Sequence[Line]:
        """See `Sessions.lines`."""
        return await self.driving.home.sessions(SessionQuery(agent=agent, tenant=self._owner, limit=most))

    async def blob(self, digest: str) -> bytes:
        """See `Sessions.blob`."""
        return await self.driving.home.store.get(digest)

    def barred(self, state: State, effect: Effect) -> str:
        """See `Sessions.barred`; whoever serves a home says whether clients decide, and one yes of each counts."""
        said = any(one.by == self.by for one in effect.yes) if effect.status == "asked" else False
        return "you have allowed it already" if said else ""

    async def decide(self, session: str, call: Shown, *, granted: bool, reason: str) -> None:
        """See `Sessions.decide`."""
        await self.driving.home.approve(session, call, granted=granted, by=self.by, reason=reason)

    async def answer(self, session: str, call: str, given: JsonObject | None) -> None:
        """See `Sessions.answer`."""
        await self.driving.home.answer(session, given, call, by=self.by)

    def waits(self, state: State, session: str) -> str:
        """See `Sessions.waits`."""
        return f"{_how(state, session)}\nThen make exactly this call again for its result."

    @property
    def _owner(self) -> str:
        return self.driving.tenant or Tenant().name


def person(context: ServerRequestContext[Any, Any]) -> str:
    """Name whoever sits at a client, by what the client calls itself."""
    known = context.session.client_params
    name = known.client_info.name if known is not None else ""
    return f"mcp:{''.join(char for char in name if char.isprintable())[:60] or 'client'}"


def _how(state: State, session: str) -> str:
    """Say what waits and how somebody at this home decides it."""
    lines = [
        f"{effect.call.tool} ({effect.call.id}) waits for approval: remit approve {session} {effect.call.id}"
        for effect in waiting(state)
    ]
    for effect in awaited(state):
        assert effect.wants is not None
        asks = f"{effect.call.tool} ({effect.call.id}) asks: {effect.wants.question}"
        lines.append(f"{asks}: remit answer {session} {effect.call.id} FIELD=VALUE")
    for effect in doubted(state):
        lines.append(f"{effect.question}: remit settle {session} {effect.call.id}")
    return "\n".join(lines or [f"remit resume {session}"])
