"""Sockets to processes of a sandbox. What comes over one to a program is untrusted: bounded, then checked."""

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from typing import cast

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native.inside.framing import HEADER, LARGEST, pack

_DEEPEST = 64


class ForgedError(Exception):
    """What came is none of the frames that an honest process sends."""


class TooLargeError(Exception):
    """A frame is larger than its bound."""


class Call(msgspec.Struct, frozen=True, tag_field="kind", tag="call", forbid_unknown_fields=True):
    """A program calls a tool."""

    id: int
    tool: str
    arguments: JsonObject


class Done(msgspec.Struct, frozen=True, tag_field="kind", tag="done", forbid_unknown_fields=True):
    """A program says that it came to its end."""

    value: JsonValue


class Failed(msgspec.Struct, frozen=True, tag_field="kind", tag="error", forbid_unknown_fields=True):
    """A program says that it raised."""

    error: str
    line: int


class Exhausted(msgspec.Struct, frozen=True, tag_field="kind", tag="oom", forbid_unknown_fields=True):
    """A program says that it had no memory left."""

    error: str
    line: int


Said = Call | Done | Failed | Exhausted
_said: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def _shallow(value: JsonValue) -> bool:
    level: list[JsonValue] = [value]
    for _depth in range(_DEEPEST):
        if not level:
            return True
        deeper: list[JsonValue] = []
        for each in level:
            deeper += each if isinstance(each, list) else each.values() if isinstance(each, dict) else ()
        level = deeper
    return False


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

    async def answer(self, body: bytes) -> None:
        """Send a frame that is JSON already."""
        await asyncio.get_running_loop().sock_sendall(self._socket, struct.pack(">I", len(body)) + body)

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

    async def _body(self, most: int) -> bytes | None:
        header = await self.read(HEADER)
        if len(header) < HEADER:
            return None
        size: int = struct.unpack(">I", header)[0]
        if size > most:
            raise TooLargeError(f"a frame of {size:,} bytes")
        body = await self.read(size)
        return body if len(body) == size else None

    async def receive(self) -> JsonObject | None:
        """Read a frame of ours; none when the other end is closed."""
        body = await self._body(LARGEST)
        return None if body is None else cast("JsonObject", json.loads(body))

    async def hear(self, most: int) -> tuple[Said, int] | None:
        """Read what a program says and how many bytes that took; raise `ForgedError` or `TooLargeError`."""
        body = await self._body(most)
        if body is None:
            return None
        try:
            said = _said.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ForgedError("a frame that no program sends") from error
        held = said.arguments if isinstance(said, Call) else said.value if isinstance(said, Done) else None
        if not _shallow(held):
            raise ForgedError("a frame that is nested too deep")
        return said, len(body)

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
