"""A tunnel: how a request gets through a proxy."""

import asyncio

import pytest
from tests.certificates import Certificate
from tests.models.http.served import OK, STREAM, Peer, Script, answering, chunk, relay, serving, tunnelling

from remit.core.errors import ConfigError, ModelRequestError, OverloadedError
from remit.models.http.pooled import Pooled
from remit.models.http.port import Timeouts
from remit.models.http.proxies import Proxies, chosen

LIMITS = Timeouts(connect=5.0, first=10.0, idle=10.0, total=20.0)


async def post(pool: Pooled, url: str, body: bytes = b"", limits: Timeouts = LIMITS) -> bytes:
    async with pool.send("POST", url, {}, body, limits) as exchange:
        return await exchange.read(1 << 20)


def through(url: str) -> Proxies:
    return lambda target: chosen(target, {"all": url})


async def test_a_proxy_forwards_what_is_not_encrypted() -> None:
    async def script(peer: Peer) -> None:
        while True:
            asked = await peer.request()
            assert asked.line == "POST http://models.invalid:80/v1?a=b HTTP/1.1"
            assert asked.headers["host"] == "models.invalid"
            assert asked.headers["proxy-authorization"] == "Basic dTpwQHc="
            await peer.say(OK)

    async with serving(script) as proxy:
        pool = Pooled(proxies=through(f"http://u:p%40w@127.0.0.1:{proxy.port}"))
        for _ in range(2):
            assert await post(pool, "http://models.invalid/v1?a=b") == b"ok"
        assert proxy.connections == 1
        await pool.close()


@pytest.mark.parametrize("outer", ["http", "https"])
async def test_a_proxy_tunnels_what_is_encrypted(localhost: Certificate, outer: str) -> None:
    tls = localhost.server() if outer == "https" else None
    async with (
        serving(answering(STREAM, chunk(b"ok" * 50_000), chunk(b"")), localhost.server("http/1.1")) as served,
        serving(tunnelling("Basic dTpw"), tls) as proxy,
    ):
        pool = Pooled(trust=localhost.trusted, proxies=through(f"{outer}://u:p@127.0.0.1:{proxy.port}"))
        for _ in range(2):
            assert await post(pool, served.url, b"x" * 300_000) == b"ok" * 50_000
        assert (served.connections, proxy.connections) == (1, 1)
        await pool.close()


async def test_a_proxy_that_wants_credentials_says_so(localhost: Certificate) -> None:
    async with serving(tunnelling("Basic xyz")) as proxy:
        pool = Pooled(trust=localhost.trusted, proxies=through(f"http://127.0.0.1:{proxy.port}"))
        with pytest.raises(ModelRequestError, match="wants credentials"):
            await post(pool, "https://models.invalid/")


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (b"HTTP/1.1 403 No\r\n\r\n", ModelRequestError, "does not let us through to models.invalid:443"),
        (b"HTTP/1.1 502 Down\r\n\r\n", OverloadedError, "opened no way to models.invalid:443: 502"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurprise", OverloadedError, "opened no way"),
        (b"SSH-2.0\r\n\r\n", OverloadedError, "no answer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, OverloadedError, "opened no way"),
        (b"", OverloadedError, "no answer"),
    ],
)
async def test_a_proxy_that_opens_no_way(
    localhost: Certificate, answer: bytes, error: type[Exception], says: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(answer)

    async with serving(script) as proxy:
        pool = Pooled(trust=localhost.trusted, proxies=through(f"http://127.0.0.1:{proxy.port}"))
        with pytest.raises(error, match=says):
            await post(pool, "https://models.invalid/")


async def test_a_connection_to_a_proxy_that_opens_no_way_is_closed(localhost: Certificate) -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 403 No\r\n\r\n")
        await peer.gone()
        gone.set()

    async with serving(script) as proxy:
        pool = Pooled(trust=localhost.trusted, proxies=through(f"http://127.0.0.1:{proxy.port}"))
        with pytest.raises(ModelRequestError):
            await post(pool, "https://models.invalid/")
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_tunnel_to_a_server_that_ends_the_handshake_is_free(localhost: Certificate) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
        await peer.reader.readexactly(1)

    async with serving(script) as proxy:
        pool = Pooled(trust=localhost.trusted, proxies=through(f"http://127.0.0.1:{proxy.port}"))
        with pytest.raises(
            OverloadedError, match=r"no connection to https://models\.invalid:443 through the proxy 127"
        ):
            await post(pool, "https://models.invalid/")


def socks(*, wanted: bytes = b"", reply: bytes = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50") -> Script:
    """A SOCKS5 proxy that lets through whoever has the wanted credentials."""

    async def script(peer: Peer) -> None:
        read = peer.reader.readexactly
        _, count = await read(2)
        methods = await read(count)
        assert methods == (b"\x00\x02" if wanted else b"\x00")
        await peer.say(b"\x05\x02" if wanted else b"\x05\x00")
        if wanted:
            _, size = await read(2)
            user = await read(size)
            password = await read((await read(1))[0])
            await peer.say(b"\x01\x00" if user + b":" + password == wanted else b"\x01\x01")
        assert await read(3) == b"\x05\x01\x00"
        kind = (await read(1))[0]
        size = {1: 4, 4: 16}.get(kind) or (await read(1))[0]
        name = await read(size)
        port = int.from_bytes(await read(2), "big")
        await peer.say(reply)
        if reply[1] == 0:
            await relay(peer, "127.0.0.1" if kind == 1 else name.decode(), port)

    return script


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("encrypted", [True, False])
async def test_a_socks_proxy_tunnels_everything(localhost: Certificate, host: str, encrypted: bool) -> None:  # noqa: FBT001
    tls = localhost.server("http/1.1") if encrypted else None
    async with (
        serving(answering(STREAM, chunk(b"ok"), chunk(b"")), tls) as served,
        serving(socks(wanted=b"u:p")) as way,
    ):
        pool = Pooled(trust=localhost.trusted, proxies=through(f"socks5h://u:p@127.0.0.1:{way.port}"))
        url = f"{'https' if encrypted else 'http'}://{host}:{served.port}/"
        for _ in range(2):
            assert await post(pool, url, b"x" * 300_000) == b"ok"
        assert way.connections == 1
        await pool.close()


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        (socks(wanted=b"u:other"), ModelRequestError, "wants credentials"),
        (socks(wanted=b"u:p", reply=b"\x05\x02\x00\x01\0\0\0\0\0\0"), ModelRequestError, "does not let us through"),
        (socks(wanted=b"u:p", reply=b"\x05\x05\x00\x03\x01x\0\0"), OverloadedError, "opened no way.*SOCKS error 5"),
        (socks(wanted=b"u:p", reply=b"\x05\x01"), OverloadedError, "ended the connection"),
        (answering(OK), OverloadedError, "no connection"),
    ],
)
async def test_a_socks_proxy_that_opens_no_way(script: Script, error: type[Exception], says: str) -> None:
    async with serving(script) as way:
        pool = Pooled(proxies=through(f"socks5://u:p@127.0.0.1:{way.port}"))
        with pytest.raises(error, match=says):
            await post(pool, "http://models.invalid/", limits=Timeouts(connect=0.5))


async def test_what_is_no_socks_proxy_is_named() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(3)
        await peer.say(b"HTTP/1.1 400 Bad\r\n\r\n")

    async with serving(script) as way:
        pool = Pooled(proxies=through(f"socks5://127.0.0.1:{way.port}"))
        with pytest.raises(OverloadedError, match="is no SOCKS5 proxy"):
            await post(pool, "http://models.invalid/")


async def test_a_host_that_is_too_long_for_a_proxy_is_refused() -> None:
    async with serving(socks()) as way:
        pool = Pooled(proxies=through(f"socks5://127.0.0.1:{way.port}"))
        with pytest.raises(ModelRequestError, match="too long"):
            await post(pool, f"http://{'x' * 300}/")


async def test_a_proxy_of_another_kind_is_a_matter_of_configuration() -> None:
    pool = Pooled(proxies=through("socks4://127.0.0.1:1080"))
    with pytest.raises(ConfigError, match="'socks4' cannot be used"):
        await post(pool, "https://models.invalid/")
