"""Choosing: the store of access that fits where sessions live."""

from remit.home import MEMORY
from remit.server.access.stores.memory import MemoryAccessStore
from remit.server.access.stores.port import AccessStore
from remit.server.access.stores.postgres import PostgresAccessStore
from remit.server.access.stores.sqlite import SqliteAccessStore


def access_store(place: str) -> AccessStore:
    """Open the one of a home: in memory, in its folder, or in the database that a URL names."""
    if place == MEMORY:
        return MemoryAccessStore()
    return PostgresAccessStore(place) if "://" in place else SqliteAccessStore(place)
