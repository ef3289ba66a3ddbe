"""End to end: an agent in a home uses a shop over real sockets, described by a document."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.tools.openapi.shop import DOCUMENT, KEY, Shop, serving

from remit import Agent, Home
from remit.core.events import EffectEnded
from remit.core.ports import Reply, Request
from remit.core.values import JsonValue
from remit.home import MEMORY
from remit.policy.hosts import HostPolicy
from remit.runtime import RunResult
from remit.testing import ScriptedModel, says, use
from remit.tools.http import Egress
from remit.tools.openapi import Choice, Credential, LinkPages, OpenAPI, OpenAPITools, Token

CHOICES = {
    "orders/list": Choice(name="list_orders", pages=LinkPages()),
    "orders/get": Choice(name="find_order"),
    "orders/create": Choice(name="order", effect="idempotent"),
    "refund": Choice(retries=0),
}


async def credentials(scheme: str, tenant: str) -> Credential | None:
    return Token(KEY)


@asynccontextmanager
async def toolset(shop: Shop) -> AsyncGenerator[OpenAPITools]:
    async with Egress(HostPolicy.read(f"allow: 127.0.0.1:{shop.port}")) as egress:
        server = {"port": str(shop.port)}
        yield OpenAPITools(OpenAPI.read(DOCUMENT), egress, only=CHOICES, server=server, credentials=credentials)


async def run(shop: Shop, *replies: Reply | str) -> tuple[RunResult, Sequence[JsonValue], Sequence[Request], str]:
    """Run an agent on a script; give its result, what its calls came to, what the model was asked, and the journal."""
    model = ScriptedModel([says(reply) if isinstance(reply, str) else reply for reply in replies], keep=True)
    async with toolset(shop) as tools, Home.open(MEMORY) as home:
        result = await home.run(Agent("clerk", model=model, toolsets=[tools]), "go", session="s")
        records = await home.store.read("s")
    ended = [record.event.outcome.output for record in records if isinstance(record.event, EffectEnded)]
    return result, ended, model.requests, str(records)


async def test_an_agent_reads_all_pages_and_a_path_is_what_it_was() -> None:
    async with serving() as shop:
        shop.orders += [{"id": 1, "item": "a/b ü", "count": 1}, {"id": 2, "item": "tea", "count": 2}]
        replies = [says("", use("list_orders", max_pages=5), use("find_order", item="a/b ü")), "two"]
        result, outputs, _, _ = await run(shop, *replies)
    assert result.output == "two"
    assert {"items": shop.orders, "pages": 2, "more": False} in outputs
    assert shop.orders[0] in outputs
    assert sorted(shop.asked) == ["GET /v1/orders", "GET /v1/orders", "GET /v1/orders/a%2Fb%20%C3%BC"]


@pytest.mark.parametrize("cuts", [0, 1, 2])
async def test_an_order_is_made_once_however_often_its_answer_is_lost(cuts: int) -> None:
    async with serving() as shop:
        shop.cuts = cuts
        result, outputs, _, _ = await run(shop, says("", use("order", body={"item": "tea", "count": 2})), "ordered")
    assert (result.status, outputs) == ("done", [{"item": "tea", "count": 2, "id": 1}])
    assert shop.asked == ["POST /v1/orders"] * (cuts + 1)
    assert (len(shop.orders), len(shop.by_key)) == (1, 1)


async def test_a_refusal_is_told_to_the_model_which_mends_its_call() -> None:
    async with serving() as shop:
        replies = [
            says("", use("order", body={"item": "tea"})),
            says("", use("order", body={"item": "tea", "count": 0})),
            says("", use("order", body={"item": "tea", "count": 1})),
            "ordered",
        ]
        result, outputs, requests, _ = await run(shop, *replies)
    assert outputs[0] == "body.count: is required"
    assert str(outputs[1]).startswith("422 Unprocessable")
    assert str(outputs[1]).endswith(': {"error": "count must be 1 or more"}')
    assert outputs[2] == {"item": "tea", "count": 1, "id": 1}
    assert (result.output, len(requests), len(shop.asked)) == ("ordered", 4, 2)


async def test_a_broken_answer_to_what_may_happen_once_ends_in_doubt() -> None:
    async with serving() as shop:
        result, outputs, _, _ = await run(shop, says("", use("refund")), "never said")
    assert (result.status, outputs, shop.asked) == ("waiting", [], ["POST /v1/refunds"])
    assert "500 Internal Server Error" in result.reason


async def test_the_credential_is_in_no_request_to_a_model_and_in_no_journal() -> None:
    async with serving() as shop:
        _, _, requests, journal = await run(shop, says("", use("find_order", item=KEY)), "none")
    assert "404 Not Found" in journal
    assert KEY not in journal.replace(f"'item': '{KEY}'", "")
    assert "X-Key" not in str(requests)
