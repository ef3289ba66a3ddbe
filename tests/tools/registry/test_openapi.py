"""Sources that are OpenAPI documents, over real sockets: what becomes of operations, credentials and drift."""

from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from tests.models.http.served import Peer
from tests.models.http.served import serving as served
from tests.tools.openapi.shop import DOCUMENT, KEY, Shop, serving
from tests.tools.registry.projects import CONTEXT, Folder, by_name

from remit.core.errors import ConfigError, RejectedError
from remit.tools.http import Exchange
from remit.tools.registry import Project, Registry

ALLOWING = '[registry]\ndrift = {unlocked = "allow"}\n'
ORDER = '[sources.shop.tools."orders/create"]\nname = "order"\neffect = "idempotent"\n'


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop that is open."""
    async with serving() as shop:
        yield shop


async def secret(name: str, tenant: str) -> str:
    if name != "SHOP_KEY":
        raise RejectedError(f"there is no secret {name!r}")
    return KEY


def declared(folder: Folder, shop: Shop, more: str = "auth = {token = '${SHOP_KEY}'}", document: str = DOCUMENT) -> str:
    """Write the shop's document, and say what declares it."""
    (folder.path / "shop.yaml").write_text(document)
    return f'[sources.shop]\nopenapi = "shop.yaml"\nserver = {{port = "{shop.port}"}}\n{more}\n'


async def test_operations_become_tools_that_are_signed_and_sent_within_the_host_policy(
    folder: Folder, shop: Shop
) -> None:
    (folder.path / "hosts.txt").write_text(f"allow: 127.0.0.1:{shop.port}")
    more = "auth = {schemes = {key = {token = '${SHOP_KEY}'}}}\nonly = ['orders/get']"
    project = folder.write(ALLOWING + "[policy]\nhosts = 'hosts.txt'\n" + declared(folder, shop, more) + ORDER)
    seen: list[Exchange] = []
    toolset = Registry(project, secret=secret, record=seen.append).pick("*")
    tools = by_name(await toolset.open())
    assert sorted(tools) == ["order", "orders_get"]
    made = await tools["order"].call({"body": {"item": "tea", "count": 2}}, CONTEXT)
    again = await tools["order"].call({"body": {"item": "tea", "count": 2}}, CONTEXT)
    await toolset.close()
    assert made == again == {"item": "tea", "count": 2, "id": 1}
    assert (tools["order"].spec.effect, list(shop.by_key)) == ("idempotent", ["k1"])
    assert tools["order"].spec.hosts == ("127.0.0.1",)
    assert (tools["order"].spec.source, "itself" in str(tools["orders_get"].spec)) == ("openapi:shop", False)
    assert [exchange.status for exchange in seen] == [201, 201]


async def test_a_header_is_added_where_requests_leave(folder: Folder, shop: Shop) -> None:
    project = folder.write(
        ALLOWING + declared(folder, shop, "auth = {header = 'X-Key', value = '${SHOP_KEY}'}\nonly = ['orders/list']")
        + "[policy]\nhosts = 'hosts.txt'\n"
    )  # fmt: skip
    (folder.path / "hosts.txt").write_text(f"allow: 127.0.0.1:{shop.port}")
    shop.orders.append({"id": 1, "item": "tea", "count": 1})
    toolset = Registry(project, secret=secret).pick("orders_list")
    (tool,) = await toolset.open()
    assert await tool.call({"page": 1}, CONTEXT) == shop.orders
    await toolset.close()


@pytest.mark.parametrize("auth", ["{token = '${NO_KEY}'}", "{header = 'X-Key', value = '${NO_KEY}'}"])
async def test_without_its_secret_nothing_is_sent(folder: Folder, shop: Shop, auth: str) -> None:
    url = f"http://127.0.0.1:{shop.port}/v1"
    text = declared(folder, shop, f"auth = {auth}\nonly = ['orders/list']").replace(
        f'{{port = "{shop.port}"}}', f'"{url}"'
    )
    toolset = Registry(folder.write(ALLOWING + text), secret=secret).pick("orders_list")
    (tool,) = await toolset.open()
    with pytest.raises(RejectedError, match="not sent: "):
        await tool.call({"page": 1}, CONTEXT)
    await toolset.close()
    assert shop.asked == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("only = ['orders/nope']", "shop.yaml has no operation 'orders/nope'"),
        ("auth = {schemes = {kee = {token = '${A}'}}}", "has no security scheme 'kee'; it has: key"),
        ("tools.refund.name = 'no name'", "'no name' is no name for a tool"),
    ],
)
async def test_what_cannot_be_made_of_a_document_is_said(folder: Folder, shop: Shop, more: str, says: str) -> None:
    async with Registry(folder.write(declared(folder, shop, more)), secret=secret) as registry:
        assert says in (await registry.catalogue()).broken["shop"]


async def test_a_document_without_schemes_is_signed_with_a_header(folder: Folder, shop: Shop) -> None:
    plain = DOCUMENT.replace("security: [{key: []}]\n", "").replace("securitySchemes: {key:", "x-schemes: {key:")
    project = folder.write(declared(folder, shop, "auth = {token = '${SHOP_KEY}'}", plain))
    async with Registry(project, secret=secret) as registry:
        assert "declares no security schemes for `auth`; sign with a `header`" in str(
            (await registry.catalogue()).broken
        )


async def test_two_sources_do_not_sign_for_one_server_in_two_ways(folder: Folder, shop: Shop) -> None:
    text = declared(folder, shop, "auth = {header = 'X-Key', value = '${SHOP_KEY}'}\nonly = ['refund']")
    other = text.replace("sources.shop", "sources.more").replace("X-Key", "X-Other").replace("'refund'", "'orders/get'")
    async with Registry(folder.write(text + other), secret=secret) as registry:
        found = await registry.catalogue()
    assert list(found.broken) == ["more"]
    assert "sources 'shop' and 'more' sign requests to http://127.0.0.1" in found.broken["more"]


async def test_of_all_operations_those_that_cannot_be_tools_are_left_out_with_the_reason(
    folder: Folder, shop: Shop
) -> None:
    odd = DOCUMENT.replace(
        "  /refunds:",
        "  /odd:\n    get: {operationId: odd, parameters: [{name: a, in: query, schema: {type: any}}]}\n"
        "  /twice:\n    get: {operationId: 'orders_get'}\n  /refunds:",
    )
    async with Registry(folder.write(declared(folder, shop, document=odd)), secret=secret) as registry:
        found = await registry.catalogue()
    assert [one.name for one in found.found] == ["orders_list", "orders_create", "orders_get", "refund"]
    assert sorted(found.left_out["shop"]) == ["odd", "orders_get"]
    assert "is not JSON Schema" in found.left_out["shop"]["odd"]
    assert "is named 'orders_get' too" in found.left_out["shop"]["orders_get"]


async def test_a_document_of_which_nothing_can_be_a_tool_is_broken(folder: Folder, shop: Shop) -> None:
    nowhere = DOCUMENT.replace("servers:", "x-servers:")
    async with Registry(folder.write(declared(folder, shop, document=nowhere)), secret=secret) as registry:
        broken = (await registry.catalogue()).broken
    assert "4 of 4 operations of 'Shop' cannot be tools" in broken["shop"]
    assert "names no server" in broken["shop"]


async def test_pages_are_followed(folder: Folder, shop: Shop) -> None:
    url = f"http://127.0.0.1:{shop.port}/v1"
    shop.orders += [{"id": number, "item": "tea", "count": 1} for number in (1, 2)]
    text = declared(folder, shop).replace(f'{{port = "{shop.port}"}}', f'"{url}"')
    for pages in ("{by = 'link'}", "{by = 'number', argument = 'page'}"):
        settings = f"[sources.shop.tools.'orders/list']\npages = {pages}\n"
        toolset = Registry(folder.write(ALLOWING + text + settings), secret=secret).pick("orders_list")
        (tool,) = await toolset.open()
        found = await tool.call({"max_pages": 2}, CONTEXT)
        await toolset.close()
        assert isinstance(found, dict)
        assert found["items"] == shop.orders


async def test_a_document_may_be_fetched_within_the_host_policy(folder: Folder, shop: Shop) -> None:
    text = f'[sources.shop]\nopenapi = "http://127.0.0.1:{shop.port}/openapi.json"\n'
    async with Registry(folder.write(text), secret=secret) as registry:
        assert "cannot fetch the OpenAPI document: not sent" in (await registry.catalogue()).broken["shop"]
    text += f"server = 'http://127.0.0.1:{shop.port}'\n"
    async with Registry(folder.write(text), secret=secret) as registry:
        assert "answered 401" in (await registry.catalogue()).broken["shop"]


async def test_an_operation_that_its_document_deprecates_is_deprecated(folder: Folder, shop: Shop) -> None:
    document = DOCUMENT.replace("summary: Give", "deprecated: true, summary: Give")
    project = folder.write(ALLOWING + declared(folder, shop, "only = ['refund']", document))
    toolset = Registry(project).pick("refund")
    (tool,) = await toolset.open()
    await toolset.close()
    assert tool.spec.description == "Deprecated: its document says so\nGive money back."
    assert tool.spec.deprecated == "its document says so"


SIGNED = """
openapi: 3.1.0
info: {title: Signed, version: "1"}
paths:
  /basic: {get: {operationId: basic, security: [{login: []}]}}
  /oauth: {get: {operationId: oauth, security: [{client: []}]}}
  /other: {get: {operationId: other, security: [{other: []}]}}
components:
  securitySchemes:
    login: {type: http, scheme: basic}
    other: {type: http, scheme: bearer}
    client: {type: oauth2, flows: {clientCredentials: {tokenUrl: /token, scopes: {}}}}
"""


async def test_a_document_is_fetched_and_each_scheme_is_signed_as_it_wants(folder: Folder) -> None:
    asked: list[tuple[str, str]] = []

    async def answered(peer: Peer) -> None:
        while True:
            request = await peer.request()
            path = request.line.split(" ")[1]
            asked.append((path, request.headers.get("authorization", "")))
            body = {"/openapi": SIGNED, "/token": '{"access_token": "granted"}'}.get(path, "{}").encode()
            head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:"
            await peer.say(f"{head} {len(body)}\r\n\r\n".encode() + body)

    async with served(answered) as server:
        schemes = "login = {user = 'u', password = '${SHOP_KEY}'}, client = {client = 'c', secret = '${SHOP_KEY}'}"
        project = folder.write(
            f"{ALLOWING}[sources.s]\nopenapi = '{server.url}/openapi'\nserver = '{server.url}'\n"
            f"auth = {{schemes = {{{schemes}}}}}\n"
        )
        toolset = Registry(project, secret=secret).pick("*")
        tools = by_name(await toolset.open())
        for name in ("basic", "oauth"):
            await tools[name].call({}, CONTEXT)
        with pytest.raises(RejectedError, match="there is no credential for other"):
            await tools["other"].call({}, CONTEXT)
        await toolset.close()
    basic = {name: f"Basic {b64encode(f'{name}:{KEY}'.encode()).decode()}" for name in ("u", "c")}
    assert asked == [
        ("/openapi", ""),
        ("/basic", basic["u"]),
        ("/token", basic["c"]),
        ("/oauth", "Bearer granted"),
    ]


async def test_pages_are_found_by_what_the_project_says(folder: Folder, shop: Shop) -> None:
    pages = "{by = 'cursor', argument = 'page', next = 'nowhere'}"
    settings = f"[sources.shop.tools.'orders/list']\npages = {pages}\n"
    toolset = Registry(folder.write(ALLOWING + declared(folder, shop, "") + settings)).pick("orders_list")
    (tool,) = await toolset.open()
    await toolset.close()
    assert "max_pages" in str(tool.spec.schema)


# -- drift -------------------------------------------------------------------------------------------------------------


async def drifted(folder: Folder, shop: Shop, was: str, now: str) -> tuple[Project, list[str]]:
    """Lock the shop's tools, change its document, and say what changed of `orders_create`."""
    more = "only = ['orders/create']"
    project = folder.write(declared(folder, shop, more))
    await folder.lock(project)
    assert was in DOCUMENT
    declared(folder, shop, more, DOCUMENT.replace(was, now))
    async with Registry(project) as registry:
        (found,) = await registry.find("orders_create")
    return project, [f"{change.kind} {change.where}" for change in found.verdict.changes]


@pytest.mark.parametrize(
    ("was", "now", "field"),
    [
        ("        item: {type: string}\n", "        article: {type: string}\n", "item"),
        ("required: [id, item, count]", "required: [id, item, count, note]", "note"),
        ("count: {type: integer}", "count: {type: integer, maximum: 5}", "count"),
    ],
)
async def test_a_drifted_document_is_caught_with_the_field_and_its_tool_is_withheld(
    folder: Folder, shop: Shop, was: str, now: str, field: str
) -> None:
    project, changes = await drifted(folder, shop, was, now)
    assert any(change.startswith("breaking arguments") and field in change for change in changes), changes
    toolset = Registry(project).pick("orders_create")
    (tool,) = await toolset.open()
    await toolset.close()
    assert field in tool.spec.withheld
    assert "article" not in str(tool.spec.schema)


async def test_a_drifted_tool_that_is_refused_keeps_the_agent_from_starting(folder: Folder, shop: Shop) -> None:
    project, _ = await drifted(folder, shop, "required: [id, item, count]", "required: [id, item, count, note]")
    refusing = Project.parse('[registry]\ndrift = {breaking = "refuse"}\n' + project.file.read_text(), project.file)
    with pytest.raises(ConfigError, match=r"tool 'orders_create' of source 'shop' is refused: .*note"):
        await Registry(refusing).pick("orders_create").open()


async def test_a_document_that_leads_elsewhere_is_withheld_and_its_stand_in_is_not(folder: Folder, shop: Shop) -> None:
    plain = DOCUMENT.replace("https://", "http://")
    text = declared(folder, shop, "only = ['orders/list']", plain)
    server = f"server = 'http://127.0.0.1:{shop.port}/v1'"
    text = "\n".join(server if line.startswith("server") else line for line in text.splitlines())
    project = folder.write(f"{text}\nstand_in = 'http://localhost:9'\n")
    await folder.lock(project)
    async with Registry(project, secret=secret, standing_in=True) as registry:
        (found,) = await registry.find("*")
        assert (found.status, found.now.hosts) == ("current", ("localhost",))
    for more in ("", "[tools.orders_list]\nhosts = ['127.0.0.1']\n"):
        elsewhere = folder.write(f"{text.replace('127.0.0.1', 'evil.test')}\n{more}")
        async with Registry(elsewhere, secret=secret) as registry:
            (found,) = await registry.find("*")
            assert (found.status, [change.rule for change in found.changes]) == (
                "withheld",
                ["host-new", "host-gone"][: 2 if not more else 1],
            )
            assert "hosts (host-new)" in found.tool.spec.withheld
