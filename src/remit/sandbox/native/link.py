"""Sockets to processes of a sandbox."""

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from typing import cast

from remit.core.values import JsonObject
from remit.sandbox.inside.framing import HEADER, LARGEST, pack


class Link:
    """One end of a socket, read and written by frames."""

    def __init__(self, end: socket.socket) -> None:
        """Take over the socket."""
        end.setblocking(False)  # noqa: FBT003
        self._socket = end

    async def send(self, frame: JsonObject, data: bytes = b"", descriptors: Sequence[int] = ()) -> None:
        """Send a frame, bytes after it, and copies of descriptors; raise `OSError` when nobody is there."""
        packed = pack(cast("dict[str, object]", frame)) + data
        if descriptors:
            socket.send_fds(self._socket, [packed[:HEADER]], list(descriptors))
            packed = packed[HEADER:]
        await asyncio.get_running_loop().sock_sendall(self._socket, packed)

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody is there."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the other end is closed."""
        loop, parts = asyncio.get_running_loop(), list[bytes]()
        while count:
            try:
                part = await loop.sock_recv(self._socket, min(count, 1 << 20))
            except ConnectionResetError:
                break
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

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

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
