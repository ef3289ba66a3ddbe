"""A decision is about the arguments that were shown, whatever happened since they were."""

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import ApprovalError
from remit.core.values import JsonValue
from remit.policy import AskBefore
from remit.runtime import Shown, decide, edit, misfit, waiting
from remit.testing import EffectCounter, calls, says, use


async def test_whoever_was_shown_other_arguments_decides_nothing(rig: Rig) -> None:
    act = Acting(gives("paid"), "pay", "once")
    who = agent(scripted(calls(use("pay", usd=500)), says("done")), act, guards=(AskBefore("pay", persons=2),))
    await rig.run(who)
    (effect,) = waiting(await rig.state())
    assert effect.asked is not None
    shown = Shown(effect.call.id, effect.asked.digest[:16])
    await edit(rig.store, "s", "", {"usd": 5}, by="bob")
    assert (await rig.resume(who)).status == "waiting"
    rig.forget()
    for granted in (True, False):
        with pytest.raises(ApprovalError, match="other arguments by now"):
            await decide(rig.store, "s", shown, granted=granted, by="ann")
    (now,) = waiting(await rig.state())
    assert now.asked is not None
    await decide(rig.store, "s", Shown(now.call.id, now.asked.digest), granted=True, by="ann")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [{"usd": 5}]


def test_arguments_that_are_nested_too_deeply_fit_no_tool() -> None:
    args: JsonValue = 1
    for _ in range(500):
        args = {"in": args}
    assert isinstance(args, dict)
    assert misfit(EffectCounter(), args) == "they are nested more than 200 levels deep"
