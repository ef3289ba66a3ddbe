"""What every transport does, whatever a server does to it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
from tests.certificates import Certificate
from tests.models.http.conftest import Trust
from tests.models.http.served import OK, STREAM, Peer, answering, chunk, serving

from remit.core.errors import (
    CutStreamError,
    ModelRequestError,
    OverloadedError,
    UnreadableAnswerError,
)
from remit.models.http.port import Timeouts, Transport

LIMITS = Timeouts(connect=5.0, first=10.0, idle=10.0, total=20.0)


class Got(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(transport: Transport, url: str, body: bytes = b"{}", limits: Timeouts = LIMITS) -> Got:
    async with transport.send("POST", url, {"content-type": "application/json"}, body, limits) as exchange:
        return Got(exchange.status, exchange.headers, await exchange.read(1 << 20))


FRAMINGS = {
    "length": [OK],
    "chunked": [STREAM, chunk(b"o"), chunk(b"k"), chunk(b"")],
    "chunked with an extension and trailers": [STREAM, b"2;a=b\r\nok\r\n0\r\nx-sum: 1\r\n\r\n"],
    "byte by byte": [bytes([byte]) for byte in STREAM + chunk(b"ok") + chunk(b"")],
    "after interim answers": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", OK],
}


@pytest.mark.parametrize("pieces", FRAMINGS.values(), ids=FRAMINGS.keys())
async def test_a_body_is_the_same_in_every_framing_and_the_connection_is_used_again(
    transport: Transport, pieces: list[bytes]
) -> None:
    async with serving(answering(*pieces)) as served:
        for _ in range(3):
            got = await post(transport, served.url)
            assert (got.status, got.body) == (200, b"ok")
            assert "link" not in got.headers
        assert served.connections == 1


async def test_a_body_may_end_with_the_connection(transport: Transport) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\nok", count=1)) as served:
        assert (await post(transport, served.url)).body == b"ok"
        assert (await post(transport, served.url)).body == b"ok"
        assert served.connections == 2


async def test_a_request_says_what_it_was_given(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.request()
        assert asked.line == "POST /v1/chat?a=b HTTP/1.1"
        assert asked.headers["host"].startswith("127.0.0.1:")
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["accept-encoding"] == "identity"
        assert asked.body == b"\x00\xff" * 200_000
        await peer.say(OK)

    async with serving(script) as served:
        got = await post(transport, f"{served.url}/v1/chat?a=b", b"\x00\xff" * 200_000)
        assert got.body == b"ok"


async def test_headers_are_in_lower_case_and_equal_ones_are_joined(transport: Transport) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nRetry-After: 7\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(answer)) as served:
        got = await post(transport, served.url)
        assert got.headers["x-a"] == "1, 2"
        assert got.headers["retry-after"] == "7"
        assert got.headers["x-empty"] == ""


@pytest.mark.parametrize("status", [204, 301, 404, 429, 500, 529])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(transport: Transport, status: int) -> None:
    answer = b"HTTP/1.1 %d Well\r\nlocation: /other\r\n" % status
    answer += b"\r\n" if status == 204 else b"content-length: 2\r\n\r\nok"
    async with serving(answering(answer)) as served:
        got = await post(transport, served.url)
        assert (got.status, got.body) == (status, b"" if status == 204 else b"ok")
        assert served.connections == 1


async def test_the_body_comes_as_it_is_sent(transport: Transport) -> None:
    seen = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(STREAM, chunk(b"first"))
        await seen.wait()
        await peer.say(chunk(b"second"), chunk(b""))

    async with (
        serving(script) as served,
        transport.send("POST", served.url, {}, b"", LIMITS) as exchange,
    ):
        pieces = exchange.pieces()
        assert await anext(pieces) == b"first"
        seen.set()
        assert b"".join([piece async for piece in pieces]) == b"second"


WHOLE = STREAM + chunk(b"hello") + chunk(b"world") + chunk(b"")


@pytest.mark.parametrize("at", range(len(WHOLE)))
async def test_a_connection_that_ends_at_any_byte_is_a_cut_stream(transport: Transport, at: int) -> None:
    async with serving(answering(WHOLE[:at], count=1)) as served:
        got: list[bytes] = []

        async def all_of_it() -> None:
            async with transport.send("POST", served.url, {}, b"{}", LIMITS) as exchange:
                got.extend([piece async for piece in exchange.pieces()])

        with pytest.raises(CutStreamError) as error:
            await all_of_it()
        assert not error.value.free
        assert b"helloworld".startswith(b"".join(got))


async def test_a_reset_connection_is_a_cut_stream(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        peer.cut()

    async with serving(script) as served:
        with pytest.raises(CutStreamError):
            await post(transport, served.url)


UNREADABLE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "a bad chunk": STREAM + b"zz\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "a huge header": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000,
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_is_not_http_is_unreadable(transport: Transport, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(answer)
        await peer.gone()

    async with serving(script) as served:
        with pytest.raises(UnreadableAnswerError):
            await post(transport, served.url)


async def test_a_body_longer_than_the_reader_wants_is_unreadable(transport: Transport) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world")) as served:
        async with transport.send("POST", served.url, {}, b"", LIMITS) as exchange:
            with pytest.raises(UnreadableAnswerError, match="longer than 10 bytes"):
                await exchange.read(10)
        async with transport.send("POST", served.url, {}, b"", LIMITS) as exchange:
            assert await exchange.read(11) == b"hello world"


async def test_a_compressed_answer_is_unreadable_and_a_compressed_refusal_still_has_its_status(
    transport: Transport,
) -> None:
    for status in (200, 429):
        answer = b"HTTP/1.1 %d Well\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b" % status
        async with serving(answering(answer)) as served:
            if status == 429:
                assert (await post(transport, served.url)).status == 429
            else:
                with pytest.raises(UnreadableAnswerError, match="compressed with 'gzip'"):
                    await post(transport, served.url)


async def test_an_encrypted_connection_is_used_again(
    kind: Callable[[Trust], Transport], localhost: Certificate
) -> None:
    transport = kind(localhost.trusted)
    async with serving(answering(STREAM, chunk(b"ok" * 100_000), chunk(b"")), localhost.server("http/1.1")) as served:
        for url in (served.url, f"https://localhost:{served.port}"):
            assert (await post(transport, url, b"x" * 300_000)).body == b"ok" * 100_000
            connections = served.connections
            assert (await post(transport, url, b"x" * 300_000)).body == b"ok" * 100_000
            assert served.connections == connections
        await transport.close()


@pytest.mark.parametrize("size", [0, 10, 300_000])
async def test_an_encrypted_connection_that_ends_after_the_request_is_not_free(
    kind: Callable[[Trust], Transport], localhost: Certificate, size: int
) -> None:
    transport = kind(localhost.trusted)

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.cut()

    async with serving(script, localhost.server("http/1.1")) as served:
        with pytest.raises(CutStreamError) as error:
            await post(transport, served.url, b"x" * size)
        assert not error.value.free


async def test_a_certificate_that_is_not_trusted_is_named(transport: Transport, localhost: Certificate) -> None:
    async with serving(answering(OK), localhost.server("http/1.1")) as served:
        with pytest.raises(ModelRequestError, match=r"certificate of https://127\.0\.0\.1.*self-signed"):
            await post(transport, served.url)


async def test_a_certificate_for_another_host_is_not_trusted(
    kind: Callable[[Trust], Transport], localhost: Certificate
) -> None:
    transport = kind(localhost.trusted)
    async with serving(answering(OK), localhost.server("http/1.1"), host="127.0.0.2") as served:
        with pytest.raises(ModelRequestError, match=r"not valid for '127\.0\.0\.2'"):
            await post(transport, served.url)


async def test_a_server_without_encryption_is_no_encrypted_one(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(script) as served:
        with pytest.raises(OverloadedError, match="no connection to https"):
            await post(transport, served.url.replace("http:", "https:"))
