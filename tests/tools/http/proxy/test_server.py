"""The forward proxy: programs get where the policy lets them, until it closes."""

import asyncio

import pytest
from tests.certificates import Certificate
from tests.models.http.served import OK, Peer, answering, serving
from tests.tools.http.proxy.proxying import echo, proxied
from tests.tools.http.serving import Names, Silence

from remit.core.errors import ConfigError
from remit.policy.hosts import HostPolicy
from remit.tools.http.proxy import ForwardProxy


async def test_plain_http_gets_through() -> None:
    async with serving(echo) as served, proxied() as proxy, proxy.client() as client:
        url = f"http://app.test:{served.port}/a/../b?key=s3cret"
        came = await client.post(url, content=b"hello", headers={"connection": "x-mine", "x-mine": "1", "x-on": "2"})
        assert came.status_code == 200
        assert "POST /b?key=s3cret HTTP/1.1" in came.text
        assert came.text.endswith("hello")
        assert "'x-on'" in came.text
        assert "'x-mine'" not in came.text
        assert "proxy" not in came.text
        assert came.headers["x-up"] == "1"
        assert "x-hop" not in came.headers
        access = await proxy.log.get()
        assert (access.method, access.url) == ("POST", f"http://app.test:{served.port}/b")
        assert (access.address, access.status, access.sent, access.problem) == ("127.0.0.1", 200, 5, "")
        assert access.received == len(came.content)


async def test_a_chunked_body_and_an_answer_with_a_length_get_through() -> None:
    bodies: list[bytes] = []

    async def script(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head
        bodies.append(await peer.reader.readuntil(b"0\r\n\r\n"))
        await peer.say(OK)

    async with serving(script) as served, proxied() as proxy:
        head = f"POST http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n".encode()
        expect = b"expect: 100-continue\r\n\r\n"
        came = await proxy.say(head + expect, b"5\r\nhel", b"lo\r\n0\r\n\r\n")
        assert came.startswith(b"HTTP/1.1 100 ")
        assert b"content-length: 2" in came
        assert came.endswith(b"ok")
        assert b"".join(bodies).replace(b"\r\n", b"").endswith(b"0")


async def test_https_gets_through_a_tunnel_with_its_own_certificate(localhost: Certificate) -> None:
    async with (
        serving(answering(OK), localhost.server("http/1.1")) as served,
        proxied() as proxy,
        proxy.client(localhost) as client,
    ):
        for _ in range(2):
            assert (await client.get(f"https://localhost:{served.port}/secret/path")).text == "ok"
        assert served.connections == 1
    access = await proxy.log.get()
    assert (access.method, access.url, access.status) == ("CONNECT", f"localhost:{served.port}", 200)
    assert access.sent > 100
    assert access.received > 500


async def test_what_is_sent_with_the_request_for_a_tunnel_goes_into_it() -> None:
    async with serving(answering(OK, count=1)) as served, proxied() as proxy:
        head = f"CONNECT app.test:{served.port} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
        came = await proxy.say(head + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert came.endswith(OK)
        assert came.startswith(b"HTTP/1.1 200 ")


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    names = Names(app_test=[["127.0.0.1"], ["169.254.169.254"]])
    async with serving(answering(OK)) as served, proxied(names=names) as proxy, proxy.client() as client:
        assert (await client.get(f"http://app.test:{served.port}/")).status_code == 200
        came = await client.get(f"http://app.test:{served.port}/")
        assert (came.status_code, names.asked) == (403, ["app.test"] * 2)
        assert "cloud metadata" in came.text


async def test_when_it_closes_open_connections_may_finish_and_new_ones_may_not_come() -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        began.set()
        await go.wait()
        await peer.say(OK)

    began = asyncio.Event()
    async with serving(script) as served, proxied() as proxy:
        said = f"GET http://app.test:{served.port}/ HTTP/1.1\r\nhost: x\r\n\r\n".encode()
        under_way = asyncio.create_task(proxy.say(said))
        await began.wait()
        closing = asyncio.create_task(proxy.proxy.close(10.0))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        go.set()
        assert (await under_way).endswith(b"ok")
        await closing


async def test_what_does_not_finish_in_time_is_cut_and_logged() -> None:
    async with proxied(names=Silence()) as proxy:
        under_way = asyncio.create_task(proxy.say(b"CONNECT app.test:443 HTTP/1.1\r\nhost: x\r\n\r\n"))
        await asyncio.wait([under_way], timeout=0.1)
        await proxy.proxy.close(0)
        assert await under_way == b""
        assert (await proxy.log.get()).problem == "cut: the proxy stops"


async def test_a_port_that_is_taken_is_a_matter_of_configuration() -> None:
    async with proxied() as proxy:
        other = ForwardProxy(HostPolicy(), log=proxy.log.put_nowait)
        with pytest.raises(ConfigError, match="cannot listen on 127"):
            await other.open(port=proxy.port)
        await other.close()
