"""Records: what an audit learns of each exchange. No header, no body and no query is in one, so no secret is."""

from collections.abc import Callable

import msgspec


class Exchange(msgspec.Struct, frozen=True):
    """One request to one host, made or refused."""

    at: int
    """Milliseconds since the epoch."""
    tenant: str
    method: str
    url: str
    """Without its query; empty when it could not be read."""
    address: str = ""
    """What was connected to; empty when nothing was."""
    status: int = 0
    """Of the answer; 0 when there is none."""
    sent: int = 0
    """Bytes of the body that was to be sent."""
    received: int = 0
    """Bytes of the answer's body, packed as they came."""
    seconds: float = 0.0
    problem: str = ""
    """Why it was refused or failed."""
    session: str = ""
    """Which session and call it served; empty when nobody said."""
    call: str = ""


Record = Callable[[Exchange], None]
"""Takes each exchange when it is over, quickly; what it raises is not caught."""


def forgotten(exchange: Exchange) -> None:
    """Keep nothing."""
