"""FleetDriver: has sessions driven by whichever worker of the fleet is free; this process may be one."""

import contextlib
from collections.abc import Mapping

from remit.core.agent import Agent
from remit.home import Home
from remit.server.fleet.control import Control
from remit.server.fleet.deltas import Deltas
from remit.server.fleet.worker import Worker, shared


class FleetDriver:
    """What is written to a session is deferred by the same transaction, so nothing is left to be done here."""

    def __init__(self, home: Home, agents: Mapping[str, Agent], worker: Worker | None = None) -> None:
        """Serve these agents, and be the `worker` too, if there is one."""
        self._home, self._agents, self._worker = home, agents, worker
        self._control = Control(shared(home).signals, self._pause_here, self.switched)
        self._deltas = Deltas(shared(home).signals, home)
        self._ending = contextlib.AsyncExitStack()
        self._draining = False

    @property
    def draining(self) -> bool:
        """See `Drives.draining`."""
        return self._draining

    @property
    def agents(self) -> tuple[Agent, ...]:
        """See `Drives.agents`."""
        return tuple(self._agents.values())

    @property
    def elsewhere(self) -> Deltas:
        """See `Drives.elsewhere`."""
        return self._deltas

    def serves(self, agent: str) -> Agent | None:
        """See `Drives.serves`."""
        return self._agents.get(agent)

    def working(self) -> int:
        """See `Drives.working`."""
        return self._worker.working() if self._worker is not None else 0

    def wake(self, session: str) -> None:
        """See `Drives.wake`."""
        self._home.lives.stir(session)

    async def force(self, session: str) -> None:
        """See `Drives.force`; durable when this returns."""
        await shared(self._home).queue.put(session, forced=True)

    async def pause(self, session: str, why: str) -> bool:
        """See `Drives.pause`: whichever process drives it is asked."""
        return await self._control.pause(session, why)

    def _pause_here(self, session: str, why: str) -> bool:
        living = self._home.lives.living(session)
        if living is not None:
            living.pause(why)
        return living is not None

    def switched(self) -> None:
        """See `Drives.switched`."""
        if self._worker is not None and not self._draining:
            self._worker.switched()

    async def start(self) -> None:
        """See `Drives.start`; raise `ConfigError` when there cannot be a queue."""
        await shared(self._home).queue.install()
        await self._ending.enter_async_context(self._control)
        await self._ending.enter_async_context(self._deltas)
        if self._worker is not None:
            await self._worker.start()

    async def drain(self, grace: float) -> None:
        """See `Drives.drain`."""
        self._draining = True
        if self._worker is not None:
            await self._worker.drain(grace)
        await self._ending.aclose()
