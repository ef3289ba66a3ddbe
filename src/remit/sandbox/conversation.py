"""Conversation: what a program says from its box, bounded and checked before any of it is believed."""

import asyncio
import struct
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from remit.core.programs import Bounds, Bridge, Interrupt, Status
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.inside.framing import HEADER

_DEEPEST = 64
_LEAST, _LARGEST = -(1 << 63), (1 << 64) - 1
_QUICK = 50_000
"""Bytes of a frame that are read and checked at once."""
_SLACK = 4096
"""Bytes of a frame beside the value in it."""

T = TypeVar("T")


class ForgedError(Exception):
    """What came is none of the frames that an honest process sends."""


class TooLargeError(Exception):
    """A frame is larger than its bound."""


class Line(Protocol):
    """Bytes to and from the process of a program."""

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the other end is closed."""
        ...

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody reads."""
        ...


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


class Conversation:
    """Follows what one program says to its last word, and makes the calls of tools that it asks for."""

    def __init__(self, line: Line, bounds: Bounds, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> None:
        """Talk over the line."""
        self._line, self._bounds, self._tools, self._bridge = line, bounds, tools, bridge
        self._size = 0
        self.last: Done | Failed | Exhausted | None = None
        """How the program says that it ended; `None` while it says nothing."""
        self.verdict: tuple[Status, str] | None = None
        """Why it must be ended, whatever it says."""
        self.calls = 0
        self.calling = False
        """Whether a tool is being waited for."""
        self.left = bounds.wall
        """Seconds that the program may still take."""
        self.over = False
        """Set by whoever starts it: its process is gone, so it can ask for nothing any more."""

    async def follow(self) -> None:
        """Talk until the program ends, or must be ended: then `verdict` says why."""
        try:
            while not self.last:
                said = await self._timed(self._hear())
                if said is None:
                    return
                if isinstance(said, Call):
                    await self._answer(said)
                else:
                    self.last = said
            if await self._timed(self._line.read(1)):
                self._end("killed", "the program sent a frame after the last")
        except TimeoutError:
            self._end("timeout", f"more than {self._bounds.wall:g} s")
        except TooLargeError as error:
            self._end("output_limit", f"{error}, where {self._bounds.output:,} are allowed")
        except ForgedError as error:
            self._end("killed", f"the program sent {error}")
        except Interrupt as interrupt:
            self._end("killed", f"interrupted: {interrupt}" if str(interrupt) else "interrupted")
        except OSError:
            self._end("killed", "the program stopped listening")

    def believed(self) -> tuple[Status, str]:
        """Say how it ended by its own word, for a process that ended well."""
        if self.last is None:
            return "killed", "the process ended without a result"
        if isinstance(self.last, Exhausted):
            return "oom", f"more than {self._bounds.memory:,} bytes"
        if isinstance(self.last, Failed):
            return "error", ""
        if self._size > self._bounds.output + 32:
            return "output_limit", f"a value of more than {self._bounds.output:,} bytes"
        return "ok", ""

    def _end(self, status: Status, why: str) -> None:
        self.verdict = self.verdict or (status, why)

    async def _timed(self, wait: Coroutine[Any, Any, T]) -> T:
        """Wait on the program's time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(max(self.left, 0.0)):
                return await wait
        finally:
            self.left -= loop.time() - began

    async def _hear(self) -> Said | None:
        header = await self._line.read(HEADER)
        if len(header) < HEADER:
            return None
        size: int = struct.unpack(">I", header)[0]
        if size > self._bounds.output + _SLACK:
            raise TooLargeError(f"a frame of {size:,} bytes")
        body = await self._line.read(size)
        if len(body) < size:
            return None
        self._size = size
        if size <= _QUICK:
            return _understood(body)
        # On the program's time, as all of this, and not on everybody else's.
        return await asyncio.to_thread(_understood, body)

    async def _answer(self, call: Call) -> None:
        self._check(call)
        if self.over:
            return
        self.calls += 1
        self.calling = True
        try:
            answer: JsonObject = {"id": call.id, "value": await self._bridge(call.tool, call.arguments)}
            body = msgspec.json.encode(answer)
        except Interrupt:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a tool raises, the program sees)
            # Halves of surrogate pairs are no text that could be written.
            text = (str(error) or type(error).__name__).encode("utf-8", "replace").decode()
            body = msgspec.json.encode({"id": call.id, "error": text})
        finally:
            self.calling = False
        await self._timed(self._line.write(struct.pack(">I", len(body)) + body))

    def _check(self, call: Call) -> None:
        if call.id != self.calls + 1:
            raise ForgedError(f"a call with another number than {self.calls + 1}, which was next")
        if call.tool not in self._tools or not set(call.arguments) <= set(self._tools[call.tool]):
            raise ForgedError("a call of no tool that it has")
        if call.id > self._bounds.calls:
            raise ForgedError(f"more than {self._bounds.calls} calls")


def _understood(body: bytes) -> Said:
    try:
        said = _said.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ForgedError("a frame that no program sends") from error
    held = said.arguments if isinstance(said, Call) else said.value if isinstance(said, Done) else said.line
    if not _sound(held):
        raise ForgedError("a frame that is nested too deep, or has a number that is too large")
    return said


def _sound(value: JsonValue) -> bool:
    """Whether a value can be written again by whoever keeps it: not too deep, and no integer of more than 64 bits."""
    level: list[JsonValue] = [value]
    for _depth in range(_DEEPEST):
        if not level:
            return True
        if any(isinstance(each, int) and not _LEAST <= each <= _LARGEST for each in level):
            return False
        deeper: list[JsonValue] = []
        for each in level:
            deeper += each if isinstance(each, list) else each.values() if isinstance(each, dict) else ()
        level = deeper
    return False
