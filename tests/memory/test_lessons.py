import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.memory import Lessons, MemoryLessons, SqliteLessons

TEXT = st.text("abcde ", max_size=12)


@pytest.mark.parametrize("make", [lambda: MemoryLessons(most=0), lambda: SqliteLessons(":memory:", most=0)])
def test_a_store_that_may_keep_nothing_is_refused(make: Callable[[], Lessons]) -> None:
    with pytest.raises(ConfigError, match="`most` is above 0, not 0"):
        make()


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8), TEXT)
def test_both_stores_rank_alike(kept: list[tuple[str, str]], topic: str) -> None:
    async def both() -> None:
        memory, sqlite = MemoryLessons(), SqliteLessons(":memory:")
        for about, lesson in kept:
            await memory.keep(about, lesson)
            await sqlite.keep(about, lesson)
        found = [[(one.topic, one.lesson) for one in await store.recall(topic, limit=9)] for store in (memory, sqlite)]
        await sqlite.close()
        assert found[0] == found[1]

    asyncio.run(both())


async def test_times_are_those_of_the_clock() -> None:
    lessons = MemoryLessons(clock=lambda: 7)
    await lessons.keep("a", "b")
    assert [one.at for one in await lessons.recall("a")] == [7]
