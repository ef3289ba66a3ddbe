"""Driving: runs that MCP clients begin at a home. The same call again is never made twice, it finds the first."""

import asyncio
import hashlib
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import anyio

from remit.apps.mcp.port import Tell, Wish
from remit.core.agent import Agent
from remit.core.errors import ApprovalError, UnknownSessionError
from remit.core.state import State
from remit.core.values import digest
from remit.home import Home
from remit.runtime import RunResult, cancel
from remit.telemetry import Timeline

PREFIX = "mcp-"
"""How the names of these sessions begin; no others can be gone on with by a client."""

_GRACE = 10.0
"""Seconds that a run whose client has left has to come to an end that leaves no doubt."""


@dataclass(eq=False, slots=True)
class Driving:
    """The runs that clients of one home began."""

    home: Home
    tenant: str = ""
    """Who pays; empty for the home's first tenant."""
    _waiting: dict[str, str] = field(default_factory=dict[str, str])
    """The session of a wish that waits for a person: asked again, it is looked after and not made anew."""
    _driving: dict[str, asyncio.Task[RunResult]] = field(default_factory=dict[str, "asyncio.Task[RunResult]"])
    """By session: one whose client has left is found again here."""

    async def run(self, agent: Agent, wish: Wish, tell: Tell) -> RunResult:
        """Have an agent do what is wanted, or say what came of it when it was wanted before.

        A client that leaves cancels the run, unless it gave a key, for then it may come back for the result.
        """
        asked = digest([agent.name, wish.text, wish.session])
        begun = self._waiting.get(asked, "") or (_named(agent, wish.key) if wish.key else "")
        result = await self._again(agent, begun, tell, lasting=bool(wish.key)) if begun else None
        if result is None:
            name = begun or wish.session or f"{PREFIX}{secrets.token_hex(8)}"
            driving = self.home.run(agent, wish.text, session=name, tenant=self.tenant, trace=wish.trace)
            result = await self._driven(name, driving, tell, lasting=bool(wish.key))
        if result.status == "waiting":
            self._waiting[asked] = result.session
        else:
            self._waiting.pop(asked, None)
        return result

    async def resume(self, agent: Agent, name: str, tell: Tell) -> RunResult:
        """Go on after a decision."""
        result = await self._driven(name, self.home.resume(agent, name), tell, lasting=False)
        if result.status != "waiting":
            self._waiting = {asked: session for asked, session in self._waiting.items() if session != name}
        return result

    async def _again(self, agent: Agent, name: str, tell: Tell, *, lasting: bool) -> RunResult | None:
        driving = self._driving.get(name)
        if driving is not None:
            return await asyncio.shield(driving)
        records = await self.home.store.read(name)
        if not records:
            return None
        state = State.fold(record.event for record in records)
        last = state.last
        if state.run is not None or state.inbox or last is None:
            return await self._driven(name, self.home.resume(agent, name), tell, lasting=lasting)
        return RunResult(name, last.run, last.status, last.output, last.reason, last.spent)

    async def _driven(
        self, name: str, driving: Coroutine[Any, Any, RunResult], tell: Tell, *, lasting: bool
    ) -> RunResult:
        story = _Story(self.home, name, tell)
        await story.begin()
        # A task of its own, since a client that leaves must not tear the run apart.
        task = self._driving[name] = asyncio.create_task(driving)
        task.add_done_callback(lambda _: self._driving.pop(name, None))
        telling = asyncio.create_task(story.tell_on())
        try:
            await asyncio.wait({task})
            result = task.result()
            if await story.unfinished():
                await asyncio.wait({telling})
            return result
        except asyncio.CancelledError:
            telling.cancel()
            with anyio.CancelScope(shield=True):
                await self._left(name, task, lasting=lasting)
            raise
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _left(self, name: str, task: asyncio.Task[RunResult], *, lasting: bool) -> None:
        """Let a run end whose client has left, so that nothing of it is in doubt."""
        if not lasting:
            try:
                await cancel(self.home.store, name, by="mcp", reason="the client left or cancelled")
            except (ApprovalError, UnknownSessionError):
                # Nothing was begun, or it is over.
                task.cancel()
        await asyncio.wait({task}, timeout=_GRACE)


@dataclass(slots=True)
class _Story:
    """Tells a client what happens in a session from now on, in order and each thing once."""

    home: Home
    name: str
    tell: Tell
    _timeline: Timeline = field(default_factory=Timeline)
    _told: int = 0
    _end: int | None = None

    async def begin(self) -> None:
        """Take in what was before."""
        for record in await self.home.store.read(self.name):
            self._timeline.see(record)
            self._told = record.seq

    async def tell_on(self) -> None:
        """Tell, until all was told once there is an end."""
        async for record in self.home.store.follow(self.name, after=self._told):
            row = self._timeline.see(record)
            if row is not None:
                await self.tell(row)
            self._told = record.seq
            if self._end is not None and self._told >= self._end:
                return

    async def unfinished(self) -> bool:
        """Say that what is written now is all; true while some of it is still to be told."""
        left = await self.home.store.read(self.name, after=self._told)
        self._end = left[-1].seq if left else self._told
        return self._told < self._end


def _named(agent: Agent, key: str) -> str:
    return PREFIX + hashlib.sha256(f"{agent.name}\0{key}".encode()).hexdigest()[:24]
