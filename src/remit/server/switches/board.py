"""Board: what is off, in the memory of this process, agreeing with the store that all processes share."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence

from remit.core.errors import RemitError
from remit.core.values import now_ms
from remit.server.switches.port import Switch, Switchable, SwitchStore

_log = logging.getLogger("remit.server")

EVERY = 1.0
"""Seconds between looks at what other processes switched, where nobody tells of it sooner."""

_REASON = 1000
"""How much of a reason is kept, in characters."""

Told = Callable[[], None]
"""Hears that something was switched, off or on."""


class Board:
    """Says at once whether something is off; whoever asks never waits for the store."""

    def __init__(self, store: SwitchStore, *, every: float = EVERY) -> None:
        """Know of none until `start`."""
        self._store, self._every = store, every
        self._off: dict[tuple[str, Switchable, str], Switch] = {}
        self._told: list[Told] = []

    def watch(self, tell: Told) -> None:
        """Have somebody told of every change."""
        self._told.append(tell)

    def off(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        """Give the switch by which something is off; `None` when it is on."""
        return self._off.get((tenant, kind, name))

    def held(self, tenant: str, agent: str) -> Switch | None:
        """Give the switch that holds the sessions of an agent of a tenant back; `None` when none does."""
        return self.off(tenant, "tenant", tenant) or self.off(tenant, "agent", agent)

    def why(self, tenant: str, agent: str) -> str:
        """Say why the sessions of an agent of a tenant are held back; nothing when they are not."""
        found = self.held(tenant, agent)
        return found.why if found is not None else ""

    def of(self, tenant: str) -> tuple[Switch, ...]:
        """List what is off for a tenant, newest first."""
        return tuple(sorted((one for one in self._off.values() if one.tenant == tenant), key=lambda one: -one.at))

    async def switch_off(self, tenant: str, kind: Switchable, name: str, *, by: str, reason: str = "") -> Switch:
        """Switch something off; durable and heeded here when this returns. It stays as it is when it was off."""
        kept = await self._store.put(
            Switch(kind=kind, name=name, tenant=tenant, by=by, at=now_ms(), reason=reason[:_REASON])
        )
        self._see(await self._store.all())
        return kept

    async def switch_on(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        """Switch something on again, and give what kept it off; `None` when nothing did."""
        taken = await self._store.take(tenant, kind, name)
        self._see(await self._store.all())
        return taken

    async def look(self) -> None:
        """Take in what other processes switched."""
        self._see(await self._store.all())

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator["Board"]:
        """Agree with the store meanwhile; raise `RemitError` when it cannot be read at the start."""
        await self.look()
        looking = asyncio.create_task(self._keep_looking(), name="remit-switches")
        try:
            yield self
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            await self._store.wait(self._every)
            try:
                await self.look()
            except RemitError as error:
                # What is known to be off stays off.
                _log.warning("cannot look for what other processes switched: %s", error)

    def _see(self, found: Sequence[Switch]) -> None:
        now: dict[tuple[str, Switchable, str], Switch] = {(one.tenant, one.kind, one.name): one for one in found}
        before, self._off = self._off, now
        if before != now:
            for tell in self._told:
                tell()
