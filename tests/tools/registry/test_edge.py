"""The edge: credentials are those of the tenant for whom a request is sent."""

import pytest
from tests.models.http.served import OK, Peer, serving

from remit.core.errors import ConfigError, RejectedError
from remit.policy.hosts import HostPolicy
from remit.tools.http import Outgoing
from remit.tools.registry import Auth
from remit.tools.registry.edge import Edge, headers_of, host_of, origin_of


async def secret(name: str, tenant: str) -> str:
    return f"{tenant}-{name}"


async def test_each_tenant_s_own_credentials_are_added_and_only_for_their_origin() -> None:
    keys: list[str | None] = []

    async def answered(peer: Peer) -> None:
        while True:
            keys.append((await peer.request()).headers.get("x-key"))
            await peer.say(OK)

    async with serving(answered) as ours, serving(answered) as other:
        edge = Edge(HostPolicy(allow=[f"127.0.0.1:{one.port}" for one in (ours, other)]), secret)
        edge.sign("a", f"{ours.url}/v1", Auth(header="X-Key", value="Key ${ONE}"))
        edge.sign("b", f"{ours.url}/v2", Auth(header="X-Key", value="Key ${ONE}"))
        for url, tenant in ((ours.url, "acme"), (ours.url, "other"), (other.url, "acme")):
            await edge.send(Outgoing("GET", f"{url}/v1", tenant=tenant))
        with pytest.raises(ConfigError, match="sources 'a' and 'c' sign requests"):
            edge.sign("c", ours.url, Auth(header="X-Key", value="${TWO}"))
        await edge.close()
    assert keys == ["Key acme-ONE", "Key other-ONE", None]


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (Auth(header="X-Key", value="${A}"), {"X-Key": "acme-A"}),
        (Auth(token="${A}"), {"Authorization": "Bearer acme-A"}),
        (Auth(user="u", password="${A}"), {"Authorization": "Basic dTphY21lLUE="}),
    ],
)
async def test_credentials_are_written_as_a_header(auth: Auth, headers: dict[str, str]) -> None:
    assert await headers_of(auth, "acme", secret) == headers


async def test_a_secret_that_no_header_can_hold_is_told_to_nobody() -> None:
    async def odd(name: str, tenant: str) -> str:
        return {"ENDED": "s3cret\n", "SPLIT": "s3\ncret"}[name]

    assert await headers_of(Auth(token="${ENDED}"), "acme", odd) == {"Authorization": "Bearer s3cret"}
    with pytest.raises(RejectedError, match="not sent: the secret for the header 'X-Key' holds what no") as caught:
        await headers_of(Auth(header="X-Key", value="${SPLIT}"), "acme", odd)
    assert "cret" not in str(caught.value).replace("secret", "")


def test_an_address_that_is_none_is_a_mistake() -> None:
    assert (origin_of("https://A.test:443/x"), host_of("http://[::1]:80/")) == ("https://a.test", "::1")
    with pytest.raises(ConfigError, match="'nowhere' is no address"):
        origin_of("nowhere")
