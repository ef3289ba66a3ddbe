"""Sockets to processes of a sandbox."""

import asyncio
import json
import select
import socket
import struct
from collections.abc import Sequence
from typing import cast

from remit.core.values import JsonObject
from remit.sandbox.inside.framing import HEADER, LARGEST, pack
from remit.sandbox.sockets import received


class Link:
    """One end of a socket, read and written by frames."""

    def __init__(self, end: socket.socket) -> None:
        """Take over the socket."""
        end.setblocking(False)  # noqa: FBT003
        self._socket = end

    async def send(self, frame: JsonObject, data: bytes = b"") -> None:
        """Send a frame and bytes after it; raise `OSError` when nobody is there."""
        await self.write(pack(cast("dict[str, object]", frame)) + data)

    def hand(self, frame: JsonObject, descriptors: Sequence[int] = ()) -> None:
        """Send a small frame and copies of descriptors at once; raise `OSError` when nobody is there, or reads."""
        packed = pack(cast("dict[str, object]", frame))
        if socket.send_fds(self._socket, [packed], list(descriptors)) < len(packed):
            raise BlockingIOError("the other end does not read")

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody is there."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the other end is closed."""
        return await received(self._socket, count)

    async def receive(self) -> JsonObject | None:
        """Read a frame of ours; none when the other end is closed."""
        header = await self.read(HEADER)
        if len(header) < HEADER:
            return None
        size: int = struct.unpack(">I", header)[0]
        body = await self.read(size) if size <= LARGEST else b""
        return cast("JsonObject", json.loads(body)) if len(body) == size else None

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self._socket.fileno() < 0

    @property
    def hung_up(self) -> bool:
        """Whether the other end is closed."""
        poll = select.poll()
        poll.register(self._socket, 0)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
