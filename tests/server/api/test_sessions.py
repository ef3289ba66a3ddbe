"""Sessions over HTTP: begun, told things, looked at, steered, forked, replayed, closed; each thing once."""

import asyncio

from tests.server.agents import HeldModel, acting, echo
from tests.server.rig import bearer, rigged

from remit.core.agent import Agent
from remit.core.limits import Tenant
from remit.testing import EffectCounter


async def test_a_session_begins_with_a_message_and_answers_it() -> None:
    async with rigged(echo()) as rig:
        response = await rig.ask("POST", "/v1/sessions", {"agent": "echo", "text": "hello"})
        assert response.status_code == 201
        begun = response.json()
        assert response.headers["location"] == f"/v1/sessions/{begun['id']}"
        await rig.until(begun["id"], "RunEnded")
        view = await rig.good("GET", f"/v1/sessions/{begun['id']}")
        assert (view["status"], view["last"]["output"], view["runs"]) == ("idle", "hello", 1)


async def test_the_same_key_again_is_the_same_session_and_the_same_message() -> None:
    async with rigged(echo()) as rig:
        new = {"agent": "echo", "text": "hello", "key": "k1"}
        answers = await asyncio.gather(*(rig.ask("POST", "/v1/sessions", new) for _ in range(8)))
        assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
        assert len({one.json()["id"] for one in answers}) == 1
        session = answers[0].json()["id"]
        await rig.until(session, "RunEnded")
        said = {"text": "more", "key": "k2"}
        places = await asyncio.gather(*(rig.good("POST", f"/v1/sessions/{session}/messages", said) for _ in range(8)))
        assert len({place["seq"] for place in places}) == 1
        await rig.until(session, "RunEnded", after=places[0]["seq"])
        kinds = [record["kind"] for record in await rig.past(session)]
        assert kinds.count("MessageReceived") == 2
        assert kinds.count("RunEnded") == 2


async def test_a_name_that_is_taken_is_refused() -> None:
    async with rigged(echo()) as rig:
        new = {"agent": "echo", "session": "acme.desk-1", "text": "hi", "key": "k"}
        assert (await rig.ask("POST", "/v1/sessions", new)).status_code == 201
        assert (await rig.ask("POST", "/v1/sessions", new)).status_code == 200
        for other in ({**new, "key": "k2"}, {"agent": "echo", "session": "acme.desk-1"}):
            assert (await rig.ask("POST", "/v1/sessions", other)).status_code == 409
        kinds = [record["kind"] for record in await rig.until("acme.desk-1", "RunEnded")]
        assert kinds.count("MessageReceived") == 1


async def test_nobody_learns_from_a_name_whether_another_tenant_has_it() -> None:
    async with rigged(echo()) as rig:
        await rig.good("POST", "/v1/sessions", {"agent": "echo", "session": "acme.desk-1"})
        taken, free = [
            await rig.ask("POST", "/v1/sessions", {"agent": "echo", "session": name}, bearer("other"))
            for name in ("acme.desk-1", "acme.desk-2")
        ]
        assert taken.status_code == free.status_code == 409
        assert taken.text.replace("desk-1", "desk-2") == free.text
        alone = await rig.ask("POST", "/v1/sessions", {"agent": "echo", "session": "desk-1"})
        assert "acme.desk-1" in alone.json()["detail"]


async def test_a_tenant_whose_name_begins_with_anothers_keeps_its_names_for_itself() -> None:
    async with rigged(echo(), tenants=(Tenant(name="acme"), Tenant(name="acme.eu"))) as rig:
        refused = await rig.ask("POST", "/v1/sessions", {"agent": "echo", "session": "acme.eu.desk"})
        assert refused.status_code == 409
        given = await rig.ask("POST", "/v1/sessions", {"agent": "echo", "session": "acme.eu.desk"}, bearer("acme.eu"))
        assert given.status_code == 201


async def test_nobody_can_sit_where_the_key_of_somebody_else_will_lead() -> None:
    async with rigged(echo(), tenants=(Tenant(name="acme"),)) as rig:
        led = (await rig.good("POST", "/v1/sessions", {"agent": "echo", "key": "order-1"}))["id"]
        refused = await rig.ask("POST", "/v1/sessions", {"agent": "echo", "session": "0" * len(led)})
        assert refused.status_code == 409
        assert "choose another" in refused.json()["detail"]
        named = await rig.good("POST", "/v1/sessions", {"agent": "echo", "session": "desk-1"})
        assert named["id"] == "desk-1"


async def test_a_server_that_stops_does_not_promise_what_it_would_forget() -> None:
    async with rigged(acting(EffectCounter(), asks=True)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "go"}))["id"]
        await rig.until(session, "RunSuspended")
        fork = (await rig.good("POST", f"/v1/sessions/{session}/fork", {"at": 5}))["id"]
        await rig.service.drain(1)
        refused = await rig.ask("POST", f"/v1/sessions/{fork}/resume")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_an_agent_that_is_not_served_and_a_tenant_without_a_place_are_refused() -> None:
    async with rigged(echo()) as rig:
        assert (await rig.ask("POST", "/v1/sessions", {"agent": "nobody"})).status_code == 409
        stranger = await rig.ask("POST", "/v1/sessions", {"agent": "echo"}, bearer("stranger"))
        assert stranger.status_code == 503
        assert "acme" not in stranger.text


async def test_sessions_are_listed_a_page_at_a_time_and_by_what_is_asked_for() -> None:
    async with rigged(echo()) as rig:
        names = [(await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"] for _ in range(5)]
        await rig.good("DELETE", f"/v1/sessions/{names[2]}")
        seen: list[str] = []
        cursor = ""
        while True:
            page = await rig.good("GET", f"/v1/sessions?limit=2{cursor}")
            seen += [one["id"] for one in page["sessions"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == names[::-1]
        closed = await rig.good("GET", "/v1/sessions?status=closed&agent=echo")
        assert [one["id"] for one in closed["sessions"]] == [names[2]]
        assert (await rig.good("GET", "/v1/sessions?agent=other"))["sessions"] == []
        assert (await rig.ask("GET", "/v1/sessions?cursor=nothing")).status_code == 404
        assert (await rig.ask("GET", "/v1/sessions?limit=0")).status_code == 422


async def test_a_closed_session_takes_nothing_more() -> None:
    async with rigged(echo()) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo"}))["id"]
        assert (await rig.ask("DELETE", f"/v1/sessions/{session}")).status_code == 204
        assert (await rig.ask("DELETE", f"/v1/sessions/{session}")).status_code == 204
        assert (await rig.ask("POST", f"/v1/sessions/{session}/messages", {"text": "hi"})).status_code == 409
        assert (await rig.good("GET", f"/v1/sessions/{session}"))["status"] == "closed"


async def test_a_message_that_comes_while_a_run_goes_on_is_what_the_next_run_is_about() -> None:
    model = HeldModel(pieces=["same"])
    async with rigged(Agent("held", model)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "held", "text": "one"}))["id"]
        await model.asked.wait()
        place = (await rig.good("POST", f"/v1/sessions/{session}/messages", {"text": "two"}))["seq"]
        model.go.release()
        model.go.release()
        first = await rig.until(session, "RunEnded", after=place)
        second = await rig.until(session, "RunEnded", after=first[-1]["seq"])
        assert "RunOpened" in [record["kind"] for record in second]
        assert (await rig.good("GET", f"/v1/sessions/{session}"))["unread"] == 0


async def test_a_run_is_paused_after_its_step_says_who_did_it_and_goes_on_when_resumed() -> None:
    effect = EffectCounter(pause=0.05)
    async with rigged(acting(effect, times=20)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "act"}))["id"]
        await rig.until(session, "EffectStarted")
        assert (await rig.ask("POST", f"/v1/sessions/{session}/pause", {"reason": "lunch"})).status_code == 202
        seen = await rig.until(session, "RunSuspended")
        assert seen[-1]["fields"]["question"] == "paused by ann: lunch"
        assert (await rig.good("GET", f"/v1/sessions/{session}"))["status"] == "paused"
        assert (await rig.ask("POST", f"/v1/sessions/{session}/pause")).status_code == 409
        assert (await rig.ask("POST", f"/v1/sessions/{session}/resume")).status_code == 202
        await rig.until(session, "RunEnded", after=seen[-1]["seq"])
        assert len(effect.called()) == 20
        assert not effect.twice()
        assert (await rig.ask("POST", f"/v1/sessions/{session}/resume")).status_code == 409


async def test_a_run_is_cancelled_at_its_next_step() -> None:
    effect = EffectCounter(pause=0.05)
    async with rigged(acting(effect, times=40)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "act"}))["id"]
        await rig.until(session, "EffectStarted")
        await rig.good("POST", f"/v1/sessions/{session}/cancel", {"reason": "enough"})
        ended = (await rig.until(session, "RunEnded"))[-1]
        assert ended["fields"]["status"] == "cancelled"
        assert "ann" in ended["fields"]["reason"]
        assert (await rig.ask("POST", f"/v1/sessions/{session}/cancel")).status_code == 409


async def test_a_session_is_forked_at_an_event_and_replayed_without_touching_the_world() -> None:
    effect = EffectCounter()
    async with rigged(acting(effect)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "act"}))["id"]
        await rig.until(session, "RunEnded")
        fork = await rig.good("POST", f"/v1/sessions/{session}/fork", {"at": 2})
        assert fork["forked"] == f"{session}@2"
        assert fork["id"] != session
        assert (await rig.ask("POST", f"/v1/sessions/{session}/fork", {"at": 9000})).status_code == 409
        replayed = await rig.good("POST", f"/v1/sessions/{session}/replay")
        assert replayed["diverged"] is False
        assert [run["run"] for run in replayed["runs"]] == [1]
        assert len(effect.called()) == 1
