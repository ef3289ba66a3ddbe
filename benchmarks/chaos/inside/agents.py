"""The agent of the chaos: `agents.py:agent` for `remit worker`. Where the world is comes from the environment."""

import asyncio
import os
from collections.abc import Mapping

import msgspec

from benchmarks.chaos.inside.clock import skewed
from benchmarks.chaos.places.provider import PRICE
from remit import Agent, AskBefore, Limits, Settings, ToolContext, tool
from remit.core.limits import Tenant
from remit.models.http.port import Timeouts
from remit.policy import Tolerance

MODEL = "openai:chaos"
EFFECTS, BUDGET = "CHAOS_EFFECTS", "CHAOS_BUDGET"
CAP = 4
"""Runs of the tenant `capped` at the same time."""
LAPSES = 6.0
"""Seconds for which a call of `hurry` may be approved."""
SECONDS = 8.0
"""For one call of a tool."""


async def _post(kind: str, key: str) -> dict[str, str]:
    """Have it done outside."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ[EFFECTS]))
    try:
        writer.write(f"POST /{kind}?key={key} HTTP/1.1\r\nhost: effects\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError("the answer was cut off")
        return msgspec.json.decode(body, type=dict[str, str])
    finally:
        writer.transport.abort()


@tool(effect="once", timeout=SECONDS)
async def pay(note: str, context: ToolContext) -> dict[str, str]:
    """Pay, which must happen once and cannot be asked about."""
    return await _post("once", context.key)


@tool(effect="idempotent", timeout=SECONDS)
async def book(note: str, context: ToolContext) -> dict[str, str]:
    """Book, which may be said again under its key."""
    return await _post("idempotent", context.key)


@tool(effect="once", timeout=SECONDS)
async def sign(note: str, context: ToolContext) -> dict[str, str]:
    """Sign, once a person has allowed it."""
    return await _post("once", context.key)


@tool(effect="once", timeout=SECONDS)
async def hurry(note: str, context: ToolContext) -> dict[str, str]:
    """Sign, if a person allows it soon."""
    return await _post("once", context.key)


agent = Agent(
    "chaos",
    MODEL,
    tools=[pay, book, sign, hurry],
    guards=[AskBefore("sign"), AskBefore("hurry", expires=LAPSES)],
    detectors=(),
    limits=Limits(max_output=64, steps=100),
)


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Give the settings that all processes of a run share."""
    return Settings(
        tenants=(
            Tenant(name="acme"),
            Tenant(name="globex"),
            Tenant(name="capped", sessions=CAP),
            Tenant(name="purse", usd_per_day=float(environ.get(BUDGET, "0.05")), sessions=CAP * 4),
        ),
        prices={MODEL: PRICE},
        timeouts=Timeouts(),
        tolerances={"*": Tolerance(failures=50, ratio=1.0, cooldown=0.5, longest=2.0)},
    )


settings = settings_of(os.environ)
skewed()
