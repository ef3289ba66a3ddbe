"""The store of access in PostgreSQL, which all servers and workers of a fleet share."""

from remit.server.access.stores.postgres.store import PostgresAccessStore

__all__ = ["PostgresAccessStore"]
