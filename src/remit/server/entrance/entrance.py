"""Entrance: lets a request in: how much it may say, who asks, whether they may. In this order, for every front end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import BaseRoute

from remit.server.access.cookies import Cookies
from remit.server.access.port import Access, Action, Asked, Principal
from remit.server.administration import Register
from remit.server.entrance.bounds import Bounds
from remit.server.entrance.problems import ProblemError
from remit.server.service import Service

NOBODY = Principal(name="", tenant="", role="viewer")
"""Who asks for what everybody may have."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A request that was let in."""

    principal: Principal
    asked: Asked
    again: Callable[[], Awaitable[object]]
    """Raises `DeniedError` once who asks may no longer: for an answer that takes long."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Give the headers by lower-case name."""
        return self.asked.headers


@dataclass(frozen=True, slots=True)
class Entrance:
    """What all front ends of a server stand on."""

    service: Service
    access: Access
    bounds: Bounds
    cookies: Cookies | None = None
    """Lets people in with a browser; `None` where they need not show who they are."""
    register: Register | None = None
    """Keys, who is known, and the audit log; `None` where nobody may change who comes in from here."""

    async def admit(self, request: Request, action: Action | None) -> Guest:
        """Let a request in that wants to do this, `None` for what everybody may.

        Raise `ProblemError` for headers that cannot be, `DeniedError` for nobody known and for those who may not.
        """
        if sum(len(name) + len(value) for name, value in request.scope["headers"]) > self.bounds.headers:
            raise ProblemError(431, f"the headers have more than {self.bounds.headers} bytes")
        if "transfer-encoding" in request.headers and "content-length" in request.headers:
            # Whoever stands before us may have read the other one, and taken the rest for a request of somebody else.
            raise ProblemError(400, "a body has one length: Content-Length or Transfer-Encoding", close=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.client.host if request.client else ""
        asked = Asked(request.method, request.url.path, headers, peer)

        async def permitted() -> Principal:
            if action is None:
                return NOBODY
            principal = await self.access.identify(asked)
            await self.access.permit(principal, action, asked)
            return principal

        return Guest(await permitted(), asked, permitted)

    async def read(self, request: Request) -> bytes:
        """Read the body; raise `ProblemError` when there is too much of it or it comes too slowly."""
        most = self.bounds.body
        said = request.headers.get("content-length", "")
        if said.isdecimal() and int(said) > most:
            raise ProblemError(413, f"the body has more than {most} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(self.bounds.slow):
                async for piece in request.stream():
                    body += piece
                    if len(body) > most:
                        raise ProblemError(413, f"the body has more than {most} bytes")
        except TimeoutError:
            raise ProblemError(408, f"the body did not come within {self.bounds.slow:g} s") from None
        return bytes(body)


Front = Callable[[Entrance], Sequence[BaseRoute]]
"""Something to be reached beside the API, such as the console or another protocol: its routes."""
