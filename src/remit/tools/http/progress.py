"""Progress: how far a request has come, which decides what it means when it fails."""

from typing import Any

import httpcore2

from remit.core.errors import RejectedError, ToolError

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing where they arrive. Source: RFC 9110, 9.2.1."""


class Progress:
    """Remembers whether something left, and whether a server that may have acted on it sent us on."""

    __slots__ = ("acted", "sent")

    def __init__(self) -> None:
        """Nothing has left yet."""
        self.sent = False
        self.acted = False

    async def trace(self, name: str, info: Any) -> None:
        """Take in what the connection does."""
        if name == "http11.send_request_headers.started":
            self.sent = True
        elif name == "http11.send_request_headers.failed":
            # A header that cannot be written is found out before a byte of them is.
            self.sent = not isinstance(info["exception"], httpcore2.LocalProtocolError)

    def answered(self, method: str) -> None:
        """Begin anew after a whole answer that leads elsewhere."""
        self.sent = False
        self.acted = self.acted or method not in SAFE

    def error(self, message: str, *, retryable: bool = False, landing: bool = False) -> ToolError:
        """Make the error that says as much as is known: `RejectedError` only when surely nothing happened."""
        if self.sent or self.acted:
            return ToolError(message, landing=landing)
        return RejectedError(message, retryable=retryable)
