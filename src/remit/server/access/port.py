"""The port of access: who asks, what they may do, and who refused them. Nobody is believed who only says so."""

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from remit.core.errors import RemitError

Role = Literal["viewer", "operator", "developer", "admin"]
"""What a person or program may do: look; approve, settle and stop too; run agents, fork and replay too; everything."""

ROLES: tuple[Role, ...] = ("viewer", "operator", "developer", "admin")

Action = Literal["look", "decide", "stop", "work", "administer"]
"""What a request wants: to see, to decide for a person, to stop something, to give work to agents, to change access."""

MAY: Mapping[Role, frozenset[Action]] = {
    "viewer": frozenset({"look"}),
    "operator": frozenset({"look", "decide", "stop"}),
    "developer": frozenset({"look", "stop", "work"}),
    "admin": frozenset({"look", "decide", "stop", "work", "administer"}),
}


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from, as authentication found out."""

    name: str
    """What decisions and audit records are signed with; never what the request says."""
    tenant: str
    role: Role
    key: str = ""
    """The id of the API key it came with; empty for people."""
    how: Literal["key", "token", "cookie", "local"] = "key"


class DeniedError(RemitError):
    """A request is refused; the status is 401 when nobody knows who asks, 403 when they may not, 429 when too often.

    It is 503 when nobody can tell for now, as the identity provider does not answer: the same token may be good later.
    """

    def __init__(self, status: Literal[401, 403, 429, 503], why: str, *, retry_after: float | None = None) -> None:
        """Say why, in words that help an honest client and tell a stranger nothing."""
        super().__init__(why)
        self.status, self.retry_after = status, retry_after


class Asked(msgspec.Struct, frozen=True):
    """What is known of a request before anybody looks at its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    peer: str = ""
    """The address it comes from."""


class Scheme(Protocol):
    """One way to show who asks, such as keys."""

    async def recognise(self, asked: Asked) -> Principal | None:
        """Say who asks; give `None` when it shows nothing of this kind, raise `DeniedError` when that is wrong."""
        ...


class Access(Protocol):
    """Tells who asks, and writes down whom it refused."""

    async def identify(self, asked: Asked) -> Principal:
        """Say who asks; raise `DeniedError` for nobody known."""
        ...

    async def permit(self, principal: Principal, action: Action, asked: Asked) -> None:
        """Raise `DeniedError`, and write it down, unless they may."""
        ...

    async def audit(self, principal: Principal | None, asked: Asked, what: str, *, allowed: bool) -> None:
        """Write down what somebody did or was refused, for good."""
        ...
