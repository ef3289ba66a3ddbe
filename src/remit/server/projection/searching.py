"""Searching: turns what a person types into a question that the index of words understands, whatever it is."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from remit.server.projection.writing import SHIFT

_WORD = re.compile(r"[^\W_]+")
_SOME = 2000
"""Messages that are looked up at once."""
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Search:
    """Words that must all be in one message, the last as a beginning; or how a session's id begins."""

    match: str
    """In the syntax of FTS5; empty when there is no word in it."""
    start: str
    """Empty when no id can begin like that."""


def search(text: str) -> Search:
    """Read what a person typed."""
    text = text.encode(errors="replace").decode().strip()
    words = _WORD.findall(text)
    # In quotes nothing has a meaning, and no word has a quote in it.
    match = " AND ".join(f'"{word}"' for word in words)
    return Search(f"{match}*" if words else "", "" if len(text.split()) > 1 or "\0" in text else text)


class Found:
    """The sessions that a search finds, of all tenants: looked up, the newest first, only as far as somebody asks."""

    def __init__(self, db: sqlite3.Connection, tenant: str, wanted: Search) -> None:
        """Look for the first."""
        self._start = wanted.start
        self._known = set[int]()
        self._floor = 0
        """All that are newer than this one are known."""
        if wanted.start:
            question = "SELECT number FROM sessions WHERE tenant = ? AND id >= ? AND id < ? LIMIT ?"
            rows = db.execute(question, (tenant, wanted.start, wanted.start + _LAST, _SOME)).fetchall()
            self._known = {number for (number,) in rows}
        self._few = len(self._known) < _SOME
        self._rows = None
        if wanted.match:
            question = "SELECT rowid FROM said WHERE said MATCH ? ORDER BY rowid DESC"
            self._rows = db.execute(question, (wanted.match,))
            self._more()
        self._few = self._few and self._rows is None

    @property
    def few(self) -> set[int] | None:
        """Give all of them; `None` when there are many."""
        return self._known if self._few else None

    def among(self, rows: Iterator[tuple[int, str]]) -> Iterator[int]:
        """Give those of a tenant's sessions, each with its id, that are among them."""
        for number, name in rows:
            while number <= self._floor:
                self._more()
            if number in self._known or (self._start and name.startswith(self._start)):
                yield number

    def _more(self) -> None:
        assert self._rows is not None
        rows = self._rows.fetchmany(_SOME)
        self._known.update(rowid >> SHIFT for (rowid,) in rows)
        if len(rows) < _SOME:
            self._rows, self._floor = None, 0
        else:
            self._floor = rows[-1][0] >> SHIFT
