"""Visits: one request on its way through the SDK: who asks, as authentication found out, and what they may."""

from dataclasses import dataclass, field
from typing import Any, cast

from mcp.server import ServerRequestContext
from starlette.requests import Request

from remit.core.errors import ApprovalError
from remit.server.access.port import Action, DeniedError, Principal
from remit.server.entrance import Entrance, Guest
from remit.server.service import Service

VISIT = "remit.mcp.visit"
"""Where the scope of a request has the visit."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Visit:
    """One request."""

    entrance: Entrance
    guest: Guest
    call: str = ""
    """What no other call has, as far as the protocol lets one know; empty where it does not."""
    cancelled: bool = False
    """Whether the client said that it wants the call cancelled, which is more than that it left."""
    principal: Principal = field(init=False)
    """Who asks."""

    def __post_init__(self) -> None:
        """Begin with who came in."""
        self.principal = self.guest.principal

    @property
    def service(self) -> Service:
        """What does all the work."""
        return self.entrance.service

    async def permit(self, action: Action) -> None:
        """Raise `DeniedError`, and have it written down, unless who asks may do this."""
        await self.entrance.access.permit(self.principal, action, self.guest.asked)

    async def decides(self) -> Principal:
        """Give who decides, as they are now: a person may have taken long, and their right may be gone meanwhile.

        Raise `ApprovalError` when they may no longer, `DeniedError` when nobody knows them any more.
        """
        self.principal = await self.entrance.access.identify(self.guest.asked)
        try:
            await self.permit("decide")
        except DeniedError as error:
            raise ApprovalError(str(error)) from None
        return self.principal


def visit_of(context: ServerRequestContext[Any, Any]) -> Visit:
    """Give the visit that a request of the SDK is part of."""
    return cast("Visit", cast("Request", context.request).scope[VISIT])
