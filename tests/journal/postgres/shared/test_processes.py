"""Real processes keep one pace and one room, whatever their clocks show, and when some of them are killed."""

import asyncio
import json
import sys
from pathlib import Path

from tests.journal.postgres.shared.worker import FLOW, PACE

WORKERS = 4


async def start(url: str, kind: str, seconds: float, skew: float) -> asyncio.subprocess.Process:
    """Start a worker and wait until it is ready."""
    root = Path(__file__).parents[4]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.journal.postgres.shared.worker",
        *(url, kind, str(seconds), str(skew)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=root,
        limit=1 << 24,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def went(process: asyncio.subprocess.Process) -> tuple[list[list[float]], int]:
    """Give what it did, and how often it asked the database."""
    assert process.stdout is not None
    said = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    assert await asyncio.wait_for(process.wait(), 60) == 0
    return said["went"], said["exchanges"]


async def run(url: str, kind: str, *, killed: int = 0) -> tuple[list[list[list[float]]], int]:
    """Run workers with clocks that are millions of seconds apart, and give what those did that lived."""
    workers = [await start(url, kind, 3.0, 1e6 * (number - 1)) for number in range(WORKERS)]
    try:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(b"\n")
        if killed:
            # Not to wait for anything: they are in the middle of it.
            await asyncio.sleep(0.5)
        for worker in workers[:killed]:
            worker.kill()
            await worker.wait()
        did = [await went(worker) for worker in workers[killed:]]
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
    return [each for each, _ in did], sum(asked for _, asked in did)


def beyond(moments: list[float]) -> float:
    """Say by how many requests the pace was passed in the worst stretch of time; below nothing when it was not."""
    assert PACE.requests is not None
    rate = PACE.requests / 60
    size = rate * PACE.burst
    # For each end the worst beginning: what had gone until then, less what had come in.
    worst, least = -size, float("inf")
    for count, at in enumerate(sorted(moments)):
        least = min(least, count - rate * at)
        worst = max(worst, count + 1 - rate * at - least - size)
    return worst


async def test_all_together_never_pass_the_pace_of_a_provider_and_use_most_of_it(url: str) -> None:
    did, asked = await run(url, "paced")
    moments = [at for each in did for (at,) in each]
    assert beyond(moments) <= 0
    # 50 at once and 100 a second for 3 seconds, of which a busy machine may not manage all.
    assert len(moments) > 120
    assert asked < len(moments), "most requests need no answer from the database"
    assert min(len(each) for each in did) * 4 > max(len(each) for each in did)


async def test_when_half_of_them_are_killed_the_others_use_the_pace_and_do_not_pass_it(url: str) -> None:
    did, _ = await run(url, "paced", killed=2)
    moments = [at for each in did for (at,) in each]
    assert beyond(moments) <= 0
    assert len(moments) > 50


async def test_all_together_never_are_more_at_once_than_a_tool_bears(url: str) -> None:
    did, _ = await run(url, "crowded")
    assert FLOW.at_once is not None
    steps = sorted((moment, sign) for each in did for pair in each for moment, sign in zip(pair, (1, -1), strict=True))
    inside = most = 0
    for _, sign in steps:
        inside += sign
        most = max(most, inside)
    assert most == FLOW.at_once
    assert all(each for each in did)
