"""What a program wants: nowhere that is forbidden, and nothing that could be read in two ways."""

import asyncio

import httpx2
import pytest
from tests.models.http.served import OK, Peer, Script, answering, serving
from tests.tools.http.proxy.proxying import echo, proxied

from remit.tools.http.proxy import Terms


@pytest.mark.parametrize(
    "authority",
    [
        "169.254.169.254:80", "[::ffff:169.254.169.254]:80", "0xa9fea9fe:80", "inside.test:443", "evil.example:443",
        "10.0.0.1:22", "[::1]:443", "0:80",
    ],
)  # fmt: skip
async def test_no_tunnel_leads_to_a_forbidden_place(authority: str) -> None:
    async with proxied("*.test:*") as proxy:
        came = await proxy.say(f"CONNECT {authority} HTTP/1.1\r\nhost: app.test\r\n\r\n".encode())
        assert came.startswith(b"HTTP/1.1 403 ")
        assert b"remit: " in came
        access = await proxy.log.get()
        assert (access.status, access.address) == (403, "")
        assert access.problem


async def test_the_url_decides_and_not_the_host_header() -> None:
    hosts: list[str] = []

    async def script(peer: Peer) -> None:
        hosts.append((await peer.request()).headers["host"])
        await peer.say(OK)

    async with serving(script) as served, proxied("app.test:*", "127.0.0.1:*") as proxy:
        came = await proxy.say(f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: evil.test\r\n\r\n".encode())
        assert came.startswith(b"HTTP/1.1 200 ")
        came = await proxy.say(f"GET http://evil.test:{served.port}/ HTTP/1.1\r\nhost: app.test\r\n\r\n".encode())
        assert came.startswith(b"HTTP/1.1 403 ")
        assert hosts == [f"app.test:{served.port}"]


HEAD = "POST http://app.test:PORT/ HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (HEAD + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n", 400),
        (HEAD + "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", 400),
        (HEAD + "content-length: +5\r\n\r\nhello", 400),
        (HEAD + "content-length: 5, 5\r\n\r\nhello", 200),
        (HEAD + "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + "transfer-encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + "x\x00y: z\r\n\r\n", 400),
        ("POST http://app.test:PORT/ HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET http://app.test:PORT/ HTTP/1.1\r\n\r\n", 400),
        ("GET /etc HTTP/1.1\r\nhost: app.test\r\n\r\n", 400),
        ("GET https://app.test/ HTTP/1.1\r\nhost: app.test\r\n\r\n", 400),
        ("GET http://u:p@app.test:PORT/ HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("GET http://app.test:PORT\\@evil.test/ HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("CONNECT app.test HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("CONNECT app.test:PORT HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        ("GET http://app.test:PORT/" + "x" * 40_000, 431),
        (HEAD + "x: " + "y" * 40_000, 431),
    ],
)
async def test_what_could_be_read_in_two_ways_goes_nowhere(said: str, status: int) -> None:
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        requests.append((await peer.request()).body)
        await peer.say(OK)

    async with serving(script) as served, proxied() as proxy:
        came = await proxy.say(said.replace("PORT", str(served.port)).encode("latin-1"))
        assert came.startswith(f"HTTP/1.1 {status} ".encode())
        assert came.count(b"HTTP/1.1") == 1
        assert len(requests) == (status == 200)


@pytest.mark.parametrize("body", ["zz\r\nhello\r\n0\r\n\r\n", "5\r\nhello!!\r\n0\r\n\r\n"])
async def test_chunks_that_are_none_break_a_request_off(body: str) -> None:
    came: list[bytes] = []

    async def script(peer: Peer) -> None:
        came.append(await peer.reader.read())

    async with serving(script) as served, proxied() as proxy:
        said = f"{HEAD.replace('PORT', str(served.port))}transfer-encoding: chunked\r\n\r\n{body}"
        assert (await proxy.say(said.encode())).startswith(b"HTTP/1.1 400 ")
        await served.all_closed()
        assert b"0\r\n\r\n" not in b"".join(came)
        assert b"!!" not in b"".join(came)


async def test_a_second_request_behind_the_first_is_never_made() -> None:
    async with serving(echo) as served, proxied() as proxy:
        first = f"POST http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"
        second = f"GET http://app.test:{served.port}/smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
        came = await proxy.say((first + second).encode())
        assert came.count(b"HTTP/1.1 200") == 1
        assert b"connection: close" in came
        assert b"smuggled" not in came


async def test_no_body_gets_past_an_end_of_its_request() -> None:
    async with serving(echo) as served, proxied() as proxy:
        head = f"POST http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n".encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(head + b"half")
        writer.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        assert (await proxy.log.get()).problem == "this is not HTTP, or not all of it"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (answering(b"SSH-2.0 hello\r\n\r\n"), 502),
        (answering(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), 502),
        (answering(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), 502),
        (answering(b""), 504),
    ],
)
async def test_a_server_that_gives_no_answer_is_the_gateway_s_failure(script: Script, status: int) -> None:
    terms = Terms(head=5.0, connect=5.0, idle=0.3)
    async with serving(script) as served, proxied(terms=terms) as proxy:
        came = await proxy.say(f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert came.startswith(f"HTTP/1.1 {status} ".encode())


async def test_an_answer_that_breaks_off_is_not_made_whole() -> None:
    broken = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(broken)

    async with serving(script) as served, proxied() as proxy, proxy.client() as client:
        with pytest.raises(httpx2.HTTPError):
            await client.get(f"http://app.test:{served.port}/")
        assert (await proxy.log.get()).problem == "no whole answer"


async def test_nobody_there_and_no_such_name() -> None:
    async with serving(answering(OK)) as gone:
        pass
    async with proxied() as proxy:
        for said in (f"GET http://app.test:{gone.port}/", f"CONNECT app.test:{gone.port}", "GET http://new.test/"):
            came = await proxy.say(f"{said} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert came.startswith(b"HTTP/1.1 502 ")
