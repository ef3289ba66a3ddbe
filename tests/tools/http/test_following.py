"""Following redirects: each place is checked anew, and what stops a chain says what may have happened."""

import pytest
from tests.certificates import Certificate
from tests.models.http.served import Peer, Script, answering
from tests.tools.http.serving import Names, answer, keys, reaching, refused

from remit.core.errors import RejectedError
from remit.tools.http import Bounds, Outgoing


def redirecting(status: int, location: str, seen: list[str]) -> Script:
    """Send everything at `/` elsewhere; `PORT` is this server's own."""

    async def script(peer: Peer) -> None:
        while True:
            asked = await peer.request()
            port = asked.headers["host"].rpartition(":")[2]
            seen.append(f"{asked.line.split()[0]} {asked.headers['host'].split(':')[0]} {asked.body.decode()}")
            if asked.line.split()[1] == "/":
                where = location.replace("PORT", port)
                await peer.say(f"HTTP/1.1 {status} Go\r\nlocation: {where}\r\ncontent-length: 0\r\n\r\n".encode())
            else:
                names = sorted(asked.headers.keys() - {"host", "accept-encoding"})
                await peer.say(answer(" ".join(names).encode()))

    return script


HEADERS = (("authorization", "Bearer x"), ("x-key", "k"), ("accept", "a/b"), ("content-type", "text/plain"))


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("GET", 302, "GET app.test "),
        ("HEAD", 303, "HEAD app.test "),
        ("POST", 301, "GET app.test "),
        ("POST", 303, "GET app.test "),
        ("PUT", 302, "PUT app.test data"),
        ("POST", 307, "POST app.test data"),
        ("PATCH", 308, "PATCH app.test data"),
    ],
)
async def test_a_redirect_is_followed_with_the_method_that_it_leaves(method: str, status: int, expected: str) -> None:
    seen: list[str] = []
    async with reaching(redirecting(status, "/next", seen)) as (served, egress, records):
        body = b"" if method in {"GET", "HEAD"} else b"data"
        came = await egress.send(Outgoing(method, f"http://app.test:{served.port}/", HEADERS, body))
        assert came.url == f"http://app.test:{served.port}/next"
        assert seen[1] == expected
        assert ("content-type" in came.body.decode()) is (
            expected[:3] not in {"GET"} or method == "GET"
        ) or not came.body
        assert len(records) == 2


async def test_nothing_that_says_who_asks_crosses_to_another_origin() -> None:
    names = Names(app_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    seen: list[str] = []
    script = redirecting(302, "http://other.test:PORT/next", seen)
    rules = ("*.test:PORT", "127.0.0.1:PORT")
    async with reaching(script, *rules, names=names, credentials=keys) as (served, egress, _):
        came = await egress.send(Outgoing("GET", f"http://app.test:{served.port}/", (*HEADERS, ("cookie", "c"))))
        assert came.url.startswith("http://other.test")
        assert came.body == b"accept"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "no rule allows"),
        ("http://2852039166/latest/", "no rule allows http://169.254.169.254"),
        ("http://inside.test:PORT/", "leads to a cloud metadata address"),
        ("http://app.test@evil.test/", "no place to go"),
        ("file:///etc/passwd", "no place to go"),
        ("/", "more than 3 redirects"),
    ],
)
async def test_a_redirect_is_checked_anew(location: str, says: str) -> None:
    names = Names(app_test=[["127.0.0.1"]], inside_test=[["169.254.169.254"]])
    script = redirecting(302, location, [])
    rules = ("*.test:PORT", "127.0.0.1:PORT")
    async with reaching(script, *rules, names=names, bounds=Bounds(redirects=3)) as (served, egress, _):
        error = await refused(egress, Outgoing("GET", f"http://app.test:{served.port}/"))
        assert says in str(error)
        assert isinstance(error, RejectedError)
        # A POST was answered, so whatever stops what comes after it cannot undo it.
        error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/"))
        assert says in str(error)
        assert not isinstance(error, RejectedError)


async def test_a_body_is_not_repeated_at_another_origin() -> None:
    names = Names(app_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    seen: list[str] = []
    script = redirecting(307, "http://other.test:PORT/next", seen)
    async with reaching(script, "*.test:PORT", "127.0.0.1:PORT", names=names) as (served, egress, _):
        error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/", body=b"secret"))
        assert "must not be repeated at another place" in str(error)
        assert len(seen) == 1


async def test_a_redirect_does_not_leave_encryption(localhost: Certificate) -> None:
    script = redirecting(302, "http://localhost:PORT/next", [])
    names = Names(localhost=[["127.0.0.1"]])
    async with reaching(script, "localhost:PORT", "127.0.0.1:PORT", names=names, tls=localhost) as (served, egress, _):
        error = await refused(egress, Outgoing("GET", f"https://localhost:{served.port}/"))
        assert "which is not encrypted" in str(error)


async def test_redirects_may_be_left_to_the_tool() -> None:
    async with reaching(redirecting(302, "/next", []), bounds=Bounds(redirects=0)) as (served, egress, _):
        assert (await egress.send(Outgoing("GET", f"http://app.test:{served.port}/"))).status == 302


async def test_a_redirect_without_a_place_is_an_answer() -> None:
    async with reaching(answering(b"HTTP/1.1 304 Same\r\n\r\n")) as (served, egress, _):
        assert (await egress.send(Outgoing("GET", f"http://app.test:{served.port}/"))).status == 304
