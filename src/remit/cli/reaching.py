"""Reaching: whether the servers that the environment names answer, and which models are to be had here.

To a server that is named only a connection is made; nothing is said on it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from remit.cli.checks import Finding
from remit.models.connecting import PROVIDERS
from remit.models.http.pooled import Pooled
from remit.models.local import LocalServer, local_servers

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


async def models(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Say which providers there is a key for, and which models servers on this machine offer, by the name to use."""
    keyed = [prefix for prefix, provider in PROVIDERS.items() if provider.key and environ.get(provider.key)]
    wanted = {provider.key for provider in PROVIDERS.values() if provider.key}
    missing = sorted(key for key in wanted if not environ.get(key))
    unset = f"; not set: {', '.join(missing)}" if missing else ""
    yield Finding("models", "ok", f"keys for: {', '.join(keyed) or 'no provider'}{unset}")
    transport = Pooled()
    try:
        found = await local_servers(environ, transport)
    finally:
        await transport.close()
    for server in found:
        yield _offered(server)
    if not found:
        yield Finding("models", "ok", "no Ollama, vLLM or llama.cpp answers at its usual place on this machine")


def _offered(server: LocalServer) -> Finding:
    if server.problem:
        variable = PROVIDERS[server.kind].url_variable
        url = re.sub("//[^/]*@", "//", server.url)
        return Finding("models", "broken", f"{variable}={url} cannot be used: {server.problem}")
    if not server.models:
        return Finding("models", "note", f"{server.kind} at {server.url} has no model yet")
    names = ", ".join(f"{server.kind}:{model}" for model in server.models[:10])
    more = f" and {len(server.models) - 10} more" if len(server.models) > 10 else ""
    return Finding("models", "ok", f"{server.kind} at {server.url} offers {names}{more}; use one with --model")
