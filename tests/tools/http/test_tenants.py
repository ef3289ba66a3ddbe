"""Tenants: many use the same tools over one egress, and none is ever taken for another."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.models.http.served import Asked, Peer, Script
from tests.tools.http.serving import Names, reaching

from remit.core.errors import RejectedError
from remit.core.ports import Tool, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools.http import Credentials, Exchange
from remit.tools.http.credentials import nobody
from remit.tools.openapi import Choice, Client, Credential, LinkPages, OpenAPI, OpenAPITools, Token

TENANTS = ("acme", "zeta", "omega")
ROUNDS = 20
RULES = ("*.test:PORT", "127.0.0.1:PORT")


def document(port: int, scheme: JsonObject) -> OpenAPI:
    """Describe a server with two operations that need the same scheme."""
    operations: JsonObject = {
        "/mine": {"get": {"operationId": "mine"}},
        "/pages": {"get": {"operationId": "pages"}},
        "/orders": {"post": {"operationId": "order"}},
    }
    return OpenAPI.read(
        {
            "openapi": "3.1.0",
            "info": {"title": "Shop"},
            "servers": [{"url": f"http://app.test:{port}"}],
            "paths": operations,
            "components": {"securitySchemes": {"s": scheme}},
            "security": [{"s": []}],
        }
    )


@asynccontextmanager
async def tools_of(
    script: Script, scheme: JsonObject, edge: Credentials = nobody
) -> AsyncGenerator[tuple[dict[str, Tool], list[Exchange]]]:
    """Give the tools of one document over one egress, which all tenants share, signed here or at its edge."""
    names = Names(app_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])

    async def credentials(name: str, tenant: str) -> Credential | None:
        if scheme["type"] == "oauth2":
            return Client(f"client-{tenant}", f"secret-of-{tenant}")
        return Token(f"key-of-{tenant}")

    async with reaching(script, *RULES, names=names, credentials=edge) as (served, egress, records):
        toolset = OpenAPITools(
            document(served.port, scheme),
            egress,
            only={"mine": Choice(), "order": Choice(), "pages": Choice(pages=LinkPages())},
            credentials=credentials if edge is nobody else None,
        )
        yield {tool.spec.name: tool for tool in await toolset.open()}, records


def known(asked: Asked) -> str:
    """Read whom a request is from, by its credentials alone."""
    shown = asked.headers.get("authorization") or asked.headers.get("x-key", "")
    return shown.rpartition("-")[2]


def body(value: JsonValue, *headers: str, status: str = "200 OK") -> bytes:
    """Write an answer of JSON."""
    content = msgspec.json.encode(value)
    lines = "".join(f"{header}\r\n" for header in (*headers, "content-type: application/json"))
    return f"HTTP/1.1 {status}\r\n{lines}content-length: {len(content)}\r\n\r\n".encode() + content


async def whoami(peer: Peer) -> None:
    """Tell each who it is, and what it showed; grant tokens to clients."""
    while True:
        asked = await peer.request()
        if asked.line.startswith("POST /token"):
            login = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
            assert parse_qs(asked.body.decode())["grant_type"] == ["client_credentials"]
            await peer.say(body({"access_token": f"token-of-{login.rpartition('-')[2]}", "expires_in": 3600}))
        else:
            await asyncio.sleep(0)
            await peer.say(body({"who": known(asked), "shown": str(sorted(asked.headers.items()))}))


async def at_the_edge(origin: str, tenant: str) -> Mapping[str, str]:
    """Know a key for each tenant."""
    return {"authorization": f"Bearer key-of-{tenant}"}


OAUTH: JsonObject = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}}
KEY: JsonObject = {"type": "apiKey", "in": "header", "name": "X-Key"}


@pytest.mark.parametrize(("scheme", "edge"), [(KEY, nobody), (OAUTH, nobody), (KEY, at_the_edge)])
async def test_tenants_with_credentials_of_their_own_never_see_each_others(
    scheme: JsonObject, edge: Credentials
) -> None:
    async with tools_of(whoami, scheme, edge) as (tools, records):

        async def call(number: int) -> None:
            tenant = TENANTS[number % len(TENANTS)]
            context = ToolContext(tenant=tenant, session=f"session-{tenant}", call=f"{tenant}_{number}")
            tool = tools["order" if number % 2 else "mine"]
            got = await tool.call({}, context)
            assert isinstance(got, dict)
            assert got["who"] == tenant
            assert not any(other in str(got) for other in TENANTS if other != tenant)

        await asyncio.gather(*(call(number) for number in range(ROUNDS)))
        assert len(records) >= ROUNDS
        for record in records:
            assert record.session == f"session-{record.tenant}"
            assert record.call.startswith(f"{record.tenant}_")
        assert {record.tenant for record in records} == set(TENANTS)


async def test_a_request_for_a_token_is_on_behalf_of_whom_it_is_for() -> None:
    async with tools_of(whoami, OAUTH) as (tools, records):
        await tools["mine"].call({}, ToolContext(tenant="acme", session="s", call="c"))
        assert [(one.method, one.tenant, one.session, one.call) for one in records] == [
            ("POST", "acme", "s", "c"),
            ("GET", "acme", "s", "c"),
        ]


async def test_following_pages_are_on_behalf_of_the_same() -> None:
    async def script(peer: Peer) -> None:
        while True:
            asked = await peer.request()
            link = [] if "page=2" in asked.line else ['link: </pages?page=2>; rel="next"']
            await peer.say(body([known(asked)], *link))

    async with tools_of(script, KEY) as (tools, records):
        context = ToolContext(tenant="acme", session="s", call="c")
        got = await tools["pages"].call({"max_pages": 2}, context)
        assert got == {"items": ["acme", "acme"], "pages": 2, "more": False}
        assert [(one.tenant, one.session, one.call) for one in records] == [("acme", "s", "c")] * 2


async def test_a_page_from_another_server_does_not_draw_the_credentials_after_it() -> None:
    """A redirect led elsewhere, without credentials; the link to a next page there must not bring them."""
    heard: list[Asked] = []

    async def script(peer: Peer) -> None:
        while True:
            heard.append(await peer.request())
            host = heard[-1].headers["host"]
            if host.startswith("app.test"):
                where = f"http://other.test:{host.rpartition(':')[2]}/pages"
                await peer.say(body(None, f"location: {where}", status="302 Found"))
            else:
                await peer.say(body(["x"], 'link: </pages?page=2>; rel="next"'))

    async with tools_of(script, KEY) as (tools, _):
        with pytest.raises(RejectedError, match="on another server"):
            await tools["pages"].call({"max_pages": 2}, ToolContext(tenant="acme"))
    assert [known(asked) for asked in heard] == ["acme", ""]
