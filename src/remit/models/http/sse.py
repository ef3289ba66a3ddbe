"""Server-sent events: a stream of bytes cut into events."""

import msgspec


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One event; its data as it came, several data lines joined by a line feed."""

    name: str
    """What the `event` field says; empty when there is none."""
    data: bytes
