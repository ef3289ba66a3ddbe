"""Frames between processes: four bytes of length, then JSON. The same on both sides of every socket."""

import json
import os
import socket
import struct
from typing import cast

HEADER = 4
LARGEST = 64_000_000
"""Bytes of a frame between processes that trust each other."""

Frame = dict[str, object]


def pack(frame: Frame) -> bytes:
    """Write a frame."""
    body = json.dumps(frame, allow_nan=False).encode()
    return struct.pack(">I", len(body)) + body


def read(descriptor: int, count: int) -> bytes | None:
    """Read so many bytes; none when the other end is closed."""
    parts: list[bytes] = []
    while count:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def write(descriptor: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def receive(descriptor: int) -> Frame | None:
    """Read a frame; none when the other end is closed."""
    header = read(descriptor, HEADER)
    body = header and read(descriptor, struct.unpack(">I", header)[0])
    return cast("Frame", json.loads(body)) if body else None


def receive_with(link: socket.socket, most: int) -> tuple[Frame | None, list[int]]:
    """Read a frame and the descriptors that came with its header."""
    header, descriptors, _flags, _address = socket.recv_fds(link, HEADER, most)
    if len(header) == 0:
        return None, descriptors
    if len(header) < HEADER:
        header += read(link.fileno(), HEADER - len(header)) or b""
    body = read(link.fileno(), struct.unpack(">I", header)[0])
    return (cast("Frame", json.loads(body)) if body else None), descriptors
