"""A worker that uses what is shared. Run as `python worker.py URL KIND SECONDS SKEW`; it prints what it did as JSON."""

import asyncio
import json
import sys
import time

from remit.core.errors import ModelError
from remit.core.limits import Flow
from remit.core.messages import UserMessage
from remit.core.ports import Request
from remit.core.toolspec import ToolSpec
from remit.journal.postgres import Address
from remit.journal.postgres.shared import Sharing
from remit.models.wrappers.rate_limited import Pace, RateLimited, SharedRate
from remit.runtime import Traffic
from remit.testing import ScriptedModel, says

PACE = Pace(requests=6000, burst=0.5, patience=60.0)
"""A hundred a second, and fifty at once."""
FLOW = Flow(at_once=3, wait=60.0)
SPEC = ToolSpec(name="act", description="", schema={}, flow=FLOW)
REQUEST = Request((UserMessage("hello"),), max_output=10)


async def paced(sharing: Sharing, end: float) -> list[list[float]]:
    """Ask a model from many sessions, as fast as the pace lets; give when each request went."""
    went: list[list[float]] = []
    rate = SharedRate(PACE, lambda bounds: sharing.share("pace/test", bounds))

    def answers(request: Request):  # noqa: ANN202 - what a script is made of
        went.append([time.monotonic()])
        return says("yes")

    async def session() -> None:
        model = RateLimited(ScriptedModel([answers] * 10_000), rate)
        while time.monotonic() < end:
            try:
                await model.complete(REQUEST, lambda _: None)
            except ModelError:
                return

    await asyncio.gather(*(session() for _ in range(30)))
    return went


async def crowded(sharing: Sharing, end: float) -> list[list[float]]:
    """Call a tool from many sessions; give when each call was inside."""
    went: list[list[float]] = []
    traffic = Traffic(allot=sharing.share)

    async def session() -> None:
        while time.monotonic() < end:
            turn = await traffic.take(SPEC)
            assert not isinstance(turn, str), turn
            began = time.monotonic()
            await asyncio.sleep(0.01)
            went.append([began, time.monotonic()])
            turn.release()

    await asyncio.gather(*(session() for _ in range(5)))
    return went


async def live(url: str, kind: str, seconds: float, skew: float) -> None:
    sharing = Sharing(Address.of(url), clock=lambda: time.monotonic() + skew)
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    sys.stdin.readline()
    end = time.monotonic() + seconds
    went = await (paced if kind == "paced" else crowded)(sharing, end)
    print(json.dumps({"went": went, "exchanges": sharing.exchanges}), flush=True)  # noqa: T201
    await sharing.close()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
