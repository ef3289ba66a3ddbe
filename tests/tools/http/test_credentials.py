"""Credentials: added where a request leaves, and seen by nobody else."""

from collections.abc import Mapping

from msgspec.structs import replace
from tests.models.http.served import OK, Peer, answering
from tests.tools.http.serving import TOKEN, answer, keys, reaching, refused

from remit.core.errors import RejectedError
from remit.tools.http import Outgoing


async def test_credentials_are_added_for_the_tenant_and_taken_out_of_what_comes_back() -> None:
    said: list[str] = []

    async def echo(peer: Peer) -> None:
        while True:
            said.append((await peer.request()).headers["authorization"])
            await peer.say(answer(said[-1].encode() + f" pass-{TOKEN}".encode(), b"x-echo: " + said[-1].encode()))

    async with reaching(echo, credentials=keys) as (served, egress, records):
        request = Outgoing("GET", f"http://app.test:{served.port}/", (("authorization", "mine"),))
        came = await egress.send(replace(request, tenant="acme"))
        assert said == [f"Bearer {TOKEN}"]
        assert TOKEN not in repr(came)
        assert came.headers["x-echo"] == "Bearer [secret:credential]"
        other = await egress.send(request)
        assert said[1].startswith("Basic ")
        assert TOKEN not in repr(other)
        assert said[1].split()[1] not in repr(other)
        assert [record.tenant for record in records] == ["acme", "default"]
        assert TOKEN not in repr(records)


async def test_short_credentials_pass() -> None:
    async def short(origin: str, tenant: str) -> Mapping[str, str]:
        return {"x-key": "k"}

    async with reaching(answering(OK), credentials=short) as (served, egress, _):
        assert (await egress.send(Outgoing("GET", f"http://app.test:{served.port}/"))).body == b"ok"


async def test_a_credential_is_in_no_error() -> None:
    async def broken(origin: str, tenant: str) -> Mapping[str, str]:
        raise KeyError(TOKEN)

    async def unwritable(origin: str, tenant: str) -> Mapping[str, str]:
        return {"authorization": f"{TOKEN}\n"}

    for credentials in (broken, unwritable):
        async with reaching(answering(OK), credentials=credentials) as (served, egress, records):
            error = await refused(egress, Outgoing("POST", f"http://app.test:{served.port}/"))
            assert isinstance(error, RejectedError)
            assert TOKEN not in f"{error!r} {error.__cause__!r} {records!r}"
