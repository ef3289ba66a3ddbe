"""Approving at a home: with the arguments a call has, or with others."""

import pytest

from remit import Agent, AskBefore, Home, tool
from remit.core.errors import ApprovalError
from remit.testing import ScriptedModel, calls, says, use


async def test_a_person_approves_with_other_arguments_and_denies_only_what_there_is() -> None:
    paid: list[int] = []

    @tool(effect="once")
    async def pay(usd: int) -> str:
        """Pay."""
        paid.append(usd)
        return "paid"

    model = ScriptedModel([calls(use("pay", usd=500)), says("done")])
    agent = Agent("payer", model, tools=[pay], guards=[AskBefore("pay")])
    async with Home.open("memory") as home:
        asked = await home.run(agent, "pay")
        with pytest.raises(ApprovalError, match="leave them out"):
            await home.approve(asked.session, granted=False, by="ann", args={"usd": 5})
        await home.approve(asked.session, by="ann", args={"usd": 5})
        assert (await home.resume(agent, asked.session)).output == "done"
    assert paid == [5]
