"""Sockets to what is in a machine. Whatever comes from there is untrusted."""

import asyncio
import socket
import struct

from remit.sandbox.inside.framing import HEADER
from remit.sandbox.sockets import received


class Link:
    """One end of a socket."""

    def __init__(self, end: socket.socket) -> None:
        """Take over the socket."""
        end.setblocking(False)  # noqa: FBT003
        self._socket = end

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody is there."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when there will be no more."""
        return await received(self._socket, count)

    async def frame(self, largest: int) -> bytes | None:
        """Read the body of a frame; none when there will be no more, or it is larger."""
        header = await self.read(HEADER)
        if len(header) < HEADER:
            return None
        size: int = struct.unpack(">I", header)[0]
        body = await self.read(size) if size <= largest else b""
        return body if body and len(body) == size else None

    def finish(self) -> None:
        """Have reading end after what has come so far."""
        try:
            self._socket.shutdown(socket.SHUT_RD)
        except OSError:
            return

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
