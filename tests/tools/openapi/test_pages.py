"""Pages: one call reads several, never more than allowed, never elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.openapi.stand_in import CONTEXT, SERVER, Listening, answer, one, parameter, query, tool_of

from remit.core.errors import ConfigError, RejectedError
from remit.core.values import JsonObject, JsonValue
from remit.testing.tools import check_tool
from remit.tools.http.port import Incoming
from remit.tools.openapi import Choice, CursorPages, LinkPages, NumberedPages, OpenAPITools, Pages, Token
from remit.tools.openapi.pages import next_link
from remit.tools.openapi.tool import Answer

API = one(
    {"parameters": [parameter("page", schema={"type": "integer"}), parameter("cursor", schema={"type": "string"})]}
)
NEXT = f'<{SERVER}/things?page=2&size=5>; rel="next", <{SERVER}/things?page=9>; rel="last"'


async def read(pages: Pages, args: JsonObject, *answers: Incoming) -> tuple[JsonValue, list[list[tuple[str, str]]]]:
    sender = Listening(*answers)
    tool = await tool_of(API, sender, Choice(pages=pages))
    assert tool.check(args) == ""
    found = await tool.call(args, CONTEXT)
    return found, [query(request) if "?" in request.url else [] for request in sender.sent]


async def test_links_are_followed_to_the_last() -> None:
    found, asked = await read(LinkPages(), {"max_pages": 5}, answer([1, 2], link=NEXT), answer([3]))
    assert found == {"items": [1, 2, 3], "pages": 2, "more": False}
    assert asked == [[], [("page", "2"), ("size", "5")]]


async def test_a_cursor_is_the_next_call_s_argument() -> None:
    pages = CursorPages(argument="cursor", next="meta.next", items="data")
    answers = [answer({"data": [n], "meta": {"next": cursor}}) for n, cursor in enumerate(["a", "b", None])]
    found, asked = await read(pages, {"max_pages": 9}, *answers)
    assert found == {"items": [0, 1, 2], "pages": 3, "more": False}
    assert asked == [[], [("cursor", "a")], [("cursor", "b")]]


async def test_an_answer_without_the_place_of_a_cursor_is_the_last() -> None:
    pages = CursorPages(argument="cursor", next="meta.next", items="data")
    metas: list[JsonValue] = [None, {}, {"next": None}, {"next": ""}]
    for meta in metas:
        assert (await read(pages, {"max_pages": 3}, answer({"data": [1], "meta": meta})))[0] == {
            "items": [1],
            "pages": 1,
            "more": False,
        }


async def test_a_cursor_that_leads_to_itself_ends() -> None:
    found, _ = await read(
        CursorPages(argument="cursor", next="c", items="d"), {"max_pages": 9}, answer({"d": [1], "c": "x"})
    )
    assert found == {"items": [1, 1], "pages": 2, "more": False}


async def test_numbers_are_counted_until_a_page_is_empty() -> None:
    found, asked = await read(NumberedPages(), {"max_pages": 9, "page": 3}, answer([1]), answer([2]), answer([]))
    assert found == {"items": [1, 2], "pages": 3, "more": False}
    assert asked == [[("page", "3")], [("page", "4")], [("page", "5")]]


async def test_one_page_is_read_unless_more_are_asked_for_and_a_model_may_go_on() -> None:
    assert (await read(NumberedPages(), {}, answer([1])))[0] == {"items": [1], "pages": 1, "more": True, "next": 2}
    assert (await read(LinkPages(), {}, answer([1], link=NEXT)))[0] == {"items": [1], "pages": 1, "more": True}
    found, _ = await read(CursorPages(argument="cursor", next="c", items="d"), {}, answer({"c": "x"}))
    assert found == {"items": [], "pages": 1, "more": True, "next": "x"}


@given(st.integers(1, 6), st.integers(0, 8))
async def test_law_never_more_pages_than_asked_for(wanted: int, there: int) -> None:
    answers = [answer([n]) for n in range(there)]
    found, asked = await read(NumberedPages(most=6), {"max_pages": wanted}, *answers, answer([]))
    assert len(asked) == min(wanted, there + 1)
    assert isinstance(found, dict)
    assert found["items"] == list(range(min(wanted, there)))


@pytest.mark.parametrize("wanted", [0, 4, -1, True, "2", 1.5, None])
async def test_a_number_of_pages_out_of_bounds_is_refused(wanted: JsonValue) -> None:
    sender = Listening()
    tool = await tool_of(API, sender, Choice(pages=LinkPages(most=3)))
    assert tool.check({"max_pages": wanted}) == "max_pages: should be a whole number from 1 to 3"
    assert len(tool.check({"max_pages": wanted, "x": 1}).splitlines()) == 2
    with pytest.raises(RejectedError, match="from 1 to 3"):
        await tool.call({"max_pages": wanted}, CONTEXT)
    assert sender.sent == []


async def test_a_paged_tool_keeps_the_contract_of_tools() -> None:
    tool = await tool_of(API, Listening(answer([])), Choice(pages=LinkPages()))
    await check_tool(tool, {"page": 1, "max_pages": 2}, [{"page": "x"}, {"max_pages": 99}])


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("", ""),
        ('<?page=2>; title="a, b"; rel=next', f"{SERVER}/things?page=2"),
        ('</v1/things?p=2>; rel="prev next"', f"{SERVER}/things?p=2"),
        ('<x>; rel="last"', ""),
        ("<x>", ""),
        ("nonsense", ""),
    ],
)
def test_the_next_link_is_found_among_others(link: str, url: str) -> None:
    assert next_link(Answer([], {"link": link}, f"{SERVER}/things")) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/things",
        "http://api.example.com/v1/things",
        "//evil.example/x",
        "https://api.example.com:8443/x",
    ],
)
async def test_a_next_page_on_another_server_is_not_followed(url: str) -> None:
    sender = Listening(answer([1], link=f'<{url}>; rel="next"'))
    tool = await tool_of(API, sender, Choice(pages=LinkPages()))
    with pytest.raises(RejectedError, match="on another server"):
        await tool.call({"max_pages": 2}, CONTEXT)
    assert len(sender.sent) == 1


async def test_a_key_in_the_query_is_sent_once_on_a_next_page_that_repeats_it() -> None:
    async def credentials(scheme: str, tenant: str) -> Token:
        return Token("key-123456")

    scheme: JsonObject = {"type": "apiKey", "in": "query", "name": "key"}
    api = one({"security": [{"k": []}]}, components={"securitySchemes": {"k": scheme}})
    sender = Listening(answer([1], link=f'<{SERVER}/things?key=key-123456&page=2>; rel="next"'), answer([2]))
    (tool,) = await OpenAPITools(api, sender, only={"do": Choice(pages=LinkPages())}, credentials=credentials).open()
    await tool.call({"max_pages": 2}, CONTEXT)
    assert query(sender.sent[1]) == [("page", "2"), ("key", "key-123456")]


@pytest.mark.parametrize(("place", "what"), [("", "the answer"), ("data", "'data'")])
async def test_an_answer_without_a_list_is_refused(place: str, what: str) -> None:
    tool = await tool_of(API, Listening(answer({"data": 1})), Choice(pages=LinkPages(items=place)))
    with pytest.raises(RejectedError, match=f"{what} is no list"):
        await tool.call({}, CONTEXT)


async def test_numbers_that_are_no_numbers_end() -> None:
    api = one({"parameters": [parameter("page", schema={})]})
    tool = await tool_of(api, Listening(answer([1])), Choice(pages=NumberedPages()))
    assert await tool.call({"page": "x", "max_pages": 3}, CONTEXT) == {"items": [1], "pages": 1, "more": False}


@pytest.mark.parametrize(
    ("method", "name", "pages", "message"),
    [
        ("post", "page", LinkPages(), "is 'once'; only a read"),
        ("get", "max_pages", LinkPages(), "an argument 'max_pages' of its own"),
        ("get", "page", CursorPages(argument="after", next="n"), "no argument 'after'; known: page"),
        ("get", "page", LinkPages(most=0), "1 or more, not 0"),
    ],
)
async def test_pages_that_cannot_be_followed_are_refused(method: str, name: str, pages: Pages, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        await tool_of(
            one({"parameters": [parameter(name, schema={})]}, method=method), Listening(), Choice(pages=pages)
        )
