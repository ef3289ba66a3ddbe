"""Pages in every order hold what fits, once, and whatever is typed is searched for or finds nothing."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Generator
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.server.projection.filling import BEGAN, COMMON, WORDS, fill

from remit.core.ports import SessionStatus
from remit.server.projection.files import ViewsFile
from remit.server.projection.listing import packed, page, unpacked
from remit.server.projection.port import Listing, Order, Summary
from remit.server.projection.searching import search
from remit.server.service import RefusedError

_MANY = 2500
"""More than are looked up at once."""
_ORDERS: tuple[Order, ...] = get_args(Order)


@pytest.fixture(scope="module")
def filled() -> Generator[sqlite3.Connection]:
    """Views of so many sessions in memory, asked in this thread."""
    opened: list[sqlite3.Connection] = []

    async def make() -> None:
        file = ViewsFile(None)
        await fill(file, _MANY)
        copy = sqlite3.connect(":memory:")
        await file.read(lambda db: db.backup(copy))
        await file.close()
        opened.append(copy)

    asyncio.run(make())
    yield opened[0]
    opened[0].close()


def walked(db: sqlite3.Connection, listing: Listing) -> list[Summary]:
    """Go through all pages."""
    found, after = list[Summary](), ""
    while True:
        some = page(db, "acme", replace(listing, after=after))
        found += some.sessions
        if some.next is None:
            return found
        after = some.next


def _value(one: Summary, order: Order) -> float:
    return {"changed": one.changed, "opened": one.opened, "cost": one.cost_usd, "steps": one.steps}[order]


_LISTINGS = st.builds(
    Listing,
    order=st.sampled_from(_ORDERS),
    status=st.sampled_from(("", *get_args(SessionStatus))),
    ended=st.sampled_from(("", "done", "failed")),
    agent=st.sampled_from(("", "desk", "research", "nobody")),
    flag=st.sampled_from(("", "honeypot", "loop")),
    since=st.sampled_from((0, BEGAN + 60_000 * 1000)),
    text=st.sampled_from(("", COMMON, WORDS[7], f"{COMMON} ship", "0a", "p", "nowhere", "!?")),
    limit=st.sampled_from((7, 100, 500)),
)


@settings(max_examples=60, deadline=None)
@given(listing=_LISTINGS)
def test_pages_hold_what_fits_once_and_in_order(filled: sqlite3.Connection, listing: Listing) -> None:
    found = walked(filled, listing)
    assert len({one.id for one in found}) == len(found)
    values = [_value(one, listing.order) for one in found]
    assert values == sorted(values, reverse=True)
    every = {one.id: one for one in walked(filled, Listing(text=listing.text, limit=500))}
    ended = {one.id for one in walked(filled, Listing(ended=listing.ended, limit=500))}
    flagged = {one.id for one in walked(filled, Listing(flag=listing.flag, limit=500))}
    wanted = {
        one.id
        for one in every.values()
        if (not listing.status or one.status == listing.status)
        and (not listing.agent or one.agent == listing.agent)
        and one.changed >= listing.since
        and one.id in ended & flagged
    }
    assert {one.id for one in found} == wanted
    total = page(filled, "acme", listing).total
    assert total in {None, len(found)}


def test_a_search_finds_words_of_one_message_by_the_beginning_of_the_last(filled: sqlite3.Connection) -> None:
    assert len(walked(filled, Listing(text=COMMON, limit=500))) == _MANY
    assert len(walked(filled, Listing(text=COMMON.upper()[:4], limit=500))) == _MANY
    assert walked(filled, Listing(text=f"{COMMON[:4]} {COMMON}")) == []
    one = page(filled, "acme", Listing()).sessions[0]
    assert [found.id for found in walked(filled, Listing(text=one.id[:9]))] == [one.id]
    words = one.about.split()
    assert one.id in {found.id for found in walked(filled, Listing(text=f"{words[3]} {words[1]}"))}


def test_another_tenant_finds_nothing(filled: sqlite3.Connection) -> None:
    for listing in (Listing(), Listing(text=COMMON), Listing(text="0"), Listing(text=WORDS[7]), Listing(order="cost")):
        found = page(filled, "other", listing)
        assert (found.sessions, found.next, found.total or 0) == ((), None, 0)


@settings(deadline=None)
@given(text=st.text(max_size=40) | st.text("\"'*^():-+{}.,ANDORNEAR ~\\\0\ud800a", max_size=40))
def test_no_text_is_more_than_words(filled: sqlite3.Connection, text: str) -> None:
    assert page(filled, "acme", Listing(text=text, limit=1)) is not None


def test_words_lose_their_signs() -> None:
    assert search('say "hi" OR x*').match == '"say" AND "hi" AND "OR" AND "x"*'
    assert search(" -- ").match == ""


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with contextlib.suppress(RefusedError):
        value, number = unpacked(cursor, "changed")
        assert unpacked(packed("changed", value, number), "changed") == (value, number)


def test_a_cursor_of_another_order_is_refused(filled: sqlite3.Connection) -> None:
    first = page(filled, "acme", Listing(order="cost"))
    with pytest.raises(RefusedError, match="no cursor of this list"):
        page(filled, "acme", Listing(order="steps", after=first.next or ""))
    with pytest.raises(RefusedError, match="no cursor of this list"):
        page(filled, "acme", Listing(after=packed("changed", 2**70, 1)))
