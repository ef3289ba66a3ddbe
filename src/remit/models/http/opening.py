"""Opening: how a connection comes about: directly or through a proxy, encrypted or not."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from typing import TypeVar

import msgspec

from remit.core.errors import ModelRequestError, OverloadedError
from remit.models.http.proxies import Proxy
from remit.models.http.tunnel import Tunnel
from remit.models.http.written import Target

P = TypeVar("P", bound=asyncio.BaseProtocol)


class Route(msgspec.Struct, frozen=True):
    """The way to a target, and what is trusted on it."""

    target: Target
    proxy: Proxy | None = None
    tls: ssl.SSLContext | None = None


async def opened(route: Route, make: Callable[[], P], seconds: float) -> P:
    """Open a connection within so many seconds.

    Raise `OverloadedError` when none comes about, `ModelRequestError` when none ever will: a certificate that is not
    trusted, a proxy that refuses.
    """
    where = route.target.origin + (f" through the proxy {route.proxy.name}" if route.proxy else "")
    try:
        async with asyncio.timeout(seconds):
            return await _connect(route, make)
    except TimeoutError:
        raise OverloadedError(f"no connection to {where} within {seconds:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise ModelRequestError(
            f"the certificate of {where} is not trusted: {error.verify_message}; "
            "SSL_CERT_FILE names a file of more trusted ones"
        ) from None
    except (OSError, UnicodeError) as error:
        raise OverloadedError(f"no connection to {where}: {error}") from error


async def _connect(route: Route, make: Callable[[], P]) -> P:
    to, proxy = route.target, route.proxy
    if proxy is None:
        return await _dial(make, to.host, to.port, route.tls if to.tls else None)
    outer = route.tls if proxy.tls else None
    if proxy.forwards(to):
        return await _dial(make, proxy.host, proxy.port, outer)
    tunnel = await _dial(Tunnel, proxy.host, proxy.port, outer)
    try:
        transport = await tunnel.dig(to, proxy)
        protocol = make()
        if to.tls:
            transport = await _encrypted(transport, protocol, route)
        else:
            transport.set_protocol(protocol)
    except BaseException:
        tunnel.abort()
        raise
    protocol.connection_made(transport)
    return protocol


async def _encrypted(transport: asyncio.Transport, protocol: asyncio.BaseProtocol, route: Route) -> asyncio.Transport:
    assert route.tls is not None
    loop = asyncio.get_running_loop()
    inner = await loop.start_tls(transport, protocol, route.tls, server_hostname=route.target.host)
    if inner is None:
        raise OverloadedError(f"the way to {route.target.origin} closed")
    return inner


async def _dial(make: Callable[[], P], host: str, port: int, tls: ssl.SSLContext | None) -> P:
    name = host if tls is not None else None
    # A name may stand for an address that leads nowhere beside one that does: RFC 8305.
    race = None if _is_address(host) else 0.25
    _, protocol = await asyncio.get_running_loop().create_connection(
        make, host, port, ssl=tls, server_hostname=name, happy_eyeballs_delay=race
    )
    return protocol


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
