"""Event loops: one value for each, closed before its loop ends."""

import asyncio
import gc

from remit.models.http.loops import PerLoop


class Kept:
    """Values that were made and closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed: list[int] = []
        self.loops: PerLoop[int] = PerLoop(self._make, self._close)

    def _make(self) -> int:
        self.made += 1
        return self.made

    async def _close(self, value: int) -> None:
        await asyncio.sleep(0)
        self.closed.append(value)


def test_every_loop_has_its_own_value_and_it_is_closed_with_the_loop() -> None:
    kept = Kept()

    async def life() -> int:
        assert kept.loops.peek() is None
        first, second = await asyncio.gather(kept.loops.get(), kept.loops.get())
        assert first == second == kept.loops.peek()
        assert first not in kept.closed
        return first

    assert [asyncio.run(life()) for _ in range(3)] == [1, 2, 3]
    assert kept.closed == [1, 2, 3]


def test_two_loops_at_the_same_time_do_not_share() -> None:
    kept = Kept()

    async def outer() -> None:
        mine = await kept.loops.get()
        theirs = await asyncio.to_thread(lambda: asyncio.run(kept.loops.get()))
        assert (mine, theirs) == (1, 2)
        assert kept.closed == [2]
        assert kept.loops.peek() == 1

    asyncio.run(outer())
    assert kept.closed == [2, 1]


def test_a_loop_that_ended_without_a_word_is_forgotten() -> None:
    kept = Kept()
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(kept.loops.get()) == 1
    loop.close()
    assert asyncio.run(kept.loops.get()) == 2
    gc.collect()
    assert kept.closed == [2]
