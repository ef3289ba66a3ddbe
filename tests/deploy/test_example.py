"""The agent that comes with compose works without a provider, whoever goes on with its sessions."""

from tests.deploy.rendering import DEPLOY

from remit import Home
from remit.cli.agents import load

REF = str(DEPLOY / "agents/agent.py")


async def test_it_asks_before_it_refunds_and_another_worker_goes_on() -> None:
    async with Home.open("memory") as home:
        waiting = await home.run(load(REF).agent, "Please refund order A-7.", session="s")
        assert waiting.status == "waiting"
        await home.approve("s", by="ann")
        # Loaded anew: nothing is kept in the model between two asks.
        done = await home.resume(load(REF).agent, "s")
        assert (done.status, done.output) == ("done", "Done: refunded 40.00 for A-7.")


async def test_what_it_does_not_know_it_says() -> None:
    async with Home.open("memory") as home:
        assert (await home.run(load(REF).agent, "Refund order Z-1.")).output == "There is no such order."
