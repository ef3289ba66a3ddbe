"""Guarded transport: a library's own client goes where the policy allows, and nowhere else."""

import gzip
from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest
from tests.certificates import Certificate
from tests.models.http.served import OK, STREAM, Asked, Peer, Script, answering, chunk
from tests.tools.http.serving import TOKEN, Names, Silence, answer, keys, through


def hearing(heard: list[Asked], *pieces: bytes) -> Script:
    """Write down every request, and answer each with the same; `PORT` is the server's own."""

    async def script(peer: Peer) -> None:
        while True:
            heard.append(await peer.request())
            port = heard[-1].headers["host"].rpartition(":")[2].encode()
            await peer.say(*[piece.replace(b"PORT", port) for piece in pieces])

    return script


async def test_a_request_arrives_under_its_name_and_is_recorded_once_its_answer_is_closed() -> None:
    heard: list[Asked] = []
    async with through(hearing(heard, answer(b"hello"))) as (_, client, records):
        async with client.stream("POST", "/a/../b?key=s3cret", content=b"body", headers={"x-me": "1"}) as response:
            assert records == []
            assert await response.aread() == b"hello"
        (asked,), (record,) = heard, records
        assert (asked.line, asked.body, asked.headers["x-me"]) == ("POST /b?key=s3cret HTTP/1.1", b"body", "1")
        assert asked.headers["host"].startswith("app.test:")
        assert (record.method, record.address, record.status) == ("POST", "127.0.0.1", 200)
        assert (record.tenant, record.session, record.call) == ("acme", "s1", "c1")
        assert (record.sent, record.received, record.problem) == (4, 5, "")
        assert record.url.endswith("/b")


async def test_a_body_of_unknown_length_is_streamed() -> None:
    async def script(peer: Peer) -> None:
        assert (await peer.request()).headers["transfer-encoding"] == "chunked"
        assert await peer.reader.readexactly(21) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        await peer.say(OK)

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with through(script) as (_, client, records):
        assert (await client.put("/", content=body())).status_code == 200
        assert records[0].sent == 6


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "no rule allows"),
        ("http://2852039166/", "no rule allows http://169.254.169.254"),
        ("http://inside.test:PORT/", "leads to a cloud metadata address"),
        ("http://mixed.test:PORT/", "leads to a private address"),
        ("http://nobody.test:PORT/", "nobody knows where nobody.test is"),
        ("http://user:pass@app.test:PORT/", "holds a user or a password"),
        ("http://[::ffff:169.254.169.254]:PORT/", "no rule allows"),
        ("http://0x7f.1/", "no rule allows http://127.0.0.1"),
        ("ftp://app.test/", "does not begin with http"),
    ],
)
async def test_what_the_policy_refuses_is_not_sent(url: str, says: str) -> None:
    names = Names(app_test=[["127.0.0.1"]], inside_test=[["169.254.169.254"]], mixed_test=[["127.0.0.1", "10.0.0.1"]])
    async with through(answering(OK), names=names) as (served, client, records):
        with pytest.raises((httpx2.ConnectError, httpx2.UnsupportedProtocol), match=says) as caught:
            await client.get(url.replace("PORT", str(served.port)))
        assert served.connections == 0
        assert caught.value.request is not None
        assert [record.status for record in records] == [0]
        assert records[0].problem == str(caught.value)


async def test_a_name_is_asked_for_once_a_request() -> None:
    names = Names(app_test=[["127.0.0.1"], ["169.254.169.254"]])
    async with through(answering(OK), names=names) as (served, client, _):
        assert (await client.get("/")).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="cloud metadata"):
            await client.get("/")
        assert served.connections == 1


async def test_names_that_are_never_answered_end_in_a_time_out() -> None:
    async with through(answering(OK), names=Silence()) as (_, client, records):
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get("/", timeout=0.05)
        assert "in time" in records[0].problem


# -- headers -----------------------------------------------------------------------------------------------------------


async def test_framing_and_the_name_of_the_host_are_ours_alone() -> None:
    heard: list[Asked] = []
    async with through(hearing(heard, OK)) as (_, client, _records):
        hostile = {"Host": "internal", "Connection": "x", "Proxy-Authorization": "p", "Upgrade": "h2c", "TE": "x"}
        extensions = {"sni_hostname": "evil.test", "target": b"/other"}
        await client.post("/x", content=b"abc", headers=hostile, extensions=extensions)
        (asked,) = heard
        assert asked.line == "POST /x HTTP/1.1"
        assert asked.headers["host"].startswith("app.test:")
        assert not {"connection", "proxy-authorization", "upgrade", "te"} & asked.headers.keys()
        assert asked.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "request_",
    [
        httpx2.Request("GET", "http://app.test/", headers=[(b"x", b"a\r\ny: b")]),
        httpx2.Request("GET", "http://app.test/", headers=[(b"x y", b"a")]),
        httpx2.Request("CONNECT", "http://app.test/"),
        httpx2.Request("GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "http://app.test/"),
    ],
)
async def test_what_is_no_request_is_not_sent(request_: httpx2.Request) -> None:
    heard: list[Asked] = []
    async with through(hearing(heard, OK)) as (served, client, records):
        request_.url = request_.url.copy_with(port=served.port)
        with pytest.raises(httpx2.ConnectError, match="not sent"):
            await client.send(request_)
        assert heard == []
        assert len(records[0].method) <= 20


async def test_a_body_that_is_not_as_long_as_was_said_is_broken_off() -> None:
    async with through(answering(OK)) as (_, client, records):
        with pytest.raises(httpx2.LocalProtocolError):
            await client.post("/", content=b"longer", headers={"content-length": "3"})
        assert records[0].problem


# -- credentials -------------------------------------------------------------------------------------------------------


async def test_credentials_are_added_and_never_seen_in_an_answer_however_it_comes() -> None:
    heard: list[Asked] = []
    pieces = [chunk(TOKEN[:5].encode()), chunk(TOKEN[5:].encode() + b"\xff\n"), chunk(b"")]
    head = STREAM.replace(b"\r\n\r\n", b"\r\nx-echo: Bearer " + TOKEN.encode() + b"\r\n\r\n")
    async with through(hearing(heard, head, *pieces), credentials=keys) as (_, client, records):
        response = await client.get("/", headers={"Authorization": "mine"})
        assert heard[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert response.content == b"[secret:credential]\xff\n"
        assert response.headers["x-echo"] == "Bearer [secret:credential]"
        assert TOKEN not in repr(records)


async def test_credentials_in_a_packed_answer_are_taken_out_too() -> None:
    packed = gzip.compress(f"so it is {TOKEN}!".encode())
    async with through(answering(answer(packed, b"content-encoding: gzip")), credentials=keys) as (_, client, _r):
        assert (await client.get("/")).text == "so it is [secret:credential]!"


async def test_what_a_provider_of_credentials_raises_is_told_to_nobody() -> None:
    async def broken(origin: str, tenant: str) -> Mapping[str, str]:
        raise KeyError(TOKEN)

    async with through(answering(OK), credentials=broken) as (_, client, records):
        with pytest.raises(httpx2.ConnectError, match="no credentials") as caught:
            await client.get("/")
        assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r} {records!r}"


# -- redirects ---------------------------------------------------------------------------------------------------------

PRIVATE = {"authorization": "Bearer x", "x-api-key": "k", "cookie": "c=1", "accept": "a/b"}


def hopping(heard: list[Asked], *locations: str, status: int = 302) -> Script:
    """Redirect from one place to the next, then answer."""
    left = list(locations)

    async def script(peer: Peer) -> None:
        while True:
            heard.append(await peer.request())
            port = heard[-1].headers["host"].rpartition(":")[2]
            if left:
                where = left.pop(0).replace("PORT", port)
                await peer.say(f"HTTP/1.1 {status} Go\r\nlocation: {where}\r\ncontent-length: 0\r\n\r\n".encode())
            else:
                await peer.say(OK)

    return script


async def test_a_redirect_within_an_origin_keeps_its_headers() -> None:
    heard: list[Asked] = []
    async with through(hopping(heard, "/next")) as (_, client, records):
        assert (await client.get("/", headers=PRIVATE, follow_redirects=True)).status_code == 200
        assert heard[1].headers["x-api-key"] == "k"
        assert len(records) == 2


async def test_nothing_that_says_who_asks_crosses_to_another_origin_nor_goes_on_there() -> None:
    heard: list[Asked] = []
    script = hopping(heard, "http://other.test:PORT/one", "/two", "http://app.test:PORT/three")
    async with through(script, credentials=keys) as (_, client, _records):
        response = await client.get("/", headers=PRIVATE, follow_redirects=True)
        assert response.status_code == 200
        assert [asked.headers["host"].split(":")[0] for asked in heard] == [
            "app.test", "other.test", "other.test", "app.test",
        ]  # fmt: skip
        for asked in heard[1:3]:
            assert not {"authorization", "x-api-key", "cookie"} & asked.headers.keys()
            assert asked.headers["accept"] == "a/b"
        # Back at home there is the credential of that place, and still nothing of the client's own.
        assert heard[3].headers["authorization"] == f"Bearer {TOKEN}"
        assert "x-api-key" not in heard[3].headers


@pytest.mark.parametrize("body", [b"secret", b""])
async def test_what_changes_something_is_not_repeated_at_another_origin(body: bytes) -> None:
    heard: list[Asked] = []
    async with through(hopping(heard, "http://other.test:PORT/", status=307)) as (_, client, _records):
        with pytest.raises(httpx2.ConnectError, match="must not be repeated at another place"):
            await client.post("/", content=body, follow_redirects=True)
        assert len(heard) == 1


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://localhost:PORT/", "which is not encrypted"),
        ("https://169.254.169.254/", "no rule allows"),
        ("https://localhost:PORT@evil.test/", "user or a password"),
    ],
)
async def test_a_redirect_is_checked_anew(location: str, says: str, localhost: Certificate) -> None:
    async with through(hopping([], location), tls=localhost) as (_, client, _records):
        with pytest.raises(httpx2.ConnectError, match=says):
            await client.get("/", follow_redirects=True)


async def test_the_certificate_must_be_of_the_name(localhost: Certificate) -> None:
    async with through(answering(OK), tls=localhost) as (served, client, _):
        assert (await client.get("/")).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="is not trusted"):
            await client.get(f"https://other.test:{served.port}/")
