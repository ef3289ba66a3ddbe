"""Access: only who shows a token, and only so much."""

import asyncio
import base64
import contextlib

import pytest
from msgspec.structs import replace
from tests.certificates import Certificate
from tests.models.http.served import OK, Peer, answering, serving
from tests.tools.http.proxy.proxying import TERMS, echo, proxied
from tests.tools.http.serving import Silence

from remit.tools.http.proxy import Terms


def only_ann(token: str) -> str | None:
    return "ann" if token == "t0k" else None


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (basic("remit:t0k"), 200), (basic("t0k:"), 200), ("Bearer t0k", 200), (basic("t0k:other"), 407),
        ("Bearer x", 407), ("Basic !", 407), ("Digest t0k", 407), ("", 407),
    ],
)  # fmt: skip
async def test_only_who_shows_a_token_is_let_in(shown: str, status: int) -> None:
    async with serving(echo) as served, proxied(admit=only_ann) as proxy:
        line = f"proxy-authorization: {shown}\r\n" if shown else ""
        came = await proxy.say(f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\n{line}\r\n".encode())
        assert came.startswith(f"HTTP/1.1 {status} ".encode())
        assert (b'proxy-authenticate: Basic realm="remit"' in came) is (status == 407)
        assert b"t0k" not in came
        assert (await proxy.log.get()).who == ("ann" if status == 200 else "")


async def test_a_client_that_knows_the_token_gets_through_a_tunnel(localhost: Certificate) -> None:
    async with (
        serving(answering(OK), localhost.server("http/1.1")) as served,
        proxied(admit=only_ann) as proxy,
        proxy.client(localhost, "t0k") as client,
    ):
        assert (await client.get(f"https://localhost:{served.port}/")).text == "ok"


async def test_a_head_that_drips_is_not_waited_for() -> None:
    async with proxied(terms=Terms(head=0.2)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET http://app.test/ HTTP/1.1\r\nx: ")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_body_that_stops_coming_is_not_waited_for() -> None:
    async with serving(echo) as served, proxied(terms=Terms(idle=0.2)) as proxy:
        head = f"POST http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf".encode()
        assert (await proxy.say(head)).startswith(b"HTTP/1.1 408 ")


async def quiet(peer: Peer) -> None:
    await peer.gone()


async def test_a_tunnel_without_a_byte_is_cut() -> None:
    async with serving(quiet) as served, proxied(terms=Terms(idle=0.2)) as proxy:
        came = await proxy.say(f"CONNECT app.test:{served.port} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert came.startswith(b"HTTP/1.1 200 ")
        assert (await proxy.log.get()).problem == "no byte for 0.2 s"
        await served.all_closed()


async def test_a_connection_is_cut_after_its_time_however_busy() -> None:
    async def busy(peer: Peer) -> None:
        while True:
            await peer.say(b"x")
            await asyncio.sleep(0.01)

    async with serving(busy) as served, proxied(terms=Terms(total=0.3)) as proxy:
        await proxy.say(f"CONNECT app.test:{served.port} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert (await proxy.log.get()).problem == "cut: it took longer than 0.3 s"


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
async def test_more_bytes_than_allowed_are_not_carried(method: str) -> None:
    async def flood(peer: Peer) -> None:
        if method == "GET":
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.say(b"x" * 10_000)

    async with serving(flood) as served, proxied(terms=Terms(bytes=100_000)) as proxy:
        target = f"app.test:{served.port}" if method == "CONNECT" else f"http://app.test:{served.port}/"
        came = await proxy.say(f"{method} {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert len(came) < 200_000
        access = await proxy.log.get()
        assert access.problem == "more than 100000 bytes"
        await served.all_closed()


async def test_a_body_larger_than_allowed_is_refused() -> None:
    async with serving(echo) as served, proxied(terms=Terms(bytes=10)) as proxy, proxy.client() as client:
        came = await client.post(f"http://app.test:{served.port}/", content=b"x" * 11)
        assert came.status_code == 413


async def test_too_many_connections_are_told_so() -> None:
    async with serving(quiet) as served, proxied(terms=Terms(connections=1)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"CONNECT app.test:{served.port} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        assert (await proxy.say(b"")).startswith(b"HTTP/1.1 503 ")
        writer.close()


async def test_an_end_that_breaks_off_ends_the_tunnel() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        peer.cut()

    async with serving(script) as served, proxied() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"CONNECT app.test:{served.port} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        # So much that the server leaves some of it unread, which makes its system break the connection off.
        writer.write(bytes(20_000_000))
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.transport.abort()
        assert (await proxy.log.get()).problem == "one end broke off"


async def test_a_program_that_breaks_off_ends_the_request_made_for_it() -> None:
    async def flood(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.say(bytes(100_000))

    async with serving(flood) as served, proxied() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        await reader.readline()
        writer.transport.abort()
        assert (await proxy.log.get()).problem == "the program broke off"
        await served.all_closed()


async def test_what_nobody_foresaw_ends_one_connection_and_not_the_proxy() -> None:
    def admit(token: str) -> str | None:
        return {"known": "ann"}[token]

    async with serving(echo) as served, proxied(admit=admit) as proxy:
        said = f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\n"
        assert await proxy.say(f"{said}\r\n".encode()) == b""
        assert (await proxy.log.get()).problem == "cut: KeyError"
        came = await proxy.say(f"{said}proxy-authorization: Bearer known\r\n\r\n".encode())
        assert came.startswith(b"HTTP/1.1 200 ")


async def test_a_program_that_leaves_without_a_word_is_not_logged() -> None:
    async with serving(echo) as served, proxied() as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.close()
        await proxy.say(f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert (await proxy.log.get()).method == "GET"
        assert proxy.log.empty()


async def test_a_name_that_is_never_answered_is_not_waited_for() -> None:
    async with proxied(names=Silence(), terms=replace(TERMS, connect=0.1)) as proxy:
        came = await proxy.say(b"CONNECT app.test:443 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert came.startswith(b"HTTP/1.1 504 ")
        assert "was not found within 0.1 s" in (await proxy.log.get()).problem


async def test_nobody_fills_the_log_with_a_method() -> None:
    async with proxied() as proxy:
        await proxy.say(b"X" * 20_000 + b" http://169.254.169.254/ HTTP/1.1\r\nhost: x\r\n\r\n")
        access = await proxy.log.get()
        assert len(access.method) == 20
        assert access.status == 403
