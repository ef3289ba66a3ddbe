"""Fault x wire x way of working: every run ends as the table says, sound, within budget, and nothing is left over."""

import asyncio
import re
from pathlib import Path

import pytest
from tests.faults.table import KEY, TABLE, Done, Failed, Row
from tests.faults.ward import PRICE, USAGE, WIRES, Seen, Ward
from tests.faults.ways import WAYS

from remit.testing.server import SlowDrip

EVERY_WIRE = pytest.mark.parametrize("wire", WIRES)


async def all_ways(wire: str, row: Row, at: int) -> list[Seen]:
    """Run every way of working at the same time, each with a provider, a home and a breaker of its own."""
    return await asyncio.gather(*(Ward(way, wire, row, at).run() for way in WAYS))


def misses(seen: Seen, ends: Done | Failed) -> list[str]:
    """List how a run ended otherwise than the table says."""
    return undone(seen, ends) if isinstance(ends, Done) else unlike(seen, ends)


def undone(seen: Seen, ends: Done) -> list[str]:
    """List what is wrong with a run that was to be done."""
    ward, result = seen.ward, seen.result
    usual = WAYS[ward.way].output
    said = (usual, ends.instead.get(ward.way, usual))
    laws = {
        f"it ended {result.status}: {result.reason}": result.status == "done",
        f"its output is {result.output!r}": result.output in said,
        f"it waited {ward.waits}": len(ward.waits) == ends.again and min(ward.waits, default=ends.wait) >= ends.wait,
        f"{ward.asks} asks for {len(seen.answers)} answers": ward.asks == len(seen.answers) + ends.again,
        f"it cost {result.spent}": result.spent == len(seen.answers) * PRICE.cost(USAGE),
    }
    return [problem for problem, holds in laws.items() if not holds]


def unlike(seen: Seen, ends: Failed) -> list[str]:
    """List what is wrong with a run that was to fail."""
    result = seen.result
    if result.status != "failed" or not seen.failures:
        return [f"it ended {result.status}: {result.reason}"]
    laws = {
        f"the words are {result.reason!r}": re.search(ends.words, result.reason, re.DOTALL) is not None,
        f"the failures are {seen.failures}": all(
            failure.final
            and failure.error.startswith(f"{ends.error.__name__}: ")
            and (failure.cost > 0) == (ends.costs == "the hold")
            for failure in seen.failures
        ),
    }
    return [problem for problem, holds in laws.items() if not holds]


def table(seen: list[Seen], ends: Done | Failed | None) -> dict[str, list[str]]:
    """Say by way of working what is wrong; empty when nothing is."""
    found = {one.ward.way: [*one.unsound(), *(misses(one, ends) if ends else [])] for one in seen}
    return {way: problems for way, problems in found.items() if problems}


def handles() -> int:
    """Count the files and sockets of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("at", [1, 2], ids=["first", "second"])
@EVERY_WIRE
@pytest.mark.parametrize("fault", TABLE)
async def test_a_fault_ends_as_the_table_says(fault: str, wire: str, at: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    before = handles()
    seen = await all_ways(wire, TABLE[fault], at)
    assert table(seen, TABLE[fault].ends) == {}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert handles() <= before
    assert KEY not in caplog.text


@EVERY_WIRE
@pytest.mark.parametrize("fault", TABLE)
async def test_a_fault_that_lasts_ends_the_run_all_the_same(fault: str, wire: str) -> None:
    row = TABLE[fault]
    ends = row.always or (row.ends if isinstance(row.ends, Failed) else None)
    seen = await all_ways(wire, row, 0)
    assert table(seen, ends) == {}
    react = next(one for one in seen if one.ward.way == "react")
    if row.always is not None:
        assert (react.ward.asks, len(react.ward.waits)) == (3, 2)
    elif ends is not None:
        assert (react.ward.asks, react.ward.waits) == (1, [])


@EVERY_WIRE
async def test_nothing_goes_wrong_without_a_fault(wire: str) -> None:
    assert table(await all_ways(wire, Row(SlowDrip(0), Done()), 99), Done()) == {}


@EVERY_WIRE
async def test_what_was_done_before_a_fault_is_done_once(wire: str) -> None:
    seen = {one.ward.way: one for one in await all_ways(wire, TABLE["rate limited"], 2)}
    assert {way: len(one.ward.counter.called()) for way, one in seen.items()} == {
        name: way.effects for name, way in WAYS.items()
    }
