"""Reading: a body as a whole, of at most so many bytes however it is packed."""

import zlib

PACKED = frozenset({"gzip", "x-gzip"})
_GZIP = 31
"""zlib's word for a window of 32 KiB with a gzip header."""


class TooLargeError(ValueError):
    """A body has more bytes than anybody wants; the message says how many those are."""


class Body:
    """Takes a body in pieces and unpacks it; never holds more than the largest that is wanted, and one piece."""

    def __init__(self, coding: str, largest: int) -> None:
        """Take the `Content-Encoding`; raise `ValueError` for one that nobody asked for."""
        word = coding.strip().lower()
        if word not in PACKED and word not in {"", "identity"}:
            raise ValueError(f"the answer is packed as {word[:40]!r}, which nobody asked for")
        self._unpacker = zlib.decompressobj(_GZIP) if word in PACKED else None
        self._parts: list[bytes] = []
        self._came, self._size, self._largest = 0, 0, largest

    @property
    def came(self) -> int:
        """Bytes that came, packed as they were."""
        return self._came

    def feed(self, piece: bytes) -> None:
        """Take a piece; raise `TooLargeError` when it is too much, `ValueError` when it is damaged."""
        self._came += len(piece)
        while piece:
            piece = self._take(piece)

    def whole(self) -> bytes:
        """Give all of it; raise `ValueError` when the end is missing."""
        if self._unpacker is not None and self._came and not self._unpacker.eof:
            raise ValueError("the packed answer has no end")
        return b"".join(self._parts)

    def _take(self, piece: bytes) -> bytes:
        """Keep what a piece holds and give what is left of it."""
        if self._unpacker is None:
            self._keep(piece)
            return b""
        if self._unpacker.eof:
            self._unpacker = zlib.decompressobj(_GZIP)
        try:
            self._keep(self._unpacker.decompress(piece, self._largest - self._size + 1))
        except zlib.error:
            raise ValueError("the packed answer is damaged") from None
        return self._unpacker.unused_data

    def _keep(self, plain: bytes) -> None:
        self._size += len(plain)
        if self._size > self._largest or self._came > self._largest:
            raise TooLargeError(f"the answer is longer than {self._largest} bytes")
        self._parts.append(plain)
