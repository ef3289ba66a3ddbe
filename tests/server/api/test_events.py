"""Event streams: each event once and in order, however often the connection breaks; text as it is written."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from tests.server.agents import HeldModel, acting, echo
from tests.server.rig import Rig, bearer, principal, rigged

from remit.core.agent import Agent
from remit.core.events import MessageReceived, Noted, RunOpened
from remit.server.entrance import Bounds
from remit.testing import EffectCounter


@pytest.mark.parametrize("seed", range(4))
async def test_a_reader_that_is_cut_off_at_random_misses_nothing_and_gets_nothing_twice(seed: int) -> None:
    chance = random.Random(seed)
    async with rigged(acting(EffectCounter(pause=0.002), times=20)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "act"}))["id"]
        seen: list[int] = []
        last, over = "", False
        while not over:
            left = chance.randrange(1, 8)
            async with rig.events(session, last=last) as events:
                async for event in events:
                    if event["event"] != "record":
                        continue
                    seen.append(event["data"]["seq"])
                    last = event["id"]
                    over = event["data"]["kind"] == "RunEnded"
                    left -= 1
                    if over or not left:
                        break
        assert seen == list(range(1, len(seen) + 1))
        assert seen == [record["seq"] for record in await rig.past(session)]


async def test_many_readers_from_any_place_all_see_the_same() -> None:
    async with rigged(acting(EffectCounter(pause=0.002), times=15)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "act"}))["id"]
        readers = [asyncio.create_task(rig.until(session, "RunEnded", after=place % 3)) for place in range(12)]
        for place, reader in enumerate(readers):
            seen = [record["seq"] for record in await reader]
            assert seen == list(range(place % 3 + 1, seen[-1] + 1))
        while rig.service.streams.open:
            await rig.ask("GET", "/health/live")


async def test_text_is_read_as_it_is_written_between_the_question_and_the_answer() -> None:
    model = HeldModel()
    async with rigged(Agent("held", model)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "held", "text": "count"}))["id"]
        async with rig.events(session) as events:
            told = [event["data"]["kind"] for event in await _some(events, 4)]
            assert told[-1] == "ModelAsked"
            for piece in model.pieces:
                model.go.release()
                (event,) = await _some(events, 1)
                # It is here before the model was let go on, so it waited for nothing.
                assert event == {"event": "delta", "data": {"text": piece, "fresh": False}}
            (answered,) = await _some(events, 1)
            assert (answered["data"]["kind"], answered["data"]["fields"]["text"]) == ("ModelAnswered", "one two three")


async def test_a_reader_who_comes_while_an_answer_is_written_reads_the_rest_as_it_is_written() -> None:
    model = HeldModel()
    async with rigged(Agent("held", model)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "held", "text": "count"}))["id"]
        await model.asked.wait()
        model.go.release()
        async with rig.events(session) as events:
            await _some(events, 4)
            model.go.release()
            model.go.release()
            texts = [one["data"]["text"] for one in await _some(events, 2)]
            assert texts[-1] == "three"


async def test_who_has_everything_of_a_closed_session_is_told_not_to_come_back() -> None:
    async with rigged(echo()) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        async with rig.events(session) as events:
            await _some(events, 1)
            await rig.good("DELETE", f"/v1/sessions/{session}")
            assert [event["data"]["kind"] async for event in events] == ["SessionClosed"]
        path = f"/v1/sessions/{session}/events"
        assert (await rig.ask("GET", f"{path}?after=2")).status_code == 204
        assert (await rig.ask("GET", f"{path}?after=3")).status_code == 409
        broken = await rig.client.get(path, headers={**bearer(), "Last-Event-ID": "x"})
        assert broken.status_code == 422
        assert (await rig.client.head(path, headers=bearer())).status_code == 200


async def test_a_reader_who_takes_nothing_is_dropped_and_finds_everything_when_it_comes_back() -> None:
    async with rigged(echo()) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        host, port = rig.url.removeprefix("http://").split(":")
        stuck = socket.create_connection((host, int(port)))
        try:
            # So that little fits between us.
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            head = "HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme:ann:admin\r\n\r\n"
            await asyncio.to_thread(stuck.sendall, f"GET /v1/sessions/{session}/events {head}".encode())
            while not rig.service.streams.open:
                await rig.ask("GET", "/health/live")
            written = await _flood(rig, session, lambda: rig.service.streams.open == 0)
        finally:
            stuck.close()
        seen = [record["seq"] for record in await rig.past(session)]
        assert seen == list(range(1, written + 1))


async def test_a_principal_has_so_many_streams_and_leaving_one_makes_room() -> None:
    async with rigged(echo()) as rig:
        rig.service.streams.each = 2
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        async with rig.events(session):
            async with rig.events(session):
                refused = await rig.ask("GET", f"/v1/sessions/{session}/events")
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
                other = await rig.ask("GET", f"/v1/sessions/{session}/events?follow=false", who=bearer(name="bob"))
                assert other.status_code == 200
            while rig.service.streams.open > 1:
                await rig.ask("GET", "/health/live")
            assert len(await rig.past(session)) == 1


async def test_a_quiet_stream_says_that_it_is_still_there() -> None:
    async with rigged(echo(), bounds=Bounds(beat=0.01)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        path = f"/v1/sessions/{session}/events"
        async with rig.client.stream("GET", path, headers=bearer()) as response:
            beats = 0
            async for line in response.aiter_lines():
                beats += line == ": here"
                if beats == 3:
                    break


async def test_what_another_process_writes_is_read_too(tmp_path: Any) -> None:
    async with rigged(echo(), place=str(tmp_path)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        async with rig.events(session) as events, rigged(echo(), place=str(tmp_path)) as other:
            await _some(events, 1)
            await other.good("POST", f"/v1/sessions/{session}/messages", {"text": "hi"})
            kinds = [event["data"]["kind"] for event in await _some(events, 5) if event["event"] == "record"]
            assert kinds == ["MessageReceived", "RunOpened", "ModelAsked", "ModelAnswered", "RunEnded"]


async def test_a_stream_of_the_service_ends_when_the_service_does() -> None:
    async with rigged(echo()) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        async with rig.service.streams.follow(principal(), session, 0) as stream:
            await rig.service.drain(1)
            assert [getattr(item.what, "seq", None) async for item in stream] == [1]
        assert (await rig.ask("GET", "/health/ready")).status_code == 503
        assert (await rig.ask("GET", "/health/live")).status_code == 200


async def test_whoever_may_no_longer_look_is_cut_off_from_what_they_were_reading() -> None:
    async with rigged(echo(), bounds=Bounds(recheck=0.01)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        async with rig.client.stream("GET", f"/v1/sessions/{session}/events", headers=bearer()) as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            rig.access.revoked.add("ann")
            with pytest.raises(httpx2.RemoteProtocolError):
                async for _ in lines:
                    pass
        while rig.service.streams.open:
            await rig.ask("GET", "/health/live")


async def _some(events: AsyncIterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [await anext(events) for _ in range(count)]


async def _flood(rig: Rig, session: str, enough: Any) -> int:
    """Write large events until there are enough; give how many there are then."""
    store, tail = rig.service.home.store, 1
    while not enough():
        tail = await store.append(session, [Noted("0", "flood", "x" * 20_000)] if tail > 4 else _run(tail), after=tail)
        await asyncio.sleep(0)
    return tail


def _run(tail: int) -> list[Any]:
    return [MessageReceived("flood"), RunOpened(1, "react@1", "nobody", 0), *([Noted("0", "flood", "x")] * 3)]
