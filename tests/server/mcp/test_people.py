"""What a run waits for, over MCP: asked of the person at the client if they may decide, and signed with their name."""

import asyncio
import dataclasses

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from tests.server.agents import acting, asking
from tests.server.mcp.clients import BOB, Mode, Served, accept, called, close, refuse, served
from tests.server.rig import bearer

from remit.core.events import ApprovalGiven, InputGiven
from remit.policy import AskBefore
from remit.runtime import waiting
from remit.server.entrance import Bounds
from remit.testing import EffectCounter

BOTH = pytest.mark.parametrize("mode", ["auto", "legacy"])
CAROL = bearer(name="carol", role="operator")
DEVELOPER = bearer(name="dev", role="developer")
GO: dict[str, object] = {"message": "go"}


async def given(server: Served, session: str) -> list[tuple[str, bool, str]]:
    """Give who decided what, and why."""
    records = await server.service.home.store.read(session)
    events = [record.event for record in records]
    return [(one.by, one.granted, one.reason) for one in events if isinstance(one, ApprovalGiven)]


async def waits(server: Served) -> str:
    """Have somebody call the agent who can be asked nothing; give the session."""
    async with server.client() as client:
        said, failed, session = await called(client, "clerk", GO)
    assert failed
    assert said.startswith("waiting: ")
    return session


@BOTH
async def test_an_approval_in_the_middle_is_asked_for_with_the_exact_call_and_granted(mode: Mode) -> None:
    effect = EffectCounter()
    async with (
        served(acting(effect, asks=True), own=True) as server,
        server.client(mode, answer=accept(approve=True, reason="known")) as client,
    ):
        said, failed, session = await called(client, "clerk", GO)
        assert (said, failed) == ("done", False)
        assert await given(server, session) == [("ann", True, "known")]
    assert len(effect.called()) == 1
    assert len(server.asked) == 1
    assert 'Approve this call: effect({"number":0})' in server.asked[0]


@BOTH
@pytest.mark.parametrize("answer", [accept(approve=False), refuse])
async def test_an_approval_that_is_denied_is_told_to_the_agent_and_nothing_happens(mode: Mode, answer: object) -> None:
    effect = EffectCounter()
    async with (
        served(acting(effect, asks=True), own=True) as server,
        server.client(mode, answer=answer) as client,  # pyright: ignore[reportArgumentType]
    ):
        said, failed, session = await called(client, "clerk", GO)
        assert (said, failed) == ("done", False)
        assert [one[:2] for one in await given(server, session)] == [("ann", False)]
    assert effect.called() == []


@BOTH
@pytest.mark.parametrize(
    ("who", "why"), [(DEVELOPER, "a developer may not decide"), (bearer(), "nobody approves what they asked for")]
)
async def test_who_may_not_decide_is_not_asked_and_is_told_why_and_where(
    mode: Mode, who: dict[str, str], why: str
) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as server:
        async with server.client(mode, who=who, answer=accept(approve=True)) as client:
            said, failed, session = await called(client, "clerk", GO)
        assert failed
        assert why in said
        (one,) = waiting(await server.service.home.session(session))
        assert f"POST /v1/sessions/{session}/approvals/{one.call.id}" in said
        assert f"/sessions/{session}" in said
        assert "remit_resume" in said
        assert server.asked == []
        assert await given(server, session) == []
    assert effect.called() == []


@BOTH
async def test_somebody_else_decides_where_they_find_the_session_by_its_id(mode: Mode) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as server:
        session = await waits(server)
        async with server.client(mode, who=BOB, answer=accept(approve=True)) as bob:
            assert await called(bob, "remit_resume", {"session": session}) == ("done", False, session)
            # An operator gives no work.
            assert (await called(bob, "clerk", GO))[1]
        async with server.client(mode) as ann:
            assert await called(ann, "remit_resume", {"session": session}) == ("done", False, session)
        assert await given(server, session) == [("bob", True, "")]
        assert await server.sessions() == [session]
    assert len(effect.called()) == 1


@BOTH
async def test_who_closes_the_form_has_decided_nothing(mode: Mode) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as server:
        session = await waits(server)
        async with server.client(mode, who=BOB, answer=close) as bob:
            assert (await called(bob, "remit_resume", {"session": session}))[1]
        assert len(server.asked) == 1
        assert len(waiting(await server.service.home.session(session))) == 1
    assert effect.called() == []


@BOTH
async def test_two_people_must_allow_it_where_policy_says_so_and_each_is_asked_once(mode: Mode) -> None:
    effect = EffectCounter()
    agent = dataclasses.replace(acting(effect), guards=[AskBefore("effect", persons=2)])
    async with served(agent) as server:
        session = await waits(server)
        yes = accept(approve=True)
        async with server.client(mode, who=BOB, answer=yes) as bob:
            for _ in range(2):
                said, failed, _ = await called(bob, "remit_resume", {"session": session})
                assert failed
                assert "you have approved this already" in said
        assert len(server.asked) == 1
        assert effect.called() == []
        async with server.client(mode, who=CAROL, answer=yes) as carol:
            assert await called(carol, "remit_resume", {"session": session}) == ("done", False, session)
        assert [one[0] for one in await given(server, session)] == ["bob", "carol"]
    assert len(effect.called()) == 1


@BOTH
async def test_a_question_of_a_tool_is_asked_with_its_form_and_answered_with_a_name(mode: Mode) -> None:
    async with served(asking()) as server, server.client(mode, answer=accept(colour="red")) as client:
        said, failed, session = await called(client, "asking", GO)
        assert failed is False
        assert "red" in said
        records = await server.service.home.store.read(session)
        (got,) = [one.event for one in records if isinstance(one.event, InputGiven)]
    assert (got.given, got.by) == ({"colour": "red"}, "ann")
    assert server.asked == ["ask asks: which colour?"]


async def test_a_question_is_not_asked_of_who_may_not_decide() -> None:
    async with served(asking()) as server, server.client(who=DEVELOPER, answer=accept(colour="red")) as client:
        said, failed, session = await called(client, "asking", GO)
        assert (failed, server.asked) == (True, [])
        assert f"POST /v1/sessions/{session}/answers/" in said


@BOTH
async def test_who_lost_the_right_while_the_form_was_open_decides_nothing(mode: Mode) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True), bounds=Bounds(recheck=0.05)) as server, asyncio.timeout(20):
        session = await waits(server)

        def late(params: types.ElicitRequestFormParams) -> types.ElicitResult:
            server.access.inner.revoked.add("bob")
            return accept(approve=True)(params)

        with pytest.raises((MCPError, ExceptionGroup)):
            async with server.client(mode, who=BOB, answer=late) as bob:
                await called(bob, "remit_resume", {"session": session})
        assert await given(server, session) == []
    assert effect.called() == []


@BOTH
async def test_who_may_no_longer_decide_when_they_answer_decides_nothing(mode: Mode) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as server:
        session = await waits(server)

        def late(params: types.ElicitRequestFormParams) -> types.ElicitResult:
            server.access.demoted.add("bob")
            return accept(approve=True)(params)

        async with server.client(mode, who=BOB, answer=late) as bob:
            said, failed, _ = await called(bob, "remit_resume", {"session": session})
        assert failed
        assert "a viewer may not decide" in said
        assert await given(server, session) == []
    assert (effect.called(), len(server.asked)) == ([], 1)


# -- answers that come back later --------------------------------------------------------------------------------------


async def asked(server: Served, session: str, who: dict[str, str] = BOB) -> types.InputRequiredResult:
    """Have somebody asked who answers later."""
    async with server.client(who=who, answer=close) as client:
        raw = await client.session.call_tool("remit_resume", {"session": session}, allow_input_required=True)
    assert isinstance(raw, types.InputRequiredResult)
    return raw


async def answered(server: Served, session: str, raw: types.InputRequiredResult, who: dict[str, str] = BOB) -> str:
    """Answer yes to what was asked before."""
    yes: types.InputResponses = {
        key: types.ElicitResult(action="accept", content={"approve": True}) for key in raw.input_requests or {}
    }
    async with server.client(who=who, answer=close) as client:
        try:
            result = await client.session.call_tool(
                "remit_resume",
                {"session": session},
                input_responses=yes,
                request_state=raw.request_state,
                allow_input_required=True,
            )
        except MCPError as error:
            return str(error)
    return str(result)


async def test_an_answer_counts_after_the_server_was_restarted_and_twice_is_once(tmp_path: object) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True), place=str(tmp_path)) as server:
        session = await waits(server)
        raw = await asked(server, session)
    async with served(acting(effect, asks=True), place=str(tmp_path)) as server:
        for _ in range(2):
            assert "done" in await answered(server, session, raw)
        assert [one[:2] for one in await given(server, session)] == [("bob", True)]
    assert len(effect.called()) == 1


async def test_an_answer_of_somebody_else_or_for_another_session_is_refused() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as server:
        session, other = await waits(server), await waits(server)
        raw = await asked(server, session)
        assert raw.request_state is not None
        assert session not in raw.request_state
        for which, who in ((session, CAROL), (session, bearer("other", "bob")), (other, BOB)):
            assert await answered(server, which, raw, who) == "Invalid or expired requestState"
        assert await given(server, session) == []
    assert effect.called() == []


async def test_a_yes_to_other_arguments_than_were_shown_is_no_yes() -> None:
    effect = EffectCounter()
    agent = dataclasses.replace(acting(effect), guards=[AskBefore("effect", persons=2)])
    async with served(agent) as server:
        session = await waits(server)
        raw = await asked(server, session)
        home = server.service.home
        (one,) = waiting(await home.session(session))
        # Somebody gives it other arguments meanwhile, which a second person must allow.
        await home.approve(session, one.call.id, by="carol", args={"number": 7})
        server.service.driver.wake(session)
        await server.written(session, "ApprovalGiven")
        said = await answered(server, session, raw)
        assert [one[0] for one in await given(server, session)] == ["carol"]
        assert "other arguments by now" in said
        assert effect.called() == []
