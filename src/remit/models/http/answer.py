"""An answer while it is parsed: what HTTP/1.1 says of its head, its framing and its end. It does no I/O."""

import httptools

from remit.core.errors import UnreadableAnswerError

LONGEST_HEAD = 64 * 1024
"""Bytes of an answer's status line and headers, with those of interim answers before it."""


class Answer:
    """One answer of a server, fed with what the connection brings; its body waits in `pieces`."""

    __slots__ = (
        "_fed", "_parser", "_rest", "complete", "headed", "headers", "keeps", "pieces", "size", "spoilt", "status",
        "until_close",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._fed = 0
        self._rest = 0
        # It holds this answer's methods, a cycle that is broken at the end so that no collector has to.
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.headed = False
        """Whether the head is whole."""
        self.complete = False
        """Whether the body is whole."""
        self.keeps = False
        """Whether the server lets the connection be used again."""
        self.until_close = False
        """Whether the end of the connection is the end of the body."""
        self.spoilt = False
        """Whether more came than the answer: what follows on this connection belongs to nobody."""
        self.pieces: list[bytes] = []
        self.size = 0
        """Bytes in `pieces`."""

    def feed(self, data: bytes | memoryview) -> None:
        """Take in what came; raise `UnreadableAnswerError` when it is not HTTP or its head is too long."""
        parser = self._parser
        if parser is None:
            self.spoilt = True
            return
        if not self.headed:
            self._fed += len(data)
        headed, before = self.headed, self.size
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise UnreadableAnswerError("the server switched to another protocol, which nobody asked for") from None
        except httptools.HttpParserError as error:
            self.spoilt = True
            if not self.complete:
                raise UnreadableAnswerError(f"the server's answer is not HTTP/1.1: {error}") from None
        if not self.headed and self._fed > LONGEST_HEAD:
            raise UnreadableAnswerError(f"the head of the server's answer is longer than {LONGEST_HEAD} bytes")
        # What is no body, as trailers and what chunks say of themselves, has no end that anybody would see.
        self._rest = self._rest + len(data) if headed and self.size == before else 0
        if self._rest > LONGEST_HEAD and not self.complete:
            raise UnreadableAnswerError(f"{LONGEST_HEAD} bytes of the server's answer came without any of its body")

    def closed(self) -> bool:
        """Take in the end of the connection and say whether the answer is whole."""
        self._parser = None
        if self.headed and self.until_close:
            self.complete = True
        return self.complete

    def take(self) -> bytes:
        """Give the body that waits, and wait for more."""
        pieces = self.pieces
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        return whole

    def on_message_begin(self) -> None:
        """Begin an answer: the first one, one after an interim one, or one too many."""
        if self.complete:
            self.spoilt = True
        elif not self.headed:
            self.headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are not wanted."""
        if self.headed:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """Read the status and how the body ends; an interim answer (1xx) is none."""
        parser = self._parser
        if parser is None or 100 <= (status := parser.get_status_code()) < 200:
            return
        self.status = status
        self.headed = True
        self.keeps = parser.should_keep_alive()
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        self.until_close = not framed and status not in {204, 304}

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if not self.complete:
            self.pieces.append(body)
            self.size += len(body)

    def on_message_complete(self) -> None:
        """Note the end of the answer, unless it was an interim one."""
        if self.headed:
            self.complete = True
            self._parser = None
