"""Reaching: whether the servers that the environment names answer. Only a connection is made; nothing is said on it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from remit.cli.checks import Finding

SERVERS = ("JIRA_URL", "SMTP_URL", "DESK_WEBHOOK_URL")
"""Variables that hold the address of a server."""

_PORTS = {"http": 80, "https": 443, "smtp": 25, "smtps": 465}
_PATIENCE = 3.0
"""Seconds for a connection."""


async def reached(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Try each server that is named, one after the other; say where, and never with which password."""
    for name in SERVERS:
        if environ.get(name):
            yield await _try(name, environ[name])


async def _try(name: str, url: str) -> Finding:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        return Finding("reachable", "broken", f"{name} is no address of a server, such as https://example.org")
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        why = f"no connection within {_PATIENCE:g} s" if isinstance(error, TimeoutError) and not error.errno else error
        return Finding("reachable", "broken", f"{name}: {host}:{port} does not answer ({why})")
    writer.close()
    return Finding("reachable", "ok", f"{name}: {host}:{port}")
