"""Interrupts and their answers: a person decides in the middle of a run, once, and only who may."""

import json
from typing import Any

import pytest
from tests.server.agents import acting, asking
from tests.server.agui.clients import BOB, agui, answered, essence, refunding, refused, run, running, user, wanted
from tests.server.rig import bearer

from remit.core.agent import Agent
from remit.policy import AskBefore
from remit.testing import EffectCounter, ScriptedModel, says, use

DEV = bearer(name="dev", role="developer")


async def test_a_call_that_was_allowed_runs_once_and_is_told_where_it_was_asked_for() -> None:
    effect = EffectCounter()
    async with agui(refunding(effect)) as rig:
        first = await run(rig, wanted(user("do it")))
        (interrupt,) = first.interrupts
        call = first.of("TOOL_CALL_START")[0]["toolCallId"]
        assert (interrupt["reason"], interrupt["toolCallId"], interrupt["expiresAt"][-1]) == ("tool_call", call, "Z")
        kept = interrupt["metadata"]["remit"]
        assert (kept["tool"], kept["args"]) == ("effect", {"number": 7})
        assert json.loads(first.of("TOOL_CALL_ARGS")[0]["delta"]) == {"number": 7}
        # Nobody allows what they asked for, a developer does not even deny it, and a new message must wait.
        yes = wanted(user("do it"), run="r2", resume=answered(interrupt["id"], {"approved": True}))
        assert await refused(rig, yes) == (403, "nobody approves what they asked for themselves; somebody else must")
        for payload in ({"approved": True}, {"approved": False}):
            body = wanted(user("do it"), run="r2", resume=answered(interrupt["id"], payload))
            assert await refused(rig, body, who=DEV) == (403, "a developer may not decide")
        status, why = await refused(rig, wanted(user("do it"), user("well?", "u2"), run="r3"))
        assert (status, interrupt["id"] in why, effect.called()) == (409, True, [])
        assert (await run(rig, wanted(user("do it")))).interrupts == [interrupt]

        second = await run(rig, yes, who=BOB)
        assert second.of("TOOL_CALL_START") == []
        assert [one["toolCallId"] for one in second.of("TOOL_CALL_RESULT")] == [call]
        assert (second.last["outcome"], second.text) == ({"type": "success"}, "It is done now.")
        again = await run(rig, yes, who=bearer(role="viewer"))
        assert (essence(again), len(effect.called())) == (essence(second), 1)
        no = wanted(user("do it"), run="r2", resume=answered(interrupt["id"], {"approved": False}))
        assert await refused(rig, no, who=BOB) == (
            409, f"{interrupt['id']!r} is no longer open: bob has allowed it; cancel it to go on",
        )  # fmt: skip
        gone = wanted(user("do it"), run="r2", resume=answered(interrupt["id"], status="cancelled"))
        assert essence(await run(rig, gone)) == essence(second)
        # The first run, sent again, now tells all that came of it.
        assert (await run(rig, wanted(user("do it")))).last["result"] == "It is done now."


@pytest.mark.parametrize(
    ("resume", "reason"),
    [({"payload": {"approved": False, "reason": "too much"}}, "too much"), ({"status": "cancelled"}, "abandoned")],
)
async def test_a_call_that_was_denied_or_abandoned_does_not_run_and_the_agent_hears_why(
    resume: dict[str, Any], reason: str
) -> None:
    effect = EffectCounter()
    async with agui(refunding(effect)) as rig:
        (interrupt,) = (await run(rig, wanted(user("do it")))).interrupts
        entry = {"interruptId": interrupt["id"], "status": "resolved"} | resume
        second = await run(rig, wanted(user("do it"), run="r2", resume=[entry]), who=BOB)
        (result,) = second.of("TOOL_CALL_RESULT")
        assert (result["metadata"]["remit"]["status"], reason in result["content"]) == ("denied", True)
        assert (effect.called(), second.last["outcome"]["type"]) == ([], "success")


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ({"approved": False, "editedArgs": {"number": 1}}, "for a call that is approved"),
        ({"approved": True, "editedArgs": "less"}, "'editedArgs' is an object"),
        ({"approved": True, "reason": "x" * 10_001}, "more than 10,000 characters"),
        ({"approved": "yes"}, "'approved' is required"),
        ({"approved": True, "reason": 3}, "'reason' is a text"),
        ({"approved": True, "note": ""}, "no field 'note'"),
        (True, "must be an object"),
        (None, "must be an object"),
    ],
)
async def test_an_answer_that_cannot_be_meant_decides_nothing(payload: Any, why: str) -> None:
    async with agui(refunding(EffectCounter())) as rig:
        (interrupt,) = (await run(rig, wanted(user("do it")))).interrupts
        body = wanted(user("do it"), run="r2", resume=answered(interrupt["id"], payload))
        status, detail = await refused(rig, body, who=BOB)
        assert (status, why in detail) == (422, True)
        assert (await run(rig, wanted(user("do it")))).interrupts == [interrupt]


async def test_answers_to_what_was_never_asked_or_twice_are_refused() -> None:
    async with agui(refunding(EffectCounter())) as rig:
        (interrupt,) = (await run(rig, wanted(user("do it")))).interrupts
        call = interrupt["toolCallId"]
        for wrong in ("nonsense", f"{call}@1", f"{call}@999", "other@7"):
            body = wanted(user("do it"), run="r2", resume=answered(wrong, {"approved": True}))
            assert (await refused(rig, body, who=BOB))[0] == 422
        twice = answered(interrupt["id"], {"approved": True}) * 2
        assert (await refused(rig, wanted(user("do it"), run="r2", resume=twice), who=BOB))[0] == 422
        elsewhere = wanted(user("do it"), run="r2", resume=answered(interrupt["id"])) | {"threadId": "t9"}
        assert (await refused(rig, elsewhere, who=BOB))[0] == 422


def _both() -> tuple[Agent, EffectCounter]:
    """Give an agent that wants two things at once."""
    effect = EffectCounter()
    script = [says("", use("effect", number=1), use("effect", number=2)), says("both decided")]
    return Agent("clerk", ScriptedModel(iter(script)), tools=[effect], guards=[AskBefore("effect")]), effect


async def test_all_that_is_open_must_be_answered_and_is_in_one_run() -> None:
    agent, effect = _both()
    async with agui(agent) as rig:
        first, second = (await run(rig, wanted(user("go")))).interrupts
        one = answered(first["id"], {"approved": True})
        status, why = await refused(rig, wanted(user("go"), run="r2", resume=one), who=BOB)
        assert (status, second["id"] in why, effect.called()) == (409, True, [])
        both = one + answered(second["id"], {"approved": False})
        ran = await run(rig, wanted(user("go"), run="r2", resume=both), who=BOB)
        assert (ran.text, len(ran.of("TOOL_CALL_RESULT")), len(effect.called())) == ("both decided", 2, 1)
        assert essence(await run(rig, wanted(user("go"), run="r2", resume=both), who=BOB)) == essence(ran)


async def test_a_message_may_come_with_an_answer_and_is_heard_after_it() -> None:
    async with agui(refunding(EffectCounter())) as rig:
        (interrupt,) = (await run(rig, wanted(user("do it")))).interrupts
        resume = answered(interrupt["id"], {"approved": False})
        body = wanted(user("do it"), user("and this", "u2"), run="r2", resume=resume)
        ran = await run(rig, body)
        assert (ran.text, ran.last["outcome"]["type"]) == ("It is done now.I will do that.", "interrupt")
        assert (await run(rig, body)).last["outcome"] == ran.last["outcome"]


async def test_a_question_is_answered_in_its_form_or_declined() -> None:
    async with agui(asking()) as rig:
        first = await run(rig, wanted(user("go")), agent="asking")
        (interrupt,) = first.interrupts
        assert (interrupt["reason"], interrupt["message"]) == ("input_required", "which colour?")
        assert interrupt["responseSchema"]["required"] == ["colour"]
        wrong = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"shape": "round"}))
        assert (await refused(rig, wrong, agent="asking", who=BOB))[0] == 422
        right = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"colour": "red"}))
        second = await run(rig, right, agent="asking", who=BOB)
        assert "red" in second.last["result"]
        assert essence(await run(rig, right, agent="asking", who=BOB)) == essence(second)
        assert (await refused(rig, wrong, agent="asking", who=BOB))[0] == 409

        other = wanted(user("go")) | {"threadId": "t2"}
        (interrupt,) = (await run(rig, other, agent="asking")).interrupts
        declined = other | {"resume": answered(interrupt["id"], status="cancelled")}
        assert (await run(rig, declined, agent="asking", who=BOB)).last["result"] == "so None"


async def test_a_call_in_doubt_is_settled_by_who_looked_and_cannot_be_abandoned(tmp_path: Any) -> None:
    effect = EffectCounter(pause=30)
    async with agui(acting(effect), place=str(tmp_path)) as rig:
        async with running(rig, wanted(user("go"))) as events:
            session = (await anext(events))["metadata"]["remit"]["session"]
            await rig.until(session, "EffectStarted")
        await rig.service.drain(0)
    async with agui(acting(effect), place=str(tmp_path)) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        assert (interrupt["reason"], interrupt["metadata"]["remit"]["tool"]) == ("remit:in_doubt", "effect")
        left = wanted(user("go"), run="r2", resume=answered(interrupt["id"], status="cancelled"))
        assert (await refused(rig, left, who=BOB))[0] == 422
        vague = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"happened": "perhaps"}))
        assert (await refused(rig, vague, who=BOB))[0] == 422
        sure = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"happened": True, "output": "seen"}))
        settled = await run(rig, sure, who=BOB)
        assert (settled.of("TOOL_CALL_RESULT")[0]["content"], settled.last["result"]) == ("seen", "done")
        assert essence(await run(rig, sure, who=BOB)) == essence(settled)
        other = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"happened": False}))
        assert (await refused(rig, other, who=BOB))[0] == 409


async def test_a_run_that_was_cancelled_says_so_and_answers_its_calls() -> None:
    agent, _ = _both()
    async with agui(agent) as rig:
        first = await run(rig, wanted(user("go")))
        session = first.events[0]["metadata"]["remit"]["session"]
        await rig.good("POST", f"/v1/sessions/{session}/cancel", {"reason": "never mind"})
        again = await run(rig, wanted(user("go")))
        assert again.last["outcome"] == {"type": "cancelled"}
        assert len(again.of("TOOL_CALL_RESULT")) == 2
        body = wanted(user("go"), run="r2", resume=answered(first.interrupts[0]["id"], {"approved": True}))
        assert (await refused(rig, body, who=BOB))[0] == 409


async def test_where_two_people_must_allow_it_the_second_one_has_it_run() -> None:
    effect = EffectCounter()
    script = ScriptedModel(iter([says("", use("effect")), says("both agreed")]))
    async with agui(Agent("clerk", script, tools=[effect], guards=[AskBefore("effect", persons=2)])) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        yes = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"approved": True}))
        first, again = await run(rig, yes, who=BOB), await run(rig, yes, who=BOB)
        assert first.interrupts[0]["id"] == again.interrupts[0]["id"] == interrupt["id"]
        assert effect.called() == []
        second = await run(rig, yes, who=bearer(name="carol", role="operator"))
        assert (second.last["result"], len(effect.called())) == ("both agreed", 1)
        assert essence(await run(rig, yes, who=BOB)) == essence(second)


async def test_what_has_expired_goes_on_without_an_answer_and_takes_none() -> None:
    effect = EffectCounter()
    script = ScriptedModel(iter([says("", use("effect")), says("nobody came")]))
    async with agui(Agent("clerk", script, tools=[effect], guards=[AskBefore("effect", expires=0.5)])) as rig:
        first = await run(rig, wanted(user("go")))
        await rig.until(first.events[0]["metadata"]["remit"]["session"], "RunEnded")
        (interrupt,) = first.interrupts
        late = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"approved": True}))
        status, why = await refused(rig, late, who=BOB)
        assert (status, "it has expired" in why) == (409, True)
        gone = wanted(user("go"), run="r2", resume=answered(interrupt["id"], status="cancelled"))
        assert ((await run(rig, gone)).last["result"], effect.called()) == ("nobody came", [])
