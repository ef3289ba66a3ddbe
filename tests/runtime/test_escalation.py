"""Escalation: a call that waits too long is told to more people once, whoever drives it and however many do."""

import asyncio

from tests.runtime.rig import Acting, Rig, SlowStore, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.events import ApprovalAsked, ApprovalEscalated
from remit.core.values import now_ms
from remit.policy import AskBefore
from remit.runtime import decide, edit, escalate, waiting
from remit.testing import calls, says, use


def declared(act: Acting, seconds: float = 0.001) -> Agent:
    guard = AskBefore("effect", persons=2, escalate=seconds)
    return agent(scripted(calls(use("effect", usd=5)), says("done")), act, guards=[guard])


async def asleep(rig: Rig, who: Agent) -> ApprovalAsked:
    await rig.run(who)
    rig.forget()
    asked = [event for event in await rig.events() if isinstance(event, ApprovalAsked)][-1]
    while now_ms() < asked.escalates and asked.escalates - now_ms() < 1000:
        pass
    return asked


async def escalations(rig: Rig) -> list[ApprovalEscalated]:
    return [event for event in await rig.events() if isinstance(event, ApprovalEscalated)]


async def test_it_is_written_down_once_however_many_drive_it_and_the_call_still_runs(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once")
    who = declared(act)
    asked = await asleep(rig, who)
    slow = SlowStore(rig.store)
    await asyncio.gather(*(escalate(slow, "s", "c1_0_0") for _ in range(3)))
    (escalated,) = await escalations(rig)
    assert escalated.at >= asked.escalates
    (effect,) = waiting(await rig.state())
    assert effect.escalated == escalated.at
    await decide(rig.store, "s", "", granted=True, by="ann")
    await escalate(rig.store, "s", "c1_0_0")
    await decide(rig.store, "s", "", granted=True, by="bob")
    assert (await rig.resume(who)).output == "done"
    await escalate(rig.store, "s", "c1_0_0")
    assert len(await escalations(rig)) == 1


async def test_before_its_time_and_of_another_call_nothing_is_written(rig: Rig) -> None:
    await asleep(rig, declared(Acting(gives("sent"), "effect", "once"), seconds=3600))
    await escalate(rig.store, "s", "c1_0_0")
    await escalate(rig.store, "s", "c9")
    assert await escalations(rig) == []


async def test_other_arguments_are_another_question_with_an_escalation_of_its_own(rig: Rig) -> None:
    who = declared(Acting(gives("sent"), "effect", "once"))
    await asleep(rig, who)
    await escalate(rig.store, "s", "c1_0_0")
    await edit(rig.store, "s", "", {"usd": 4}, by="ann")
    await rig.resume(who)
    rig.forget()
    (effect,) = waiting(await rig.state())
    assert effect.escalated == 0
    assert effect.asked is not None
    while now_ms() < effect.asked.escalates:
        pass
    await escalate(rig.store, "s", "c1_0_0")
    assert len(await escalations(rig)) == 2


async def test_whoever_resumes_a_session_is_not_fenced_by_an_escalation_meanwhile(rig: Rig) -> None:
    who = declared(Acting(gives("sent"), "effect", "once"))
    await asleep(rig, who)
    session = await rig.load(who)
    await escalate(rig.store, "s", "c1_0_0")
    assert (await session.run()).status == "waiting"
