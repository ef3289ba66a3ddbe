"""Redaction: a text that comes in pieces, without any value that was split over them."""

from collections.abc import Callable

from remit.policy.secrets.forms import encoded
from remit.policy.secrets.search import WIDE, Search


class Redaction:
    """Takes a text piece by piece and gives it on as early as can be: only what may yet become a value waits.

    What it gives adds up to the redacted whole. A value registered meanwhile counts from then on.
    """

    __slots__ = ("_before", "_held", "_search")

    def __init__(self, search: Callable[[], Search | None]) -> None:
        """Begin a text; `search` gives what is looked for now, `None` while nothing is."""
        self._search = search
        self._before = self._held = b""

    def feed(self, text: str) -> str:
        """Take a piece; give what is settled."""
        search = self._search()
        return text if search is None else self._settle(search, encoded(text), over=False)

    def end(self) -> str:
        """Give what was still held back; the next piece begins another text."""
        search = self._search()
        rest = self._settle(search, b"", over=True) if search is not None and self._held else ""
        self._before = self._held = b""
        return rest

    def _settle(self, search: Search, piece: bytes, *, over: bool) -> str:
        body, at = self._before + self._held + piece, len(self._before)
        until = len(body) if over else search.pending(body, at)
        parts: list[bytes] = []
        for start, end, mark in search.spans(body, at):
            if start >= until:
                break
            parts += (body[at:start], mark)
            at = end
            if end > until:
                until = search.pending(body, end)
        parts.append(body[at:until])
        self._before, self._held = body[max(0, until - WIDE) : until], body[until:]
        return b"".join(parts).decode("utf-8", "surrogatepass")
