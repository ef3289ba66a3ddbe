"""Who reads changes slowly gets the newest of each session, of a bounded number of them."""

import asyncio

import pytest

from remit.server.projection.changing import MOST, Watches
from remit.server.projection.port import Summary


def summary(name: str, runs: int) -> Summary:
    return Summary(id=name, agent="a", status="idle", why="", about="", opened=0, changed=runs, runs=runs)


async def test_what_a_reader_did_not_take_yet_is_merged() -> None:
    watches = Watches(every=0.0)
    with watches.watch("acme") as changes, watches.watch("other") as others:
        for runs in (1, 2, 3):
            watches.tell([("acme", summary("s", runs)), ("acme", summary(f"s{runs}", runs))])
        told = await anext(changes)
        assert [(one.id, one.runs) for one in told.sessions] == [("s1", 1), ("s2", 2), ("s", 3), ("s3", 3)]
        watches.tell([("other", summary("o", 1))])
        assert [one.id for one in (await anext(others)).sessions] == ["o"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(changes)


async def test_a_reader_that_is_stuck_is_kept_no_more_than_so_many() -> None:
    watches = Watches(every=0.0)
    with watches.watch("acme") as changes:
        watches.tell(("acme", summary(f"{number}", 1)) for number in range(MOST + 5))
        told = await anext(changes)
    assert len(told.sessions) == MOST
    assert told.sessions[0].id == "5"
    watches.tell([("acme", summary("late", 1))])


async def test_a_reader_is_told_no_more_often_than_was_said() -> None:
    watches = Watches(every=3600.0)
    with watches.watch("acme") as changes:
        watches.tell([("acme", summary("s", 1))])
        await anext(changes)
        watches.tell([("acme", summary("s", 2))])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(changes)
