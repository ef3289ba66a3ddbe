"""Control over HTTP: who comes in, and what is stopped."""

from remit.server.api.control import access, switches

ENDPOINTS = (*access.ENDPOINTS, *switches.ENDPOINTS)

__all__ = ["ENDPOINTS"]
