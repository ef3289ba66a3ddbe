"""Homes in a folder with sessions in all the states that a person wants to see."""

import itertools
from pathlib import Path

from remit import Agent, AskBefore, Home, Settings, Tenant, tool
from remit.core.errors import InputRequiredError
from remit.core.messages import Usage
from remit.core.ports import Reply
from remit.models import FlatPrice
from remit.testing import ScriptedModel, calls, says, use

SETTINGS = Settings(tenants=(Tenant(name="acme", usd_per_day=1.0), Tenant(name="other")))


@tool(effect="once")
async def refund(order: str, usd: float) -> str:
    """Pay money back."""
    return f"paid {usd} for {order}"


@tool(effect="once")
async def shaky() -> str:
    """Fail after who knows what."""
    raise ValueError("line dropped")


@tool(effect="once")
async def transfer() -> str:
    """Ask for an account."""
    raise InputRequiredError("to which account?", {"type": "object", "properties": {"account": {"type": "string"}}})


def clerk(*then: Reply) -> Agent:
    """Wants to pay back, and is asked; or says something else."""
    model = ScriptedModel(then or [calls(use("refund", order="A1", usd=30))])
    return Agent("clerk", model=model, tools=[refund], guards=[AskBefore("refund")])


def doubter() -> Agent:
    """Does something of which nobody knows whether it happened."""
    return Agent("doubter", model=ScriptedModel([calls(use("shaky")), says("done")]), tools=[shaky])


def mover() -> Agent:
    """Asks a person for an account."""
    return Agent("mover", model=ScriptedModel([calls(use("transfer")), says("done")]), tools=[transfer])


def triage() -> Agent:
    """Answers, for money."""
    reply = Reply("nothing urgent", (), Usage(input=4000, output=100))
    return Agent("triage", model=ScriptedModel(itertools.repeat(reply), price=FlatPrice(3.0, 15.0)))


async def settle_in(place: Path, *agents: Agent, tenant: str = "acme") -> list[str]:
    """Run agents in a home until they end or wait; give their sessions."""
    async with Home.open(place, SETTINGS) as home:
        return [(await home.run(agent, f"hello {agent.name}", tenant=tenant)).session for agent in agents]


def two_eyes() -> Agent:
    """Wants to pay back, and two people are asked."""
    model = ScriptedModel([calls(use("refund", order="A1", usd=30))])
    return Agent("strict", model=model, tools=[refund], guards=[AskBefore("refund", persons=2)])
