"""Agents over MCP, to the official client over HTTP: listed, called, told about, and found again."""

import asyncio
import contextlib

import httpx2
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from tests.server.agents import acting, asking, echo
from tests.server.mcp.clients import Holding, Mode, called, served
from tests.server.rig import bearer

from remit.core.events import MessageReceived, RunEnded
from remit.server.entrance import Bounds
from remit.testing import EffectCounter

BOTH = pytest.mark.parametrize("mode", ["auto", "legacy"])
VIEWER = bearer(name="vic", role="viewer")
DEVELOPER = bearer(name="dev", role="developer")


@BOTH
async def test_every_agent_is_a_tool_and_a_place_of_its_own_has_one(mode: Mode) -> None:
    async with served(echo(), asking()) as server:
        async with server.client(mode, who=VIEWER) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
        async with server.client(mode, agent="echo") as client:
            only = [tool.name for tool in (await client.list_tools()).tools]
            assert (await called(client, "echo", {"message": "hi"}))[:2] == ("hi", False)
        async with httpx2.AsyncClient(headers=bearer()) as http:
            assert (await http.post(f"{server.url}/mcp/nobody", json={})).status_code == 404
    assert listed == ["echo", "asking", "remit_resume", "remit_cancel"]
    assert only == ["echo", "remit_resume", "remit_cancel"]


@BOTH
async def test_a_call_is_a_session_of_who_asks_and_goes_on_in_it(mode: Mode) -> None:
    async with served(echo()) as server, server.client(mode, who=DEVELOPER) as client:
        said, failed, session = await called(client, "echo", {"message": "hi"})
        assert (said, failed) == ("hi", False)
        assert await called(client, "echo", {"message": "more", "session": session}) == ("more", False, session)
        records = await server.service.home.store.read(session)
        messages = [one.event for one in records if isinstance(one.event, MessageReceived)]
    assert [(one.text, one.by) for one in messages] == [("hi", "dev"), ("more", "dev")]


@BOTH
async def test_a_client_is_told_how_far_it_is_beginning_with_the_session(mode: Mode) -> None:
    heard: list[tuple[float, str]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message or ""))

    effect = EffectCounter()
    async with served(acting(effect)) as server, server.client(mode) as client:
        await client.call_tool("clerk", {"message": "go"}, progress_callback=hear)
        (session,) = await server.sessions()
    assert heard[0] == (1, f"session {session}")
    assert [number for number, _ in heard] == list(range(1, len(heard) + 1))
    assert any("effect" in message for _, message in heard)


@BOTH
async def test_who_may_not_give_work_begins_nothing(mode: Mode) -> None:
    async with served(echo()) as server, server.client(mode, who=VIEWER) as client:
        said, failed, _ = await called(client, "echo", {"message": "hi"})
        assert await server.sessions() == []
    assert (said, failed) == ("a viewer may not work", True)
    assert any("work" in one for one in server.access.inner.refused)


async def test_nobody_known_is_refused_before_the_protocol() -> None:
    async with served(echo()) as server, httpx2.AsyncClient() as http:
        for method in ("POST", "GET", "DELETE"):
            refusal = await http.request(method, f"{server.url}/mcp")
            assert refusal.status_code == 401
            assert refusal.headers["www-authenticate"] == "Bearer"
        assert (await http.post(f"{server.url}/mcp", content=b"{", headers=bearer())).status_code == 400
        assert (await http.post(f"{server.url}/mcp", content=b"{}", headers=bearer("nowhere"))).status_code == 503


@BOTH
async def test_arguments_that_are_wrong_are_told_so_that_a_model_can_mend_them(mode: Mode) -> None:
    async with served(echo(), asking()) as server, server.client(mode) as client:
        _, _, theirs = await called(client, "asking", {"message": "go"})
        for wrong in ({}, {"message": " "}, {"message": "x", "session": theirs}, {"message": "x", "session": "no"}):
            assert (await called(client, "echo", dict(wrong)))[1], wrong
        assert (await called(client, "remit_resume", {}))[1]
        assert await server.sessions() == [theirs]
        with pytest.raises(MCPError, match="no tool named 'nope'"):
            await client.call_tool("nope", {})


@BOTH
async def test_another_tenants_sessions_do_not_exist(mode: Mode) -> None:
    async with served(echo()) as server, server.client(mode) as client:
        _, _, session = await called(client, "echo", {"message": "hi"})
        listed = [one.uri for one in (await client.list_resources()).resources]
        assert listed == [f"remit://sessions/{session}"]
        async with server.client(mode, who=bearer(tenant="other")) as other:
            assert (await other.list_resources()).resources == []
            with pytest.raises(MCPError, match="no such resource"):
                await other.read_resource(listed[0])
            for name, args in (
                ("echo", {"message": "x", "session": session}),
                ("remit_resume", {"session": session}),
                ("remit_cancel", {"session": session}),
            ):
                said, failed, _ = await called(other, name, dict(args))
                assert (said, failed) == (f"no session {session!r}", True)
        text = await client.read_resource(listed[0])
        assert "hi" in str(text)


@BOTH
async def test_the_same_key_is_the_same_call_of_the_same_person(mode: Mode) -> None:
    effect = EffectCounter()
    async with served(acting(effect)) as server, server.client(mode) as client:
        first = await called(client, "clerk", {"message": "go"}, key="k")
        assert await called(client, "clerk", {"message": "go"}, key="k") == first
        assert len(effect.called()) == 1
        async with server.client(mode, who=DEVELOPER) as other:
            assert (await called(other, "clerk", {"message": "go"}, key="k"))[2] != first[2]
        assert (await called(client, "clerk", {"message": "go"}))[2] != first[2]
    assert len(effect.called()) == 3


async def test_a_call_of_the_older_protocol_that_is_sent_twice_is_made_once() -> None:
    effect = EffectCounter()
    async with served(acting(effect)) as server, httpx2.AsyncClient(headers=bearer(), timeout=30) as http:
        accepts = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        opened = await http.post(f"{server.url}/mcp", json=opening, headers=accepts)
        connection = accepts | {"mcp-session-id": opened.headers["mcp-session-id"]}
        call = {
            "jsonrpc": "2.0",
            "id": 7,
            "method": "tools/call",
            "params": {"name": "clerk", "arguments": {"message": "go"}},
        }
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await http.post(f"{server.url}/mcp", json=ready, headers=connection)
        answers = [await http.post(f"{server.url}/mcp", json=call, headers=connection) for _ in range(2)]
        assert answers[0].text == answers[1].text
        assert "done" in answers[0].text
        # Nobody else goes on with a connection, whatever its id.
        for other in (bearer(name="eve"), bearer(tenant="other")):
            stolen = await http.post(f"{server.url}/mcp", json=call, headers=connection | other)
            assert stolen.status_code == 404
    assert len(effect.called()) == 1


# -- clients that leave ------------------------------------------------------------------------------------------------


async def left(call: asyncio.Task[types.CallToolResult]) -> None:
    """Have a client give its call up, which on the newer wire is to close the connection."""
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def test_a_client_that_is_cut_off_finds_its_session_again_and_nothing_was_done_twice() -> None:
    holding, heard = Holding(), asyncio.Event()
    sessions: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        sessions.append((message or "").removeprefix("session "))
        heard.set()

    async with served(holding.agent()) as server, asyncio.timeout(20):
        async with server.client() as client:
            call = asyncio.create_task(client.call_tool("slow", {"message": "go"}, progress_callback=hear))
            await heard.wait()
            await holding.began.wait()
            await left(call)
        async with server.client() as client:
            again = asyncio.create_task(called(client, "remit_resume", {"session": sessions[0]}))
            holding.go.set()
            assert await again == ("done", False, sessions[0])
            assert await called(client, "remit_resume", {"session": sessions[0]}) == ("done", False, sessions[0])
        assert await server.sessions() == [sessions[0]]


async def test_a_client_of_the_older_protocol_that_cancels_has_its_run_cancelled() -> None:
    holding = Holding()
    async with served(holding.agent()) as server, asyncio.timeout(20):
        async with server.client("legacy") as client:
            call = asyncio.create_task(client.call_tool("slow", {"message": "go"}))
            await holding.began.wait()
            (session,) = await server.sessions()
            await left(call)
            await server.written(session, "CancelAsked")
            holding.go.set()
            await server.written(session, "RunEnded")
        records = await server.service.home.store.read(session)
        (ended,) = [one.event for one in records if isinstance(one.event, RunEnded)]
    assert (ended.status, ended.reason) == ("cancelled", "cancelled by ann: the client cancelled its call")


async def test_a_client_of_the_older_protocol_that_ends_its_connection_leaves_its_session_going() -> None:
    holding = Holding()
    async with served(holding.agent()) as server, asyncio.timeout(20):
        async with server.client("legacy") as client:
            transport = asyncio.create_task(client.call_tool("slow", {"message": "go"}))
            await holding.began.wait()
        await asyncio.gather(transport, return_exceptions=True)
        (session,) = await server.sessions()
        holding.go.set()
        async with server.client("legacy") as client:
            assert await called(client, "remit_resume", {"session": session}) == ("done", False, session)


@BOTH
async def test_a_session_is_ended_by_its_id_by_who_may_stop_it(mode: Mode) -> None:
    async with served(asking()) as server, server.client(mode) as client:
        _, _, session = await called(client, "asking", {"message": "go"})
        async with server.client(mode, who=VIEWER) as viewer:
            assert (await called(viewer, "remit_cancel", {"session": session}))[:2] == ("a viewer may not stop", True)
        for _ in range(2):
            said, failed, _ = await called(client, "remit_cancel", {"session": session})
            assert (said, failed) == ("cancelled: cancelled by ann: over MCP", False)


@BOTH
async def test_who_is_no_longer_known_is_cut_off_and_their_session_goes_on(mode: Mode) -> None:
    holding = Holding()
    async with served(holding.agent(), bounds=Bounds(recheck=0.05)) as server, asyncio.timeout(20):
        async with server.client(who=DEVELOPER) as client:
            call = asyncio.create_task(client.call_tool("slow", {"message": "go"}))
            await holding.began.wait()
            server.access.inner.revoked.add("dev")
            with pytest.raises(MCPError):
                await call
            with pytest.raises(MCPError):
                await client.list_tools()
        (session,) = await server.sessions()
        holding.go.set()
        await server.written(session, "RunEnded")
        async with server.client(mode) as other:
            assert await called(other, "remit_resume", {"session": session}) == ("done", False, session)


async def test_who_has_no_room_to_follow_what_was_begun_is_told_where_to_find_it() -> None:
    holding = Holding()
    async with served(holding.agent(), streams=1) as server, server.client() as client, asyncio.timeout(20):
        first = asyncio.create_task(called(client, "slow", {"message": "go"}))
        await holding.began.wait()
        said, failed, _ = await called(client, "slow", {"message": "go"})
        assert failed
        assert "too many event streams" in said
        newest, oldest = await server.sessions()
        assert "call remit_resume with it" in said
        assert newest in said or oldest in said
        holding.go.set()
        _, _, session = await first
        other = newest if session == oldest else oldest
        assert other in said
        await server.written(other, "RunEnded")
        assert await called(client, "remit_resume", {"session": other}) == ("done", False, other)


async def test_a_message_behind_a_run_that_waits_waits_with_it() -> None:
    async with served(asking()) as server, server.client() as client:
        _, _, session = await called(client, "asking", {"message": "go"})
        said, failed, _ = await called(client, "asking", {"message": "more", "session": session})
        assert failed
        assert "which colour?" in said
        assert await server.sessions() == [session]


async def test_an_older_call_of_a_session_is_told_its_own_answer() -> None:
    async with served(echo()) as server, server.client() as client:
        first = await called(client, "echo", {"message": "one"}, key="1")
        await called(client, "echo", {"message": "two", "session": first[2]}, key="2")
        assert await called(client, "echo", {"message": "one"}, key="1") == first
        assert (await called(client, "remit_resume", {"session": first[2]}))[0] == "two"


async def test_a_server_that_stops_begins_nothing_more() -> None:
    async with served(echo()) as server, server.client() as client:
        await server.service.drain(1)
        # Whether the protocol still answers or the entrance refuses.
        with contextlib.suppress(MCPError):
            assert (await called(client, "echo", {"message": "hi"}))[1]
        async with httpx2.AsyncClient(headers=bearer()) as http:
            refusal = await http.post(f"{server.url}/mcp/echo", json={})
        assert (refusal.status_code, refusal.headers["retry-after"]) == (503, "1")
        assert await server.sessions() == []
