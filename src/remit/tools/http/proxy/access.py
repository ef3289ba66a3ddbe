"""Access: who may use the proxy, for how much, and what is written down about it."""

from collections.abc import Callable

import msgspec

from remit.core.values import now_ms


class Terms(msgspec.Struct, frozen=True):
    """How much one proxy gives."""

    connections: int = 100
    """At the same time; further ones are told to come back."""
    head: float = 10.0
    """Seconds for the head of a request to come."""
    connect: float = 10.0
    """Seconds for a connection to where a request goes."""
    idle: float = 60.0
    """Seconds without a byte in either direction."""
    total: float = 3600.0
    """Seconds for one connection, however busy."""
    bytes: int = 1_000_000_000
    """In both directions of one connection together."""


class Access(msgspec.Struct):
    """One connection to the proxy and what came of it; no header, no body and no query is in it."""

    at: int = msgspec.field(default_factory=now_ms)
    """Milliseconds since the epoch."""
    who: str = ""
    method: str = ""
    url: str = ""
    """Without its query; of a tunnel only host and port are known."""
    address: str = ""
    """What was connected to; empty when nothing was."""
    status: int = 0
    """What the program was answered."""
    sent: int = 0
    """Bytes from the program."""
    received: int = 0
    """Bytes to the program."""
    seconds: float = 0.0
    problem: str = ""
    """Why it was refused or cut."""


Log = Callable[[Access], None]
"""Takes each access when it is over."""

Admit = Callable[[str], str | None]
"""Says who shows a token, which is empty when none is shown; `None` when nobody who may come in."""


def everybody(token: str) -> str | None:
    """Let everybody in who can reach the proxy."""
    return ""


class RefusedError(Exception):
    """A request that is not carried out."""

    def __init__(self, status: int, reason: str) -> None:
        """Say with which status and why."""
        super().__init__(reason)
        self.status, self.reason = status, reason


class Meter:
    """Counts the bytes of one connection; raises `RefusedError` when they are too many."""

    __slots__ = ("_access", "_most")

    def __init__(self, access: Access, most: int) -> None:
        """Count into an access."""
        self._access, self._most = access, most

    def sent(self, size: int) -> None:
        """Count what comes from the program."""
        self._access.sent += size
        self._check()

    def received(self, size: int) -> None:
        """Count what goes to the program."""
        self._access.received += size
        self._check()

    def _check(self) -> None:
        if self._access.sent + self._access.received > self._most:
            raise RefusedError(413, f"more than {self._most} bytes")
