"""Reading: a body as a whole, of at most so many bytes however it is packed."""

import zlib
from collections.abc import Iterator

PACKED = frozenset({"gzip", "x-gzip"})
_GZIP = 31
"""zlib's word for a window of 32 KiB with a gzip header."""
_AT_ONCE = 64 * 1024
"""Bytes that are unpacked at a time."""


class TooLargeError(ValueError):
    """A body has more bytes than anybody wants; the message says how many those are."""


class Unpacking:
    """Takes a body in pieces and gives it unpacked, a little at a time, however much a piece of it holds."""

    def __init__(self, coding: str, largest: int) -> None:
        """Take the `Content-Encoding`; raise `ValueError` for one that nobody asked for."""
        word = coding.strip().lower()
        if word not in PACKED and word not in {"", "identity"}:
            raise ValueError(f"the answer is packed as {word[:40]!r}, which nobody asked for")
        self._unpacker = zlib.decompressobj(_GZIP) if word in PACKED else None
        self._came, self._size, self._largest = 0, 0, largest

    @property
    def came(self) -> int:
        """Bytes that came, packed as they were."""
        return self._came

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece and give what it holds; raise `TooLargeError` when it is too much, `ValueError` for damage."""
        self._came += len(piece)
        if self._unpacker is None:
            yield self._counted(piece)
            return
        full = False
        # What no longer fitted may be kept back inside, with nothing left of the piece.
        while piece or full:
            if self._unpacker.eof:
                if not piece:
                    return
                self._unpacker = zlib.decompressobj(_GZIP)
            try:
                plain = self._unpacker.decompress(piece, _AT_ONCE)
            except zlib.error:
                raise ValueError("the packed answer is damaged") from None
            piece = self._unpacker.unconsumed_tail or self._unpacker.unused_data
            full = len(plain) == _AT_ONCE
            yield self._counted(plain)

    def end(self) -> None:
        """Raise `ValueError` when the end is missing."""
        if self._unpacker is not None and self._came and not self._unpacker.eof:
            raise ValueError("the packed answer has no end")

    def _counted(self, plain: bytes) -> bytes:
        self._size += len(plain)
        if self._size > self._largest or self._came > self._largest:
            raise TooLargeError(f"the answer is longer than {self._largest} bytes")
        return plain


class Body:
    """Takes a body in pieces and gives it whole; never holds much more than the largest that is wanted."""

    def __init__(self, coding: str, largest: int) -> None:
        """Take the `Content-Encoding`; raise `ValueError` for one that nobody asked for."""
        self._unpacking = Unpacking(coding, largest)
        self._parts: list[bytes] = []

    @property
    def came(self) -> int:
        """Bytes that came, packed as they were."""
        return self._unpacking.came

    def feed(self, piece: bytes) -> None:
        """Take a piece; raise `TooLargeError` when it is too much, `ValueError` when it is damaged."""
        self._parts += self._unpacking.feed(piece)

    def whole(self) -> bytes:
        """Give all of it; raise `ValueError` when the end is missing."""
        self._unpacking.end()
        return b"".join(self._parts)
