"""Decisions over HTTP: asked for, made by somebody else than who asked, signed, acted on."""

from tests.server.agents import acting, asking
from tests.server.rig import TENANTS, Rig, bearer, rigged

from remit.core.events import EffectInDoubt, Tree
from remit.core.token import Remit
from remit.home import Settings
from remit.home.beginning import Begin
from remit.home.wiring import Wiring
from remit.runtime import LocalWorkers
from remit.testing import EffectCounter

BOB = bearer(name="bob", role="operator")


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
        assert (await rig.ask("POST", path, {"granted": True, "args": {"number": 9}}, BOB)).status_code == 422
        await rig.good("POST", path, {"granted": False, "reason": "no"})
        await rig.until(session, "RunEnded")
        assert effect.called() == []


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
