from collections.abc import Callable
from pathlib import Path

import pytest

from remit.memory import Lessons, MemoryLessons, SqliteLessons
from remit.testing.lessons import CHECKS, Check, check_bound

STORES: dict[str, Callable[[Path, int], Lessons]] = {
    "memory": lambda path, most: MemoryLessons(most=most),
    "sqlite": lambda path, most: SqliteLessons(path / "deep" / "lessons.db", most=most),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("store", STORES)
async def test_a_store_of_lessons(store: str, check: Check, tmp_path: Path) -> None:
    lessons = STORES[store](tmp_path, 1000)
    try:
        await check(lessons)
    finally:
        await lessons.close()


@pytest.mark.parametrize("store", STORES)
async def test_a_store_of_lessons_is_bounded(store: str, tmp_path: Path) -> None:
    lessons = STORES[store](tmp_path, 5)
    try:
        await check_bound(lessons, 5)
    finally:
        await lessons.close()
