"""Pages bring their data, allow nothing from elsewhere, and are for those who may look only."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.console.shop import Open, open_shop
from tests.server.rig import Anybody, bearer, principal

from remit.server.console.assets import Assets
from remit.server.console.front import POLICY, embedded
from remit.server.console.pages import PAGES
from remit.server.service import Wish

STATIC = Path(__file__).parents[3] / "src/remit/server/console/static"
PLAIN = [page.path for page in PAGES if "{" not in page.path and page.name != "compare"]


@pytest.fixture
async def shop() -> AsyncIterator[Open]:
    async with open_shop(Anybody()) as opened:
        yield opened


async def fetched(shop: Open, path: str, who: dict[str, str] | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=shop.url, headers=bearer() if who is None else who) as client:
        return await client.get(path)


@pytest.mark.parametrize("path", PLAIN)
async def test_a_page_comes_with_its_data_and_a_policy_that_lets_nothing_else_in(shop: Open, path: str) -> None:
    answer = await fetched(shop, path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["cache-control"] == "no-store"
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', answer.text, re.DOTALL)
    assert found is not None
    msgspec.json.decode(found[1])
    # Nothing that the policy would have to allow.
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", answer.text)
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", answer.text)


async def test_all_that_a_page_names_is_there_and_need_never_be_asked_for_again(shop: Open) -> None:
    page = (await fetched(shop, "/")).text
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(named) >= 4
    for path in named:
        answer = await fetched(shop, path, {})
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]


def test_every_module_that_a_script_imports_is_there() -> None:
    names = Assets().names
    for script in STATIC.rglob("*.js"):
        for found in re.finditer(r'(?:from|import) "(\.[^"]+)"', script.read_text()):
            path = (script.parent / found[1]).resolve().relative_to(STATIC.resolve())
            assert str(path) in names, f"{script.name} imports {path}"


def test_every_page_has_its_script() -> None:
    assert {f"pages/{page.name}.js" for page in PAGES} <= Assets().names


async def test_no_script_makes_markup_of_what_somebody_wrote() -> None:
    for script in STATIC.rglob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text()), (
            script
        )


async def test_a_stranger_is_refused_in_words_and_without_data(shop: Open) -> None:
    answer = await fetched(shop, "/sessions", {})
    assert answer.status_code == 401
    assert 'id="data"' not in answer.text
    assert "nobody knows you" in answer.text


async def test_a_session_of_another_tenant_does_not_exist(shop: Open) -> None:
    begun = await shop.service.begin(principal(), Wish("support", "hello"))
    path = f"/sessions/{begun.view.id}"
    assert (await fetched(shop, path)).status_code == 200
    theirs, none = await fetched(shop, path, bearer("other")), await fetched(shop, "/sessions/none", bearer("other"))
    assert theirs.status_code == none.status_code == 404
    assert theirs.text.replace(begun.view.id, "none") == none.text


async def test_what_a_customer_wrote_cannot_end_the_element_that_holds_it(shop: Open) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    begun = await shop.service.begin(principal(), Wish("support", hostile))
    page = (await fetched(shop, f"/sessions/{begun.view.id}")).text
    assert "alert(1)" in page
    assert "</script><script>alert" not in page
    assert "<!--" not in page


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_embedded_data_is_what_it_was_and_has_no_tag(data: object) -> None:
    text = embedded(data)
    assert "<" not in text
    assert msgspec.json.decode(text) == data


async def test_an_address_that_asks_for_what_there_is_not_says_so(shop: Open) -> None:
    answer = await fetched(shop, "/sessions?status=sideways")
    assert answer.status_code == 422
    assert "status" in answer.text


async def test_a_page_and_its_scripts_are_small_on_the_wire(shop: Open) -> None:
    for number in range(30):
        await shop.service.begin(principal(), Wish("support", f"Can I return order A-1001? Case {number}"))
    assets = Assets()
    kit = {name for name in assets.names if name.startswith("kit/") or "/" not in name}
    everything = sum(len(asset.packed or asset.body) for name, asset in assets.files.items() if name in kit)
    async with (
        httpx2.AsyncClient(base_url=shop.url, headers=bearer()) as client,
        client.stream("GET", "/sessions", headers={"Accept-Encoding": "gzip"}) as answer,
    ):
        page = sum([len(piece) async for piece in answer.aiter_raw()])
    assert page + everything <= 60_000
