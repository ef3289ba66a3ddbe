"""The socket to the process beside a box."""

import asyncio
import socket

from remit.sandbox.sockets import received


class Link:
    """One end of a socket, as a channel."""

    def __init__(self, end: socket.socket) -> None:
        """Take over the socket."""
        end.setblocking(False)  # noqa: FBT003 - the parameter has no name
        self._socket = end

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the other end is closed."""
        return await received(self._socket, count)

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody is there."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
