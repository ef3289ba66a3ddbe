"""MCP over an egress: calls, listening and all of OAuth keep to the host policy."""

import base64
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec
import pytest
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from tests.models.http.served import Peer, Script
from tests.ports import free_port
from tests.tools.http.serving import Names, reaching
from tests.tools.mcp.servers import call, opened, over_http

from remit.core.errors import ToolError
from remit.core.values import JsonObject, JsonValue
from remit.policy.hosts import HostPolicy
from remit.tools.http import Egress, Exchange
from remit.tools.mcp import Http, McpToolset, TokenFile

NAMES = Names(app_test=[["127.0.0.1"]], auth_test=[["127.0.0.1"]], inside_test=[["169.254.169.254"]])
RULES = ("*.test:PORT", "127.0.0.1:PORT")


async def test_the_official_server_is_used_through_an_egress_and_every_request_is_recorded() -> None:
    port, records = free_port(), list[Exchange]()
    egress = Egress(HostPolicy(allow=[f"127.0.0.1:{port}"]), record=records.append)
    link = Http(f"http://127.0.0.1:{port}/mcp", transport=partial(egress.transport, tenant="acme"))
    async with over_http(port), opened(link, trusted=True) as (_, tools):
        assert await call(tools, "add", a=2, b=3) == {"result": 5}
        assert len(str(await call(tools, "big", size=1 << 20))) == 1 << 20
    assert {record.tenant for record in records} == {"acme"}
    assert all(record.address == "127.0.0.1" for record in records)
    assert any(record.received > 1 << 20 for record in records)


async def test_a_server_that_no_rule_allows_is_never_reached() -> None:
    port, records = free_port(), list[Exchange]()
    egress = Egress(HostPolicy(allow=["127.0.0.1:1"]), record=records.append)
    link = Http(f"http://127.0.0.1:{port}/mcp", transport=egress.transport)
    async with over_http(port):
        with pytest.raises(ToolError, match="no rule allows"):
            await McpToolset("s", link).open()
    assert records
    assert {record.status for record in records} == {0}


# -- credentials and OAuth ---------------------------------------------------------------------------------------------


def result(message: JsonObject, told: JsonObject) -> bytes:
    """Answer a message."""
    return said({"jsonrpc": "2.0", "id": message["id"], "result": told})


def said(value: JsonValue, status: str = "200 OK", *headers: str) -> bytes:
    """Write an answer of JSON."""
    content = msgspec.json.encode(value)
    lines = "".join(f"{line}\r\n" for line in (*headers, "content-type: application/json"))
    return f"HTTP/1.1 {status}\r\n{lines}content-length: {len(content)}\r\n\r\n".encode() + content


def served(authorization: str, issuer: str, seen: list[str]) -> Script:
    """An MCP server that wants a token, with an authorization server at `issuer`; `PORT` is its own port."""

    async def script(peer: Peer) -> None:
        while True:
            asked = await peer.request()
            method, path, _ = asked.line.split()
            host, _, port = asked.headers["host"].partition(":")
            mine, theirs = f"http://127.0.0.1:{port}", issuer.replace("PORT", port)
            seen.append(f"{method} {host}{path}")
            match path:
                case "/.well-known/oauth-protected-resource":
                    await peer.say(said({"resource": f"{mine}/mcp", "authorization_servers": [theirs]}))
                case "/.well-known/oauth-authorization-server":
                    urls = {"authorization_endpoint": f"{theirs}/authorize", "token_endpoint": f"{theirs}/token"}
                    await peer.say(said({"issuer": theirs, "response_types_supported": ["code"], **urls}))
                case "/token":
                    login = asked.headers["authorization"].removeprefix("Basic ")
                    assert base64.b64decode(login) == b"me:secret-of-me"
                    await peer.say(said({"access_token": "granted-8f3a", "token_type": "Bearer"}))
                case _ if asked.headers.get("authorization") != authorization:
                    where = f'www-authenticate: Bearer resource_metadata="{mine}/.well-known/oauth-protected-resource"'
                    await peer.say(said({}, "401 Unauthorized", where))
                case _:
                    await peer.say(spoken(msgspec.json.decode(asked.body) if asked.body else {}))

    return script


def spoken(message: JsonObject) -> bytes:
    """Speak MCP as an older server does."""
    match message.get("method"):
        case "initialize":
            info: JsonObject = {"name": "s", "version": "1"}
            return result(message, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info})
        case "tools/list":
            return result(message, {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]})
        case "tools/call":
            return result(message, {"content": [{"type": "text", "text": "gone, with granted-8f3a"}]})
        case "server/discover":
            return said(None, "400 Bad Request")
        case _:
            return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


def client(url: str, tokens: Path, issuer: str) -> ClientCredentialsOAuthProvider:
    """Get tokens by OAuth's client credentials."""
    return ClientCredentialsOAuthProvider(url, TokenFile(tokens), "me", "secret-of-me", issuer=issuer)


async def test_discovery_and_tokens_of_oauth_go_through_the_egress(tmp_path: Path) -> None:
    seen: list[str] = []
    script = served("Bearer granted-8f3a", "http://auth.test:PORT", seen)
    async with reaching(script, *RULES, names=NAMES) as (server, egress, records):
        url, issuer = f"http://127.0.0.1:{server.port}/mcp", f"http://auth.test:{server.port}"
        link = Http(url, auth=client(url, tmp_path / "t", issuer), transport=egress.transport)
        async with opened(link) as (_, tools):
            assert "gone" in str(await call(tools, "go"))
    assert "POST auth.test/token" in seen
    recorded = [f"{record.method} {record.url}" for record in records]
    assert [line.replace("http://", "").replace(f":{server.port}", "") for line in recorded] == seen


async def test_a_server_cannot_send_oauth_to_where_the_policy_does_not_lead(tmp_path: Path) -> None:
    seen: list[str] = []
    script = served("Bearer granted-8f3a", "http://inside.test:PORT", seen)
    async with reaching(script, *RULES, names=NAMES) as (server, egress, records):
        url, issuer = f"http://127.0.0.1:{server.port}/mcp", f"http://inside.test:{server.port}"
        link = Http(url, auth=client(url, tmp_path / "t", issuer), transport=egress.transport)
        with pytest.raises(ToolError):
            await McpToolset("s", link).open()
    inside = [record for record in records if "inside.test" in record.url]
    assert inside
    assert all("cloud metadata" in record.problem and not record.address for record in inside)


async def test_credentials_for_an_mcp_server_may_be_added_at_the_edge() -> None:
    async def edge(origin: str, tenant: str) -> Mapping[str, str]:
        return {"Authorization": "Bearer granted-8f3a"} if tenant == "acme" else {}

    script = served("Bearer granted-8f3a", "http://auth.test:PORT", [])
    async with reaching(script, *RULES, names=NAMES, credentials=edge) as (server, egress, _):
        link = Http(f"http://app.test:{server.port}/mcp", transport=partial(egress.transport, tenant="acme"))
        async with opened(link) as (_, tools):
            answer = str(await call(tools, "go"))
        assert "granted-8f3a" not in answer
        assert "gone, with [secret:credential]" in answer
        with pytest.raises(ToolError):
            await McpToolset("s", Http(link.url, transport=partial(egress.transport, tenant="zeta"))).open()
