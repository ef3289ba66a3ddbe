"""What is asked across sessions is answered for a tenant alone, and changes come as they happen."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from tests.server.agents import acting, echo
from tests.server.rig import Rig, bearer, parsed, rigged

from remit.core.values import now_ms
from remit.policy import AskBefore
from remit.server.projection.port import Listing
from remit.server.service import RefusedError, Service
from remit.testing import EffectCounter

PATHS = ("/v1/summaries", "/v1/summaries?text=hello", "/v1/overview", "/v1/figures", "/v1/flags")


@contextlib.asynccontextmanager
async def changes(rig: Rig, query: str = "", **headers: str) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    """Follow what changes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with rig.client.stream("GET", f"/v1/changes{query}", headers=bearer() | named, timeout=30) as response:
        assert response.status_code == 200, await response.aread()
        yield parsed(response)


async def told(events: AsyncIterator[dict[str, Any]], session: str, status: str) -> dict[str, Any]:
    """Wait until it is told that a session is so."""
    async with asyncio.timeout(20):
        async for event in events:
            for one in event["data"]["sessions"]:
                if (one["id"], one["status"]) == (session, status):
                    return event
    raise AssertionError("it ended")


async def test_what_happens_is_told_listed_and_counted_for_its_tenant_alone() -> None:
    async with rigged(acting(EffectCounter(), asks=True), echo()) as rig:
        async with changes(rig) as events:
            session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "hello"}))["id"]
            event = await told(events, session, "waiting")
        assert event["event"] == "changes"
        listed = await rig.good("GET", "/v1/summaries?text=hel&status=waiting&order=cost")
        assert [one["id"] for one in listed["sessions"]] == [session]
        assert (await rig.good("GET", "/v1/overview"))["approvals"] == 1
        figures = await rig.good("GET", "/v1/figures")
        assert (figures["step"], [one["agent"] for one in figures["agents"]]) == (3_600_000, ["clerk"])
        assert 24 <= (figures["until"] - figures["since"]) / figures["step"] <= 25
        for path in PATHS:
            theirs = await rig.ask("GET", path, who=bearer("other"))
            assert theirs.status_code == 200
            assert session not in theirs.text
            assert "clerk" not in theirs.text
        assert (await rig.ask("GET", "/v1/overview", who=bearer("other"))).json()["waiting"] == 0
        nothing = await rig.ask("GET", "/v1/changes?follow=false&since=0", who=bearer("other"))
        assert nothing.text == "retry: 1000\n\n"


async def test_a_reader_who_comes_back_is_told_what_it_missed() -> None:
    async with rigged(echo()) as rig:
        async with changes(rig) as events:
            session = (await rig.good("POST", "/v1/sessions", {"agent": "echo", "text": "hello"}))["id"]
            last = (await told(events, session, "idle"))["id"]
        async with changes(rig, Last_Event_ID=last) as events:
            await told(events, session, "idle")
        async with changes(rig, f"?since={now_ms() + 60_000}&follow=false") as events:
            assert [event async for event in events] == []
        assert (await rig.ask("GET", "/v1/changes", who=bearer() | {"Last-Event-ID": "x"})).status_code == 422


async def test_the_first_of_two_approvals_is_told_though_the_session_sleeps_on() -> None:
    clerk = acting(EffectCounter(), guard=AskBefore("effect", persons=2))
    async with rigged(clerk) as rig, changes(rig) as events:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "hello"}))["id"]
        waited = await told(events, session, "waiting")
        (wait,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        path = f"/v1/sessions/{session}/approvals/{wait['call']}"
        assert (await rig.ask("POST", path, {"granted": True}, who=bearer(name="bob"))).status_code < 300
        again = await told(events, session, "waiting")
        assert int(again["id"]) > int(waited["id"])


async def test_figures_have_no_more_buckets_than_may_be() -> None:
    async with rigged(echo()) as rig:
        figures = await rig.good("GET", f"/v1/figures?since=0&until={now_ms()}&step=1")
        assert (figures["until"] - figures["since"]) / figures["step"] <= 24 * 92
        assert (await rig.good("GET", "/v1/figures?since=7200000&until=0"))["until"] == 10_800_000
        assert (await rig.ask("GET", "/v1/figures?step=0")).status_code == 422


async def test_what_is_no_cursor_is_not_found() -> None:
    async with rigged(echo()) as rig:
        assert (await rig.ask("GET", "/v1/summaries?after=x")).status_code == 404
        assert (await rig.ask("GET", "/v1/flags?cursor=x")).status_code == 404


async def left(rig: Rig) -> None:
    """Wait until the server knows that all readers are gone."""
    async with asyncio.timeout(20):
        for _ in itertools.takewhile(lambda _: rig.service.streams.open, itertools.count()):
            await asyncio.sleep(0.01)


async def test_a_reader_of_changes_counts_like_every_other_stream() -> None:
    async with rigged(echo()) as rig:
        rig.service.streams.each = 1
        async with changes(rig):
            assert rig.service.streams.open == 1
            assert (await rig.ask("GET", "/v1/changes")).status_code == 429
        await left(rig)
        async with changes(rig) as events:
            rig.service.streams.end()
            assert [event async for event in events] == []
        await left(rig)
        assert (await rig.ask("GET", "/v1/changes")).status_code == 503


async def test_a_server_without_views_says_so() -> None:
    async with rigged(echo()) as rig:
        projection = Service(rig.service.home, []).projection
        asked = [
            projection.list("acme", Listing()), projection.overview("acme"), projection.flags("acme"),
            projection.figures("acme", since=0, until=1, step=1),
        ]  # fmt: skip
        for one in asked:
            with pytest.raises(RefusedError, match="no views") as caught:
                await one
            assert caught.value.kind == "unready"
        with pytest.raises(RefusedError, match="no views"):
            projection.changes("acme")
