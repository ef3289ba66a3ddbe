"""Sockets: bytes of a socket that does not block, as many as are wanted. What they are is untrusted."""

import asyncio
import socket

_PIECE = 1 << 20


async def received(end: socket.socket, count: int) -> bytes:
    """Read so many bytes, or fewer when the other end is closed or reset."""
    loop, parts = asyncio.get_running_loop(), list[bytes]()
    while count:
        try:
            part = await loop.sock_recv(end, min(count, _PIECE))
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
