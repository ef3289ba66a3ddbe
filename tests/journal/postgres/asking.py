"""Statements to a database from beside the code under test."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from remit.journal.postgres import Patience, PostgresJournal
from remit.journal.postgres.address import Address
from remit.journal.postgres.door import dial


class Opened(Protocol):
    """Opens a store that is closed at the end of the test."""

    def __call__(self, patience: Patience | None = None, at: str = "") -> PostgresJournal:
        """Open it."""
        ...


def named(url: str, database: str) -> str:
    """Give the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def entering(url: str, user: str) -> str:
    """Give the URL for another user."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def ask(url: str, *statements: str) -> list[Any]:
    """Send statements one after the other and give the rows of the last, also while a loop runs."""

    async def send() -> list[Any]:
        line = await dial(Address.of(url), 30)
        rows: list[Any] = []
        try:
            for statement in statements:
                rows = await line.fetch(statement)
        finally:
            await line.close()
        return rows

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, send()).result()
