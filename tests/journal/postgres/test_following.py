"""Following what other processes append: woken at once, and nothing missed when a connection is cut."""

import asyncio

from tests.journal.postgres.asking import Opened, ask

from remit.journal.postgres import Patience, PostgresJournal
from remit.testing.journals import said

SELDOM = Patience(poll=3600)
OFTEN = Patience(poll=0.05)
LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
    "AND datname = current_database() AND pid <> pg_backend_pid()"
)


async def seen(journal: PostgresJournal, session: str, count: int, begun: asyncio.Event | None = None) -> list[int]:
    """Follow until so many were seen; say when the first was."""
    numbers: list[int] = []
    async for record in journal.follow(session):
        numbers.append(record.seq)
        if begun is not None:
            begun.set()
        if len(numbers) == count:
            break
    return numbers


async def test_what_another_process_appends_wakes_who_follows(opened: Opened) -> None:
    ours, theirs = opened(SELDOM), opened()
    begun = [asyncio.Event() for _ in range(3)]
    names = ("a", "b", "a")
    following = [asyncio.create_task(seen(ours, name, 3, event)) for name, event in zip(names, begun, strict=True)]
    for place in range(3):
        for name in ("a", "b", "c"):
            await theirs.append(name, said(f"{name}{place}"), after=place)
        # The first may be found by the look with which listening begins; what comes after it may not.
        await asyncio.gather(*(event.wait() for event in begun))
    assert await asyncio.gather(*following) == [[1, 2, 3]] * 3
    await ours.close()
    await theirs.close()


async def test_nothing_is_missed_when_nobody_is_told(url: str, opened: Opened) -> None:
    """The connection that listens is cut again and again while another process appends."""
    ours, theirs = opened(OFTEN), opened()
    following = [asyncio.create_task(seen(ours, name, 60)) for name in ("a", "a", "b")]
    for place in range(60):
        await asyncio.gather(*(theirs.append(name, said("x"), after=place) for name in ("a", "b")))
        if place % 10 == 5:
            ask(url, LISTENERS)
    assert await asyncio.gather(*following) == [list(range(1, 61))] * 3
    await ours.close()
    await theirs.close()


async def test_the_names_of_many_sessions_fit_into_notifications(opened: Opened) -> None:
    ours, theirs = opened(SELDOM), opened()
    names = [f"{number:03}-{'n' * 60}" for number in range(250)]
    following = [asyncio.create_task(seen(ours, name, 1)) for name in names]
    await asyncio.gather(*(theirs.append(name, said("x"), after=0) for name in names))
    assert await asyncio.gather(*following) == [[1]] * 250
    await ours.close()
    await theirs.close()


async def test_a_name_too_long_for_a_notification_is_found_all_the_same(opened: Opened) -> None:
    ours, theirs = opened(OFTEN), opened()
    name = "\u00e4" * 1500
    following = asyncio.create_task(seen(ours, name, 1))
    await theirs.append(name, said("x"), after=0)
    assert await following == [1]
    await ours.close()
    await theirs.close()


async def test_whoever_stops_following_leaves_nothing_behind(journal: PostgresJournal) -> None:
    await journal.append("s", said("a"), after=0)
    following = journal.follow("s")
    assert (await anext(following)).seq == 1
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await journal.append("s", said("b"), after=1) == 2
    assert await seen(journal, "s", 2) == [1, 2]
