"""Hosts are told in which trace a request is, unless they are not to know."""

import httpx2
import pytest
from tests.models.http.served import OK, Asked, Peer
from tests.tools.http.serving import answer, reaching

from remit.policy.hosts import HostPolicy
from remit.tools.http import Bounds, Outgoing

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("traced", "told"),
    [(None, TRACE), (HostPolicy(allow=["app.test:*"]), TRACE), (HostPolicy(allow=["other.test"]), None)],
)
async def test_a_request_and_one_of_a_library_say_in_which_trace_they_are(
    traced: HostPolicy | None, told: str | None
) -> None:
    heard: list[Asked] = []

    async def script(peer: Peer) -> None:
        while True:
            heard.append(await peer.request())
            await peer.say(answer(b"x"))

    async with reaching(script, bounds=Bounds(traced=traced)) as (served, egress, _):
        url = f"http://app.test:{served.port}/x"
        # What somebody else wrote there is replaced: the call is what its span stands below.
        await egress.send(Outgoing("GET", url, (("Traceparent", "other"),) if told else (), trace=TRACE))
        async with httpx2.AsyncClient(transport=egress.transport(trace=TRACE)) as client:
            await client.get(url)
        await egress.send(Outgoing("GET", url))
    assert [asked.headers.get("traceparent") for asked in heard] == [told, told, None]


async def test_a_redirect_to_another_origin_is_not_told() -> None:
    heard: list[Asked] = []

    async def script(peer: Peer) -> None:
        heard.append(await peer.request())
        port = heard[-1].headers["host"].rpartition(":")[2]
        if heard[-1].line.startswith("GET /there"):
            await peer.say(OK)
        else:
            to = f"location: http://127.0.0.1:{port}/there".encode()
            await peer.say(b"HTTP/1.1 307 T\r\n" + to + b"\r\ncontent-length: 0\r\n\r\n")

    async with reaching(script) as (served, egress, _):
        url = f"http://app.test:{served.port}/"
        await egress.send(Outgoing("GET", url, trace=TRACE))
        async with httpx2.AsyncClient(transport=egress.transport(trace=TRACE), follow_redirects=True) as client:
            await client.get(url)
    assert [asked.headers.get("traceparent") for asked in heard] == [TRACE, None] * 2
