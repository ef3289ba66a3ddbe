"""A proxy that runs for a test, and a server behind it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
from tests.certificates import Certificate
from tests.models.http.served import Peer, chunk
from tests.tools.http.serving import Names

from remit.policy.hosts import HostPolicy
from remit.tools.http import Resolver
from remit.tools.http.proxy import Access, Admit, ForwardProxy, Terms
from remit.tools.http.proxy.access import everybody

NAMES = {"app_test": [["127.0.0.1"]], "localhost": [["127.0.0.1"]], "inside_test": [["169.254.169.254"]]}
TERMS = Terms(head=5.0, connect=5.0, idle=5.0, total=20.0)


class Proxied:
    """A proxy that runs, and what it logged."""

    def __init__(self, proxy: ForwardProxy, log: "asyncio.Queue[Access]") -> None:
        self.proxy, self.log, self.url, self.port = proxy, log, "", 0

    async def say(self, *pieces: bytes) -> bytes:
        """Say something on a connection of its own, and give all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    def client(self, tls: Certificate | None = None, token: str = "") -> httpx2.AsyncClient:
        """Give a client that goes through it."""
        url = self.url.replace("://", f"://remit:{token}@") if token else self.url
        return httpx2.AsyncClient(proxy=url, trust_env=False, verify=tls.trusted() if tls else True)


@asynccontextmanager
async def proxied(
    *allow: str, names: Resolver | None = None, terms: Terms = TERMS, admit: Admit = everybody
) -> AsyncGenerator[Proxied]:
    """Run a proxy."""
    log: asyncio.Queue[Access] = asyncio.Queue()
    policy = HostPolicy(allow=allow or ("*.test:*", "localhost:*", "127.0.0.1:*"))
    proxy = ForwardProxy(policy, log=log.put_nowait, admit=admit, resolver=names or Names(**NAMES), terms=terms)
    running = Proxied(proxy, log)
    running.url = await proxy.open()
    running.port = int(running.url.rpartition(":")[2])
    try:
        yield running
    finally:
        await proxy.close(0)


async def echo(peer: Peer) -> None:
    """Answer with the request line and the body, in chunks."""
    while True:
        asked = await peer.request()
        shown = f"{asked.line} {sorted(asked.headers)} ".encode() + asked.body
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-up: 1\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n"
        await peer.say(head, chunk(shown), chunk(b""))
