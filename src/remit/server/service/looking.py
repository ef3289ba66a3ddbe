"""Looking: agents, their tools, a tenant's budget, and the bytes that the journal of a session names."""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from remit.core.agent import Agent
from remit.core.errors import JournalError, RemitError
from remit.core.events import EffectEnded, Event, MessageReceived, ProgramEnded
from remit.core.messages import Part
from remit.core.ports import SessionQuery, SessionStatus
from remit.core.values import nanos, now_ms, usd
from remit.home import Home
from remit.runtime.ledger import day, running_account, spent_account
from remit.server.access.port import Principal
from remit.server.service.owned import Owned
from remit.server.service.refusals import RefusedError
from remit.server.service.views import (
    AgentView,
    ArtefactView,
    BreakerView,
    BudgetView,
    Holds,
    HoldView,
    ToolView,
    agent_view,
    tool_view,
)

_HOLDING: tuple[tuple[SessionStatus, int], ...] = (("running", 200), ("waiting", 100))
"""Sessions that may hold money, and how many of them are looked at."""
_SHOWN = 50

_MEDIA = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that a journal names."""

    body: bytes
    media: str
    name: str = ""


_SOON = 2.0
"""Seconds in which a store that is ready answers."""


class Looking:
    """What can be seen beside the sessions themselves."""

    def __init__(self, home: Home, owned: Owned, agents: Mapping[str, Agent]) -> None:
        """Take where sessions are, whose they are, and the agents that are served."""
        self._home, self._owned, self._agents = home, owned, agents

    async def agents(self) -> tuple[AgentView, ...]:
        """List the agents that can be given work."""
        return tuple([agent_view(agent, tuple(await self._home.toolsets.tools(agent))) for agent in self._all()])

    async def tools(self) -> tuple[ToolView, ...]:
        """List the tools of all agents."""
        return tuple(
            [
                tool_view(agent.name, tool.spec)
                for agent in self._all()
                for tool in (await self._home.toolsets.tools(agent)).values()
            ]
        )

    def serves(self, agent: str) -> bool:
        """Say whether an agent is served here."""
        return agent in self._agents

    async def has_tool(self, name: str) -> bool:
        """Say whether an agent that is served here has a tool, as far as its toolsets can be opened."""
        for agent in self._all():
            with contextlib.suppress(RemitError):
                if name in await self._home.toolsets.tools(agent):
                    return True
        return False

    def breakers(self) -> tuple[BreakerView, ...]:
        """List the circuits of this process."""
        found = self._home.breakers.snapshot()
        return tuple(
            BreakerView(name=name, state=one.state, failures=one.failures, wait_s=round(one.wait, 3))
            for name, one in found.items()
        )

    async def budget(self, principal: Principal) -> BudgetView:
        """Say what the principal's tenant has spent today, and what it may."""
        name, today = principal.tenant, day(now_ms())
        tenant = self._home.tenants.get(name)
        spent = await self._home.store.used(spent_account(name, today))
        cap = None if tenant is None or tenant.usd_per_day is None else usd(nanos(tenant.usd_per_day))
        return BudgetView(
            tenant=name,
            day=today,
            spent_usd=usd(spent),
            cap_usd=cap,
            running=await self._home.store.used(running_account(name)),
            running_cap=tenant.sessions if tenant else None,
        )

    async def holds(self, principal: Principal) -> Holds:
        """Say in which sessions of a tenant money is held for acts under way, the most first."""
        found: list[HoldView] = []
        more = False
        for status, most in _HOLDING:
            rows = await self._home.sessions(SessionQuery(status=status, tenant=principal.tenant, limit=most + 1))
            more |= len(rows) > most
            for row in rows[:most]:
                living = self._home.lives.living(row.id)
                run = (living.state if living else await self._owned.state(principal, row.id)).run
                if run is not None and run.held:
                    hold = HoldView(session=row.id, agent=row.agent, held_usd=usd(run.held), spent_usd=usd(run.spent))
                    found.append(hold)
        found.sort(key=lambda one: -one.held_usd)
        return Holds(held_usd=sum(one.held_usd for one in found), holds=tuple(found[:_SHOWN]), more=more)

    async def blob(self, principal: Principal, session: str, digest: str) -> Blob:
        """Give bytes by their digest, if an event of this session says that they belong to it."""
        for record in await self._owned.records(principal, session):
            for blob, media, name in _named(record.event):
                if blob == digest:
                    try:
                        body = await self._home.store.get(blob)
                    except JournalError:
                        break
                    return Blob(body, media if _MEDIA.fullmatch(media) else "application/octet-stream", name)
        raise RefusedError("unknown", f"no blob {digest!r} in session {session!r}")

    async def artefacts(self, principal: Principal, session: str) -> tuple[ArtefactView, ...]:
        """List the files of a session: attachments that came, and what programs left, in their order."""
        found: list[ArtefactView] = []
        for record in await self._owned.records(principal, session):
            for part in _parts(record.event):
                if part.blob:
                    view = ArtefactView(
                        name=part.name, media=part.media, size=part.size, digest=part.blob, seq=record.seq, at=record.at
                    )
                    found.append(view)
        return tuple(found)

    async def artefact(self, principal: Principal, session: str, name: str) -> Blob:
        """Give a file of a session by its name, the newest of those that have it; raise `RefusedError` for none."""
        same = [one for one in await self.artefacts(principal, session) if one.name == name]
        if not same:
            raise RefusedError("unknown", f"no file {name!r} in session {session!r}; its artefacts are listed")
        return await self.blob(principal, session, same[-1].digest)

    async def ready(self) -> bool:
        """Say whether the store answers soon: whoever asks waits less long than a request of somebody with work."""
        try:
            async with asyncio.timeout(_SOON):
                await self._home.store.used("ready")
        except (JournalError, TimeoutError):
            return False
        return True

    def _all(self) -> tuple[Agent, ...]:
        return tuple(self._agents.values())


def _named(event: Event) -> tuple[tuple[str, str, str], ...]:
    """List the blobs of an event with their media type and name; never by what a text says."""
    match event:
        case EffectEnded():
            blob = event.outcome.blob
            return ((blob, "application/json", ""),) if blob else ()
        case _:
            return tuple((part.blob, part.media, part.name) for part in _parts(event) if part.blob)


def _parts(event: Event) -> tuple[Part, ...]:
    match event:
        case MessageReceived():
            return event.parts
        case ProgramEnded():
            return event.artefacts
        case _:
            return ()
