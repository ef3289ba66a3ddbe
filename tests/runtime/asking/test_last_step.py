"""The last step: a question that was asked before a crash is counted once."""

from tests.runtime.rig import Rig, agent, scripted

from remit.core.events import ModelAsked
from remit.core.limits import Limits
from remit.testing import says


async def test_the_last_question_a_run_may_ask_is_asked_again_after_a_crash(rig: Rig) -> None:
    declared = agent(scripted(says("done")), limits=Limits(steps=1, unpriced="allow"))
    session = await rig.open(declared, "go")
    await session.run()
    events = await rig.events()
    asked = next(place for place, event in enumerate(events) if isinstance(event, ModelAsked)) + 1
    await rig.store.append("t", events[:asked], after=0)
    again = agent(scripted(says("done")), limits=Limits(steps=1, unpriced="allow"))
    result = await rig.resume(again, "t")
    assert (result.status, result.output) == ("done", "done")
