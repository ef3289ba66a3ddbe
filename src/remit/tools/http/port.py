"""Sender: the one way by which tools reach HTTP. It tells what surely was not sent from what may have happened."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Outgoing(msgspec.Struct, frozen=True):
    """A request as it leaves."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: float = 30.0
    """Seconds for all of it."""
    largest: int = 10_000_000
    """Bytes of an answer that are read at most."""
    tenant: str = "default"
    """On whose behalf: whose credentials are added."""
    session: str = ""
    """Which session and call it serves, for the record."""
    call: str = ""
    trace: str = ""
    """The W3C `traceparent` of that call, which the host is told."""


class Incoming(msgspec.Struct, frozen=True):
    """An answer as a whole, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names are in lower case; values of the same name are joined by a comma."""
    body: bytes
    url: str
    """Where it came from in the end, after redirects."""


class Sender(Protocol):
    """Sends requests, once each: whether to try again is for the gateway to say."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send and read the whole answer.

        Raise `RejectedError` when surely nothing was sent, `ToolError(landing=True)` after a time-out, and `ToolError`
        for anything else that left no answer.
        """
        ...
