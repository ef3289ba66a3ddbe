"""Egress: where a tool's request goes, and what is said when it does not arrive."""

import asyncio
import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.certificates import Certificate
from tests.models.http.served import OK, Peer, Script, answering, chunk, serving
from tests.tools.http.serving import Names, Silence, answer, reaching, refused

from remit.core.errors import RejectedError
from remit.policy.hosts import HostPolicy
from remit.tools.http import Bounds, Egress, HostsFile, Outgoing, SystemResolver


async def test_a_request_arrives_under_its_name_and_its_answer_comes_back() -> None:
    async with reaching(answering(answer(b"hello", b"X-A: 1", b"x-a: 2"))) as (served, egress, records):
        sent = Outgoing("POST", f"http://App.test:{served.port}/a/../b?key=s3cret#x", (("X-Me", "1"),), b"body")
        came = await egress.send(sent)
        assert (came.status, came.body, came.headers["x-a"]) == (200, b"hello", "1, 2")
        assert came.url == f"http://app.test:{served.port}/b?key=s3cret"
        (record,) = records
        assert (record.method, record.address, record.status) == ("POST", "127.0.0.1", 200)
        assert (record.sent, record.received, record.problem, record.tenant) == (4, 5, "", "default")
        assert record.url == f"http://app.test:{served.port}/b"


async def test_the_framing_of_a_request_is_ours_alone() -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.request()
        assert asked.line == "PUT /x HTTP/1.1"
        assert asked.headers["host"].startswith("app.test:")
        assert asked.body == b"abc"
        assert not {"transfer-encoding", "connection", "proxy-authorization"} & asked.headers.keys()
        await peer.say(OK)

    hostile = (("Host", "internal"), ("Transfer-Encoding", "chunked"), ("Content-Length", "0"), ("connection", "x"))
    async with reaching(script) as (served, egress, _):
        request = Outgoing("PUT", f"http://app.test:{served.port}/x", (*hostile, ("Proxy-Authorization", "p")), b"abc")
        assert (await egress.send(request)).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        Outgoing("GET", "http://app.test/", (("x", "a\r\ny: b"),)),
        Outgoing("GET", "http://app.test/", (("ключ", "x"),)),
        Outgoing("GE T", "http://app.test/"),
        Outgoing("CONNECT", "http://app.test/"),
        Outgoing("GET", "http://u:p@app.test/"),
    ],
)
async def test_what_is_no_request_is_not_sent(request_: Outgoing) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        raise AssertionError

    async with reaching(script) as (served, egress, records):
        url = request_.url.replace("app.test", f"app.test:{served.port}")
        error = await refused(egress, Outgoing(request_.method, url, request_.headers))
        assert isinstance(error, RejectedError)
        assert not error.retryable
        assert records[0].problem in str(error)
        assert records[0].status == 0


async def test_a_name_that_is_refused_is_not_even_asked_for() -> None:
    names = Names(evil_test=[["8.8.8.8"]])
    async with reaching(answering(OK), names=names) as (_, egress, records):
        error = await refused(egress, Outgoing("POST", "http://secret-data.evil.test/"))
        assert isinstance(error, RejectedError)
        assert "no rule allows http://secret-data.evil.test" in str(error)
        assert names.asked == []
        assert records[0].problem == str(error)


async def test_an_address_is_asked_for_once_and_that_one_is_connected_to() -> None:
    """The first answer leads to the server and passes; a second question would be answered with metadata."""
    names = Names(app_test=[["127.0.0.1"], ["169.254.169.254"]])
    async with reaching(answering(OK), names=names) as (served, egress, _):
        url = f"http://app.test:{served.port}/"
        assert (await egress.send(Outgoing("GET", url))).status == 200
        assert names.asked == ["app.test"]
        assert "cloud metadata" in str(await refused(egress, Outgoing("GET", url)))
        assert served.connections == 1


async def test_one_forbidden_address_among_good_ones_is_enough() -> None:
    names = Names(app_test=[["8.8.8.8", "10.0.0.1"]])
    async with reaching(answering(OK), names=names) as (served, egress, _):
        error = await refused(egress, Outgoing("GET", f"http://app.test:{served.port}/"))
        assert "leads to a private address" in str(error)
        assert "10.0.0.1" not in str(error)


async def test_the_next_address_is_tried_when_nobody_is_at_the_first() -> None:
    names = Names(app_test=[["127.0.0.2", "127.0.0.1"]])
    async with reaching(answering(OK), "app.test:PORT", "127.0.0.0/8:*", names=names) as (served, egress, records):
        assert (await egress.send(Outgoing("POST", f"http://app.test:{served.port}/"))).status == 200
        assert records[0].address == "127.0.0.1"


@pytest.mark.parametrize("names", [Names(), Names(app_test=[[]])])
async def test_a_name_without_address_can_be_tried_again(names: Names) -> None:
    async with reaching(answering(OK), names=names) as (served, egress, _):
        error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/"))
        assert isinstance(error, RejectedError)
        assert error.retryable


async def test_nobody_there_is_surely_nothing_sent() -> None:
    async with serving(answering(OK)) as gone:
        pass
    policy = HostPolicy(allow=["app.test:*", "127.0.0.1:*"])
    async with Egress(policy, resolver=HostsFile({"app.test": ["127.0.0.1"]})) as egress:
        error = await refused(egress, Outgoing("POST", f"http://app.test:{gone.port}/"))
        assert isinstance(error, RejectedError)
        assert error.retryable


async def test_ipv6_literals_are_reached() -> None:
    async with serving(answering(OK), host="::1") as served, Egress(HostPolicy(allow=["[::1]:*"])) as egress:
        assert (await egress.send(Outgoing("GET", f"http://[::1]:{served.port}/"))).status == 200


async def test_the_certificate_must_be_of_the_name(localhost: Certificate) -> None:
    names = Names(localhost=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    rules = ("localhost:PORT", "other.test:PORT", "127.0.0.1:PORT")
    async with reaching(answering(OK), *rules, names=names, tls=localhost) as (served, egress, _):
        for host in ("localhost", "127.0.0.1"):
            assert (await egress.send(Outgoing("GET", f"https://{host}:{served.port}/"))).status == 200
        error = await refused(egress, Outgoing("POST", f"https://other.test:{served.port}/"))
        assert isinstance(error, RejectedError)
        assert "is not trusted" in str(error)
        assert not error.retryable


async def test_safe_requests_share_connections_and_others_never_do() -> None:
    async with reaching(answering(OK)) as (served, egress, _):
        url = f"http://app.test:{served.port}/"
        for _ in range(3):
            await egress.send(Outgoing("GET", url))
        assert served.connections == 1
        for _ in range(2):
            await egress.send(Outgoing("POST", url))
        assert served.connections == 3


async def test_a_connection_is_not_shared_by_names_at_one_address() -> None:
    names = Names(app_test=[["127.0.0.1"]], two_test=[["127.0.0.1"]])
    rules = ("*.test:PORT", "127.0.0.1:PORT")
    async with reaching(answering(OK), *rules, names=names) as (served, egress, _):
        await egress.send(Outgoing("GET", f"http://app.test:{served.port}/"))
        await egress.send(Outgoing("GET", f"http://two.test:{served.port}/"))
        assert served.connections == 2


def test_an_egress_outlives_an_event_loop() -> None:
    egress = Egress(HostPolicy(allow=["127.0.0.1:*"]))

    async def once() -> int:
        async with serving(answering(OK)) as served:
            return (await egress.send(Outgoing("POST", f"http://127.0.0.1:{served.port}/"))).status

    assert [asyncio.run(once()) for _ in range(2)] == [200, 200]
    asyncio.run(egress.close())


# -- what it means when there is no answer -----------------------------------------------------------------------------


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


def telling(there: asyncio.Event) -> Script:
    """Say that a request is there, and nothing to it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        there.set()
        await peer.gone()

    return script


async def test_a_time_out_after_sending_may_still_land() -> None:
    async with reaching(silent) as (served, egress, records):
        error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/", timeout=0.2))
        assert not isinstance(error, RejectedError)
        assert error.landing
        assert records[0].problem == "cut off"


async def test_a_time_out_before_sending_is_surely_nothing() -> None:
    async with reaching(answering(OK), names=Silence()) as (served, egress, _):
        error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/", timeout=0.05))
        assert isinstance(error, RejectedError)
        assert error.retryable


async def test_a_request_that_never_got_a_connection_was_surely_not_sent() -> None:
    there = asyncio.Event()
    async with reaching(telling(there), bounds=Bounds(connections=1)) as (served, egress, _):
        url = f"http://app.test:{served.port}/"
        first = asyncio.create_task(refused(egress, Outgoing("POST", url, timeout=1.0)))
        await there.wait()
        second = await refused(egress, Outgoing("POST", url, timeout=0.1))
        assert isinstance(second, RejectedError)
        assert not isinstance(await first, RejectedError)
        assert served.connections == 1


async def test_who_stops_waiting_leaves_no_connection_behind() -> None:
    there = asyncio.Event()
    async with reaching(telling(there)) as (served, egress, records):
        sending = asyncio.create_task(egress.send(Outgoing("GET", f"http://app.test:{served.port}/")))
        await there.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await served.all_closed()
        assert records[0].problem == "cut off"


def dripping(*pieces: bytes) -> Script:
    """Never ends an answer, and never pauses for long."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(*pieces)
        while True:
            await peer.say(b"x")
            await asyncio.sleep(0.01)

    return script


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"])
async def test_a_server_that_drips_is_left_in_time(begun: bytes) -> None:
    async with reaching(dripping(begun)) as (served, egress, _):
        error = await refused(egress, Outgoing("GET", f"http://app.test:{served.port}/", timeout=0.3))
        assert error.landing
        assert "within 0.3 s" in str(error)
        await served.all_closed()


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ((b"SSH-2.0\r\n\r\n",), "no whole answer"),
        ((b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000,), "no whole answer"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",), "no whole answer"),
        ((b"",), "no whole answer"),
        ((answer(b"x" * 1001),), "longer than 1000 bytes"),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", *[chunk(b"x" * 300)] * 4), "longer than 1000"),
        ((answer(gzip.compress(bytes(50_000_000)), b"content-encoding: gzip"),), "longer than 1000 bytes"),
        ((answer(b"x", b"content-encoding: br"),), "packed as 'br'"),
        ((answer(b"not gzip at all", b"content-encoding: gzip"),), "damaged"),
        ((answer(gzip.compress(b"x" * 99)[:-9], b"content-encoding: gzip"),), "has no end"),
    ],
)
async def test_an_answer_that_cannot_be_taken_leaves_what_happened_unknown(
    pieces: tuple[bytes, ...], says: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(*pieces)

    async with reaching(script) as (served, egress, records):
        error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/", largest=1000))
        assert not isinstance(error, RejectedError)
        assert not error.landing
        assert says in str(error)
        assert records[0].received <= 100_000


async def test_packed_answers_are_unpacked() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    async with reaching(answering(answer(packed, b"content-encoding: gzip"))) as (served, egress, records):
        came = await egress.send(Outgoing("GET", f"http://app.test:{served.port}/", largest=1000))
        assert came.body == b"one two"
        assert not {"content-encoding", "content-length"} & came.headers.keys()
        assert records[0].received == len(packed)


# -- resolving ---------------------------------------------------------------------------------------------------------


async def test_the_system_knows_localhost_and_not_what_cannot_be_a_name() -> None:
    assert "127.0.0.1" in await SystemResolver().resolve("localhost")
    with pytest.raises(OSError, match="too long"):
        await SystemResolver().resolve("a" * 70)


async def test_names_are_asked_for_when_all_other_threads_are_busy() -> None:
    """Slow names of a stranger must not hold up files, nor what is slow elsewhere the names."""
    over = threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as threads:
        loop.set_default_executor(threads)
        busy = loop.run_in_executor(None, over.wait)
        try:
            async with asyncio.timeout(10):
                assert "127.0.0.1" in await SystemResolver(threads=1).resolve("localhost")
        finally:
            over.set()
            await busy


async def test_a_hosts_file_knows_only_its_names() -> None:
    names = HostsFile({"a.test": ["127.0.0.1"]})
    assert await names.resolve("a.test") == ["127.0.0.1"]
    with pytest.raises(OSError, match="not in the file"):
        await names.resolve("b.test")
