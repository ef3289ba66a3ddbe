"""Queue: who waits for a box. First come first served within a tenant, and tenants take turns."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

import msgspec

from remit.core.programs import SandboxPolicy
from remit.sandbox.pool.entry import Entry


class Grant(msgspec.Struct, frozen=True):
    """The right to a box: one that is there, or to open one."""

    entry: Entry | None = None


class Request:
    """One who waits."""

    def __init__(self, tenant: str, policy: SandboxPolicy, since: float) -> None:
        """Wait since then."""
        self.tenant, self.policy, self.since = tenant, policy, since
        self.granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()


class FairQueue:
    """Requests by tenant, and whose turn it is."""

    def __init__(self) -> None:
        """Have nobody waiting."""
        self._tenants: OrderedDict[str, deque[Request]] = OrderedDict()

    def __len__(self) -> int:
        """Count all who wait."""
        return sum(map(len, self._tenants.values()))

    def __iter__(self) -> Iterator[Request]:
        """Go over all who wait."""
        for waiting in self._tenants.values():
            yield from waiting

    def push(self, request: Request) -> None:
        """Come last of the tenant; a tenant that did not wait comes after those who do."""
        self._tenants.setdefault(request.tenant, deque()).append(request)

    def remove(self, request: Request) -> None:
        """Wait no longer, if it does."""
        waiting = self._tenants.get(request.tenant, deque())
        if request in waiting:
            waiting.remove(request)
            if not waiting:
                del self._tenants[request.tenant]

    def serve(self, take: Callable[[Request], Grant | None]) -> None:
        """Grant what can be granted, one request a tenant in turn, until nobody's first can be."""
        served = True
        while served:
            served = False
            for tenant in list(self._tenants):
                request = self._tenants[tenant][0]
                # One that was cancelled is still here until its task runs again.
                dead = request.granted.done()
                grant = None if dead else take(request)
                if not dead and grant is None:
                    continue
                served = True
                self.remove(request)
                if grant is not None:
                    request.granted.set_result(grant)
                    if tenant in self._tenants:
                        self._tenants.move_to_end(tenant)
