"""A tunnel: a way through a proxy to a server, asked for with HTTP's `CONNECT` or with SOCKS5.

Source: RFC 9110, 9.3.6; RFC 1928 and RFC 1929.
"""

import asyncio
import ipaddress

from remit.core.errors import ModelRequestError, OverloadedError
from remit.models.http.answer import LONGEST_HEAD
from remit.models.http.proxies import Proxy
from remit.models.http.written import Target

_END = b"\r\n\r\n"
_NOT_ALLOWED = 2
_SIZES = {1: 4, 4: 16}
"""Bytes of an address, by its type."""


class Tunnel(asyncio.Protocol):
    """A fresh connection to a proxy, until the proxy has let us through."""

    def __init__(self) -> None:
        """Begin unconnected."""
        self._transport: asyncio.Transport | None = None
        self._came = bytearray()
        self._ended = False
        self._more = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in what the proxy says."""
        self._came += data
        self._more.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that there will be no more."""
        self._ended = True
        self._more.set()

    async def dig(self, to: Target, proxy: Proxy) -> asyncio.Transport:
        """Ask for the way; give the transport that now leads to the target.

        Raise `OverloadedError` when there is no way, `ModelRequestError` when there never will be.
        """
        transport = self._transport
        assert transport is not None
        if proxy.kind == "socks5":
            await self._enter(transport, proxy)
            status, allowed = await self._socks(transport, to)
        else:
            status, allowed = await self._connect(transport, to, proxy)
        if not allowed:
            raise ModelRequestError(f"the proxy {proxy.name} does not let us through to {to.authority}: {status}")
        if status or self._came:
            raise OverloadedError(f"the proxy {proxy.name} opened no way to {to.authority}: {status or 'noise'}")
        return transport

    def abort(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self, transport: asyncio.Transport, to: Target, proxy: Proxy) -> tuple[str, bool]:
        """Ask an HTTP proxy; give what is wrong, if anything is, and whether it may become right."""
        permit = f"proxy-authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        transport.write(f"CONNECT {to.authority} HTTP/1.1\r\nhost: {to.authority}\r\n{permit}\r\n".encode("latin-1"))
        while _END not in self._came and len(self._came) <= LONGEST_HEAD and not self._ended:
            await self._wait()
        head, end, rest = bytes(self._came).partition(_END)
        self._came = bytearray(rest)
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if not end or len(words) < 2 or not words[0].startswith(b"HTTP/1."):
            return "no answer", True
        status = words[1].decode("latin-1")
        if status == "407":
            raise ModelRequestError(f"the proxy {proxy.name} wants credentials; write them into its URL")
        return "" if status.startswith("2") else status, status not in {"403", "405"}

    async def _enter(self, transport: asyncio.Transport, proxy: Proxy) -> None:
        """Greet a SOCKS proxy and say who asks."""
        user, password = proxy.user.encode(), proxy.password.encode()
        transport.write(b"\x05\x02\x00\x02" if user else b"\x05\x01\x00")
        version, method = await self._read(2)
        if version != 5:
            raise OverloadedError(f"{proxy.name} is no SOCKS5 proxy")
        if method == 2 and user:
            transport.write(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
            _, method = await self._read(2)
        if method != 0:
            raise ModelRequestError(f"the proxy {proxy.name} wants credentials; write them into its URL")

    async def _socks(self, transport: asyncio.Transport, to: Target) -> tuple[str, bool]:
        """Ask a SOCKS proxy; give what is wrong, if anything is, and whether it may become right."""
        transport.write(b"\x05\x01\x00" + _address(to.host) + to.port.to_bytes(2, "big"))
        _, status, _, kind = await self._read(4)
        size = _SIZES[kind] if kind in _SIZES else (await self._read(1))[0]
        await self._read(size + 2)
        return f"SOCKS error {status}" if status else "", status != _NOT_ALLOWED

    async def _read(self, size: int) -> bytes:
        while len(self._came) < size:
            if self._ended:
                raise OverloadedError("the proxy ended the connection")
            await self._wait()
        read = bytes(self._came[:size])
        del self._came[:size]
        return read

    async def _wait(self) -> None:
        self._more.clear()
        await self._more.wait()


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        if len(name) > 255:
            raise ModelRequestError(f"the host {host[:40]!r}... is too long") from None
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed
