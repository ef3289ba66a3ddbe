"""Chained: tries one scheme after the other, slows who fails or comes too often, and writes every refusal down."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from remit.server.access.floods import Floods
from remit.server.access.paces import Pace, Pacing, neighbourhood, whole_seconds
from remit.server.access.permits import permit
from remit.server.access.port import Action, Asked, DeniedError, Principal, Scheme
from remit.server.access.records import AuditLog, AuditRecord, recorded

T = TypeVar("T")


class Chained:
    """Access to a server that others can reach: cookies, then keys, then tokens, in the order of its schemes.

    Who shows something good is always let in, however often a neighbour behind the same address has failed: secrets are
    too long to be guessed, so slowing is for the sake of the log and the machine.
    """

    def __init__(
        self,
        schemes: Sequence[Scheme],
        log: AuditLog,
        *,
        requests: Pacing | None = None,
        failures: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how often one key or person may ask, and how often one address may fail."""
        self._schemes, self._log = tuple(schemes), log
        self._requests = Pace(20, 60) if requests is None else requests
        self._failures = Pace(0.5, 10) if failures is None else failures
        self._floods = Floods(clock)

    async def identify(self, asked: Asked) -> Principal:
        """See `Access.identify`: raise `DeniedError` with 429 too, for who comes or fails too often."""
        principal = await self.trying(asked, self._recognise(asked))
        wait = self._requests.take(principal.key or f"{principal.tenant}\0{principal.name}")
        if wait:
            why = "too many requests"
            await self._refused(recorded(principal, asked, why, allowed=False), f"key\0{principal.key}{principal.name}")
            raise DeniedError(429, why, retry_after=whole_seconds(wait))
        return principal

    async def trying(self, asked: Asked, attempt: Awaitable[T]) -> T:
        """Await an attempt to be known, such as `Cookies.enter`; slow it and write it down when it fails."""
        try:
            return await attempt
        except DeniedError as error:
            wait = self._failures.take(neighbourhood(asked.peer)) if error.status == 401 else 0.0
            flood = f"peer\0{neighbourhood(asked.peer)}" if wait else ""
            await self._refused(recorded(None, asked, str(error), allowed=False), flood)
            if wait:
                why = "too many failed attempts"
                raise DeniedError(429, why, retry_after=whole_seconds(wait)) from None
            raise

    async def permit(self, principal: Principal, action: Action, asked: Asked) -> None:
        """See `Access.permit`."""
        await permit(self._log, principal, action, asked)

    async def audit(self, principal: Principal | None, asked: Asked, what: str, *, allowed: bool) -> None:
        """See `Access.audit`."""
        await self._log.write(recorded(principal, asked, what, allowed=allowed))

    async def close(self) -> None:
        """Write down what was only counted so far."""
        await self._requests.close()
        for record in self._floods.over(always=True):
            await self._log.write(record)

    async def _recognise(self, asked: Asked) -> Principal:
        for scheme in self._schemes:
            principal = await scheme.recognise(asked)
            if principal is not None:
                return principal
        raise DeniedError(401, "say who you are: with an API key, as `Authorization: Bearer remit_...`")

    async def _refused(self, record: AuditRecord, flood: str) -> None:
        for counted in self._floods.over():
            await self._log.write(counted)
        if not flood or self._floods.begins(flood, record):
            await self._log.write(record)
