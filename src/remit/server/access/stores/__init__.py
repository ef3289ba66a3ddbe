"""Stores: where keys, logins and the audit log are kept, behind one port."""

from remit.server.access.stores.choosing import access_store
from remit.server.access.stores.memory import MemoryAccessStore
from remit.server.access.stores.port import AccessStore
from remit.server.access.stores.postgres import PostgresAccessStore
from remit.server.access.stores.sqlite import FILE, SqliteAccessStore

__all__ = ["FILE", "AccessStore", "MemoryAccessStore", "PostgresAccessStore", "SqliteAccessStore", "access_store"]
