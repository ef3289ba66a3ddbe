"""Server-sent events: a stream of bytes cut into events, the same however the bytes are split.

Source: WHATWG, "HTML Living Standard", 9.2.6 Interpreting an event stream.
"""

import msgspec

from remit.core.errors import UnreadableAnswerError

LONGEST = 16 * 1024 * 1024
"""Bytes of one event."""

_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One event; its data as it came, several data lines joined by a line feed."""

    name: str
    """What the `event` field says; empty when there is none."""
    data: bytes


class EventStream:
    """Cuts bytes into events; an event without data is none, and the fields `id` and `retry` mean nothing here."""

    def __init__(self, limit: int = LONGEST) -> None:
        """Refuse an event of more than `limit` bytes."""
        self._limit = limit
        self._rest: list[bytes] = []
        self._held = 0
        self._line_ended = False
        self._after_cr = False
        self._begun = False

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Give the events that end in this piece; raise `UnreadableAnswerError` when one is too long."""
        if b"\r" in piece or self._after_cr:
            piece = self._plain(piece)
        if not piece:
            return []
        if b"\n\n" not in piece and not (self._line_ended and piece.startswith(b"\n")):
            self._keep(piece)
            return []
        if self._rest:
            piece = b"".join((*self._rest, piece))
            self._rest.clear()
            self._held = 0
        if not self._begun:
            self._begun = True
            piece = piece.removeprefix(_BOM)
        blocks = piece.split(b"\n\n")
        self._line_ended = False
        if last := blocks.pop():
            self._keep(last)
        return [event for block in blocks if (event := self._event(block)) is not None]

    def end(self) -> list[ServerSentEvent]:
        """Forget an event that was begun, which the standard says is none, and be ready for another stream."""
        self._rest.clear()
        self._held = 0
        self._line_ended = self._after_cr = self._begun = False
        return []

    def _plain(self, piece: bytes) -> bytes:
        """Make every line end a line feed; one that is split between CR and LF is one line end."""
        if not piece:
            return piece
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, piece: bytes) -> None:
        # A list, for an event that comes in thousands of pieces would be copied as often if they were joined here.
        self._rest.append(piece)
        self._held += len(piece)
        self._line_ended = piece.endswith(b"\n")
        if self._held > self._limit + 1:
            raise self._too_long()

    def _event(self, block: bytes) -> ServerSentEvent | None:
        if len(block) > self._limit:
            raise self._too_long()
        if block.startswith(b"data: ") and b"\n" not in block:
            return ServerSentEvent("", block[6:])
        name = ""
        data: list[bytes] = []
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ").decode("utf-8", "replace")
        return ServerSentEvent(name, b"\n".join(data)) if data else None

    def _too_long(self) -> UnreadableAnswerError:
        return UnreadableAnswerError(f"an event of the answer is longer than {self._limit} bytes")
