"""Keywords: the words of tools in a full-text index in memory, ranked by BM25 over weighted columns.

Sources: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; Porter, "An algorithm
for suffix stripping", 1980; both as SQLite's FTS5 has them.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from remit.core.toolspec import ToolSpec
from remit.core.values import JsonValue
from remit.tools.search.areas import area
from remit.tools.search.words import meanings, wanted, words

_TABLE = """
CREATE VIRTUAL TABLE tools USING fts5 (
    name, description, arguments, source, meaning, content = '', tokenize = 'porter unicode61 remove_diacritics 2')
"""
_BEST = "SELECT rowid FROM tools WHERE tools MATCH ? ORDER BY bm25(tools, 4, 2, 1, 2, 2), rowid LIMIT ?"
_TEXT = "{name description arguments source}"

_LONGEST = 2000
"""Characters of a description, and of all arguments, that are looked at: nobody is found by the length of a text."""
_DEEPEST = 4
"""Levels of nested arguments whose names are looked at."""


class Keywords:
    """The words of tools, in the order the tools were given."""

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        """Take in all tools at once."""
        # The home that opens it may be closed by another thread; SQLite itself lets one in at a time.
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(_TABLE)
        rows = ((place, *_columns(spec)) for place, spec in enumerate(specs))
        self._db.executemany(
            "INSERT INTO tools (rowid, name, description, arguments, source, meaning) VALUES (?, ?, ?, ?, ?, ?)", rows
        )

    def rank(self, query: str, limit: int) -> list[int]:
        """Give the places of tools that share a word with a query or mean the same operation, the best first."""
        parts = [_any(_TEXT, wanted(query)), _any("meaning", meanings(words(query)))]
        match = " OR ".join(part for part in parts if part)
        return [place for (place,) in self._db.execute(_BEST, (match, limit))] if match else []

    def close(self) -> None:
        """Let go of the index."""
        self._db.close()


def _any(columns: str, found: Sequence[str]) -> str:
    # Words are letters and digits only, so that in quotation marks nothing of a query can be an operator.
    quoted = [f'"{word}"' for word in found]
    return f"{columns} : ({' OR '.join(quoted)})" if found else ""


def _columns(spec: ToolSpec) -> tuple[str, ...]:
    named = words(spec.name)
    description = spec.description[:_LONGEST]
    meant = meanings(named) or meanings(words(description.partition(".")[0]))
    arguments = " ".join(_arguments(spec.schema, _DEEPEST))[:_LONGEST]
    texts = (named, words(description), words(arguments), words(area(spec)), meant)
    return tuple(" ".join(text) for text in texts)


def _arguments(schema: JsonValue, depth: int) -> Iterator[str]:
    """Yield names and descriptions of arguments, also of nested ones."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or depth == 0:
        return
    for name, one in properties.items():
        yield name
        if isinstance(one, dict):
            yield str(one.get("description", ""))
            yield from _arguments(one, depth - 1)
            yield from _arguments(one.get("items"), depth - 1)
