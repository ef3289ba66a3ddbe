"""Decisions over HTTP: asked for, made by somebody else than who asked, signed, acted on."""

from tests.server.agents import acting, asking
from tests.server.rig import TENANTS, Rig, bearer, rigged

from remit.core.agent import Agent
from remit.core.events import EffectInDoubt, Tree
from remit.core.token import Remit
from remit.home import Settings
from remit.home.beginning import Begin
from remit.home.wiring import Wiring
from remit.policy import AskBefore
from remit.runtime import LocalWorkers
from remit.testing import EffectCounter, ScriptedModel, says, use
from remit.tools import tool

BOB = bearer(name="bob", role="operator")
CAROL = bearer(name="carol", role="operator")


async def _waiting(rig: Rig, agent: str) -> tuple[str, str]:
    session = (await rig.good("POST", "/v1/sessions", {"agent": agent, "text": "go"}))["id"]
    await rig.until(session, "RunSuspended")
    return session, (await rig.good("GET", f"/v1/sessions/{session}"))["waits"][0]["call"]


async def test_a_call_that_waits_is_listed_with_its_arguments_and_runs_once_allowed() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect, asks=True)) as rig:
        session, call = await _waiting(rig, "clerk")
        (listed,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        assert (listed["session"], listed["call"], listed["tool"], listed["args"]) == (
            session, call, "effect", {"number": 0},
        )  # fmt: skip
        assert listed["expires"] > listed["asked"]
        assert (await rig.good("GET", "/v1/doubts"))["waiting"] == []
        said = {"granted": True, "reason": "looks right"}
        allowed = await rig.ask("POST", f"/v1/sessions/{session}/approvals/{call}", said, BOB)
        assert allowed.status_code == 200, allowed.text
        seen = await rig.until(session, "RunEnded")
        (given,) = [record["fields"] for record in seen if record["kind"] == "ApprovalGiven"]
        assert (given["by"], given["granted"], given["reason"]) == ("bob", True, "looks right")
        assert len(effect.called()) == 1
        again = await rig.ask("POST", f"/v1/sessions/{session}/approvals/{call}", said, BOB)
        assert again.status_code == 409


async def test_nobody_allows_what_they_asked_for_but_everybody_may_deny_it() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect, asks=True)) as rig:
        session, call = await _waiting(rig, "clerk")
        path = f"/v1/sessions/{session}/approvals/{call}"
        assert (await rig.ask("POST", path, {"granted": True})).status_code == 403
        assert (await rig.ask("POST", path, {"granted": True}, bearer(name="dev", role="developer"))).status_code == 403
        mine = {"granted": True, "args": {"number": 9}}
        assert (await rig.ask("POST", path, mine)).status_code == 403
        assert (await rig.ask("POST", path, {"granted": False, "args": {}}, BOB)).status_code == 409
        await rig.good("POST", path, {"granted": False, "reason": "no"})
        await rig.until(session, "RunEnded")
        assert effect.called() == []


async def test_two_different_people_must_allow_what_is_for_two() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect, guard=AskBefore("effect", persons=2, escalate=3600))) as rig:
        session, call = await _waiting(rig, "clerk")
        path = f"/v1/sessions/{session}/approvals/{call}"
        (listed,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        assert (listed["persons"], listed["granted_by"], listed["escalated"]) == (2, [], None)
        assert listed["asked"] < listed["escalates"] < listed["expires"]
        assert (await rig.ask("POST", path, {"granted": True}, BOB)).status_code == 200
        again = await rig.ask("POST", path, {"granted": True}, BOB)
        assert again.status_code == 409
        assert "bob has approved" in again.text
        assert "1 more person must" in again.text
        # Not by who asked for it either, as the second one.
        assert (await rig.ask("POST", path, {"granted": True})).status_code == 403
        (listed,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        assert listed["granted_by"] == ["bob"]
        assert effect.called() == []
        assert (await rig.ask("POST", path, {"granted": True}, CAROL)).status_code == 200
        await rig.until(session, "RunEnded")
        assert len(effect.called()) == 1


async def test_arguments_that_a_person_gave_are_checked_run_and_told() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect, asks=True)) as rig:
        session, call = await _waiting(rig, "clerk")
        path = f"/v1/sessions/{session}/approvals/{call}"
        assert (await rig.ask("POST", path, {"granted": True, "args": {"number": 9}}, BOB)).status_code == 200
        seen = await rig.until(session, "RunEnded")
        (started,) = [record["fields"] for record in seen if record["kind"] == "EffectStarted"]
        assert started["made"]["args"] == {"number": 9}
        (ended,) = [record["fields"] for record in seen if record["kind"] == "EffectEnded"]
        assert ended["outcome"]["output"]["changed_by"] == "bob"
        assert len(effect.called()) == 1


async def test_arguments_that_the_tool_does_not_take_are_refused_at_once_and_the_call_still_waits() -> None:
    paid: list[int] = []

    @tool(effect="once")
    async def pay(usd: int) -> str:
        """Pay."""
        paid.append(usd)
        return "paid"

    model = ScriptedModel([says("", use("pay", usd=500)), says("done")])
    async with rigged(Agent("payer", model, tools=[pay], guards=[AskBefore("pay", above={"usd": 100})])) as rig:
        session, call = await _waiting(rig, "payer")
        path = f"/v1/sessions/{session}/approvals/{call}"
        refused = await rig.ask("POST", path, {"granted": True, "args": {"usd": "many"}}, BOB)
        assert refused.status_code == 409
        assert "usd" in refused.text
        assert (await rig.good("GET", f"/v1/sessions/{session}"))["waits"][0]["args"] == {"usd": 500}
        unknown = await rig.ask("POST", f"/v1/sessions/{session}/approvals/c9", {"granted": True, "args": {}}, BOB)
        assert unknown.status_code == 409
        assert (await rig.ask("POST", path, {"granted": True, "args": {"usd": 5}}, BOB)).status_code == 200
        await rig.until(session, "RunEnded")
        assert paid == [5]


async def test_what_nobody_decides_is_told_to_more_people_when_its_time_comes() -> None:
    async with rigged(acting(EffectCounter(), guard=AskBefore("effect", escalate=0.2))) as rig:
        session, _ = await _waiting(rig, "clerk")
        late = (await rig.until(session, "ApprovalEscalated"))[-1]
        (listed,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        assert listed["escalated"] == late["fields"]["at"] >= listed["escalates"]


async def test_a_question_is_answered_in_its_form_and_the_call_goes_on() -> None:
    async with rigged(asking()) as rig:
        session, call = await _waiting(rig, "asking")
        (listed,) = (await rig.good("GET", "/v1/questions"))["waiting"]
        assert (listed["question"], listed["form"]["required"]) == ("which colour?", ["colour"])
        path = f"/v1/sessions/{session}/answers/{call}"
        assert (await rig.ask("POST", path, {"given": {"shape": "round"}}, BOB)).status_code == 409
        assert (await rig.ask("POST", path, {"given": {"colour": "red"}}, BOB)).status_code == 200
        ended = (await rig.until(session, "RunEnded"))[-1]
        assert "red" in ended["fields"]["output"]


async def test_a_call_in_doubt_is_settled_by_who_looked() -> None:
    effect = EffectCounter(pause=30)
    async with rigged(acting(effect)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "go"}))["id"]
        started = (await rig.until(session, "EffectStarted"))[-1]
        call = started["fields"]["call"]
        # As a worker would that finds the call of a dead one.
        doubt = EffectInDoubt(call, "did it happen?")
        store = rig.service.home.store
        await rig.service.driver.drain(0)
        tail = len(await store.read(session))
        await store.append(session, [doubt], after=tail)
        (listed,) = (await rig.good("GET", f"/v1/sessions/{session}"))["waits"]
        assert (listed["kind"], listed["question"]) == ("doubt", "did it happen?")
        settled = await rig.ask("POST", f"/v1/sessions/{session}/doubts/{call}", {"happened": True, "output": 1}, BOB)
        assert settled.status_code == 200
        found = (await rig.past(session))[-1]
        assert (found["kind"], found["fields"]["by"], found["fields"]["happened"]) == ("EffectReconciled", "bob", True)


async def test_nobody_allows_in_a_fork_of_theirs_what_somebody_else_asked_for() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect, asks=True)) as rig:
        body = {"agent": "clerk", "text": "go"}
        session = (await rig.ask("POST", "/v1/sessions", body, bearer(name="bob"))).json()["id"]
        await rig.until(session, "RunSuspended")
        fork = await rig.good("POST", f"/v1/sessions/{session}/fork")
        (waits,) = fork["waits"]
        path = f"/v1/sessions/{fork['id']}/approvals/{waits['call']}"
        assert (await rig.ask("POST", path, {"granted": True})).status_code == 403
        assert effect.called() == []
        other = await rig.ask("POST", path, {"granted": True}, bearer(name="carol", role="operator"))
        assert other.status_code == 200


async def test_nobody_allows_what_a_session_that_they_began_asked_of_another_one() -> None:
    agent = acting(EffectCounter(), asks=True)
    async with rigged(agent) as rig:
        home = rig.service.home
        above = Remit("above", "acme", Tree("above", by=("ann",)))
        below = await Begin(
            home.store, Wiring(home.store, LocalWorkers(), b"k" * 32, Settings(tenants=TENANTS)), above
        )(agent, "go", tenant="acme", by="agent")
        rig.service.driver.wake(below)
        await rig.until(below, "RunSuspended")
        (waits,) = (await rig.good("GET", f"/v1/sessions/{below}"))["waits"]
        path = f"/v1/sessions/{below}/approvals/{waits['call']}"
        assert (await rig.ask("POST", path, {"granted": True})).status_code == 403
        assert (await rig.ask("POST", path, {"granted": True}, BOB)).status_code == 200


async def test_who_saw_one_question_does_not_decide_on_another() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect, guard=AskBefore("effect", persons=2))) as rig:
        session, call = await _waiting(rig, "clerk")
        path = f"/v1/sessions/{session}/approvals/{call}"
        (seen,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        asleep = (await rig.past(session))[-1]["seq"]
        edited = {"granted": True, "digest": seen["digest"], "args": {"number": 9}}
        assert (await rig.ask("POST", path, edited, BOB)).status_code == 200
        await rig.until(session, "RunSuspended", after=asleep)
        (now,) = (await rig.good("GET", "/v1/approvals"))["waiting"]
        assert now["digest"] != seen["digest"]
        carol = bearer(name="carol", role="operator")
        for more in ({"granted": True}, {"granted": False}, {"granted": True, "args": {"number": 3}}):
            refused = await rig.ask("POST", path, {"digest": seen["digest"], **more}, carol)
            assert refused.status_code == 409
            assert "other arguments by now" in refused.text
        assert (await rig.ask("POST", path, {"granted": True, "digest": ""}, carol)).status_code == 422
        assert (await rig.ask("POST", path, {"granted": True, "digest": now["digest"]}, carol)).status_code == 200
        seen_started = await rig.until(session, "EffectStarted")
        assert seen_started[-1]["kind"] == "EffectStarted"
        await rig.until(session, "RunEnded")
        assert len(effect.called()) == 1
