"""AG-UI as its official client has it: `@ag-ui/client` checks the order of events and keeps the conversation."""

import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.server.agents import HeldModel
from tests.server.agui.clients import agui, named, official, refunding

from remit.core.agent import Agent
from remit.server.entrance import Bounds
from remit.testing import EffectCounter


def _told(messages: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Give who said what, with the calls they made."""
    said = [(one["role"], one.get("content"), one.get("toolCalls")) for one in messages]
    return [(role, [json.loads(call["function"]["arguments"]) for call in calls] if calls else text)
            for role, text, calls in said]  # fmt: skip


@pytest.mark.parametrize(("approved", "result"), [("true", "ok"), ("false", "denied")])
async def test_a_call_in_the_middle_waits_for_somebody_else_and_goes_on_as_they_decided(
    approved: str, result: str
) -> None:
    effect = EffectCounter()
    async with agui(refunding(effect), bounds=Bounds(beat=0.005)) as rig:
        found = await official("conversation.mjs", f"{rig.url}/agui/clerk", approved)
        assert named(found["first"]["events"]) == [
            "RUN_STARTED", "STEP_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
            "STEP_FINISHED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "RUN_FINISHED",
        ]  # fmt: skip
        (interrupt,) = found["interrupts"]
        assert (interrupt["reason"], interrupt["metadata"]["remit"]["args"]) == ("tool_call", {"number": 7})
        # The client itself does not go on without an answer, and nobody allows what they asked for.
        assert "pending interrupt" in found["ignored"]["failure"]["message"]
        assert (found["own"]["events"], found["own"]["failure"]["status"]) == ([], 403)

        assert found["second"]["failure"] is None
        (came,) = [one for one in found["second"]["events"] if one["type"] == "TOOL_CALL_RESULT"]
        assert (came["toolCallId"], came["metadata"]["remit"]["status"]) == (interrupt["toolCallId"], result)
        assert (found["second"]["result"], found["pending"]) == ("It is done now.", [])
        assert len(effect.called()) == (result == "ok")

        roles = ["user", "assistant", "tool", "assistant"]
        assert [one["role"] for one in found["messages"]] == roles
        assert _told(found["messages"])[1] == ("assistant", [{"number": 7}])
        assert found["messages"][1]["content"] == "I will do that."
        assert found["messages"][3]["content"] == "It is done now."
        # Once more is the same, and adds nothing to what the client has.
        assert found["again"]["failure"] is None
        assert found["after"][:4] == found["messages"]
        assert [one["role"] for one in found["after"]] == [*roles, "user", "assistant"]
        assert len(found["third"]["events"]) > 0


async def test_who_leaves_in_the_middle_of_an_answer_comes_back_to_all_of_it_and_no_other_tenant_does() -> None:
    model = HeldModel()
    model.go.release()

    async def go(request: Request) -> Response:
        for _ in range(10):
            model.go.release()
        return Response()

    async with agui(Agent("held", model), beside=[Route("/go", go, methods=["POST"])]) as rig:
        found = await official("leaving.mjs", f"{rig.url}/agui/held", f"{rig.url}/go")
    assert _told(found["partial"]) == [("user", "count"), ("assistant", "one ")]
    assert _told(found["messages"]) == [("user", "count"), ("assistant", "one two three")]
    assert found["whole"]["result"] == "one two three"
    assert _told(found["theirs"]) == [("user", "what did they say?"), ("assistant", "one two three")]
    assert found["others"]["events"][0]["metadata"] != found["whole"]["events"][0]["metadata"]
