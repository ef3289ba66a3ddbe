"""Fault x wire x way of working: every run ends as the table says, sound, within budget, and nothing is left over."""

import asyncio
import os
import re

import pytest
from tests.faults.table import KEY, TABLE, Done, Failed, Row
from tests.faults.ward import USAGE, PRICE, WIRES, Seen, Ward
from tests.faults.ways import WAYS

EVERY_WIRE = pytest.mark.parametrize("wire", WIRES)


async def all_ways(wire: str, row: Row, at: int) -> list[Seen]:
    """Run every way of working at the same time, each with a provider, a home and a breaker of its own."""
    return await asyncio.gather(*(Ward(way, wire, row, at).run() for way in WAYS))


def misses(seen: Seen, ends: Done | Failed) -> list[str]:
    """List how a run ended otherwise than the table says."""
    return done(seen, ends) if isinstance(ends, Done) else failed(seen, ends)


def done(seen: Seen, ends: Done) -> list[str]:
    ward, result = seen.ward, seen.result
    output = ends.instead.get(ward.way, WAYS[ward.way].output)
    laws = {
        f"it ended {result.status} with {result.output!r}: {result.reason}": (result.status, result.output)
        in ((("done", output)), ("done", WAYS[ward.way].output)),
        f"{len(ward.waits)} waits": len(ward.waits) == ends.again,
        f"it waited {ward.waits}": all(wait >= ends.wait for wait in ward.waits),
        f"{ward.asks} asks for {len(seen.answers)} answers": ward.asks == len(seen.answers) + ends.again,
        f"it cost {result.spent}": result.spent == len(seen.answers) * PRICE.cost(USAGE),
    }
    return [problem for problem, holds in laws.items() if not holds]


def failed(seen: Seen, ends: Failed) -> list[str]:
    result, failures = seen.result, seen.failures
    if result.status != "failed" or len(failures) != 1:
        return [f"it ended {result.status} after {len(failures)} failures: {result.reason}"]
    (failure,) = failures
    laws = {
        f"the error is {failure.error!r}": failure.error.startswith(f"{ends.error.__name__}: "),
        f"the words are {result.reason!r}": re.search(ends.words, result.reason, re.DOTALL) is not None,
        "it can be tried again": failure.final,
        f"it cost {failure.cost}": bool(failure.cost) == (ends.costs == "the hold"),
    }
    return [problem for problem, holds in laws.items() if not holds]


def table(seen: list[Seen], ends: Done | Failed | None) -> dict[str, list[str]]:
    """Say by way of working what is wrong; empty when nothing is."""
    found = {one.ward.way: [*one.unsound(), *(misses(one, ends) if ends else [])] for one in seen}
    return {way: problems for way, problems in found.items() if problems}


def handles() -> int:
    """Count the files and sockets of this process."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("at", [1, 2], ids=["first", "second"])
@EVERY_WIRE
@pytest.mark.parametrize("fault", TABLE)
async def test_a_fault_ends_as_the_table_says(fault: str, wire: str, at: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    before = handles()
    seen = await all_ways(wire, TABLE[fault], at)
    assert table(seen, TABLE[fault].ends) == {}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert handles() == before
    assert KEY not in caplog.text


@EVERY_WIRE
@pytest.mark.parametrize("fault", TABLE)
async def test_a_fault_that_lasts_ends_the_run_all_the_same(fault: str, wire: str) -> None:
    row = TABLE[fault]
    ends = row.always or (row.ends if isinstance(row.ends, Failed) else None)
    seen = await all_ways(wire, row, 0)
    assert table(seen, ends) == {}
    if row.always is not None:
        assert [len(one.ward.waits) for one in seen if one.ward.asks == 3] 


def test_the_table_and_the_ways_are_whole() -> None:
    assert len(WAYS) == 10
    assert len(TABLE) >= 22
