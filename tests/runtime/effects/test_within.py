"""Within: a time limit that is `asyncio.timeout`, but for works that never wait."""

import asyncio
from collections.abc import Awaitable, Callable, Generator

import pytest

from remit.runtime.effects.within import Within

Work = Callable[[], Awaitable[str]]


async def at_once() -> str:
    return "done"


async def after_a_while() -> str:
    for _ in range(3):
        await asyncio.sleep(0)
    return "done"


async def fails_at_once() -> str:
    raise OSError("down")


async def fails_after_a_while() -> str:
    await asyncio.sleep(0)
    raise OSError("down")


async def catches_what_it_waits_for() -> str:
    waits: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(waits.set_exception, OSError("down"))
    try:
        return await waits
    except OSError as error:
        await asyncio.sleep(0)
        return f"done without: {error}"


async def has_a_limit_of_its_own() -> str:
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        return "gave up"
    return "never"


class Object:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Generator[object, None, str]:
        yield from asyncio.sleep(0).__await__()
        return "done"


@pytest.mark.parametrize(
    ("work", "result"),
    [
        (at_once, "done"),
        (after_a_while, "done"),
        (catches_what_it_waits_for, "done without: down"),
        (has_a_limit_of_its_own, "gave up"),
        (Object, "done"),
        (lambda: asyncio.ensure_future(after_a_while()), "done"),
    ],
)
async def test_what_ends_in_time_is_given(work: Work, result: str) -> None:
    limit = Within(30)
    assert await limit.wait(work()) == result
    assert not limit.expired


@pytest.mark.parametrize("work", [fails_at_once, fails_after_a_while])
async def test_what_fails_in_time_fails_as_it_does(work: Work) -> None:
    limit = Within(30)
    with pytest.raises(OSError, match="down"):
        await limit.wait(work())
    assert not limit.expired


async def test_what_does_not_end_in_time_is_cut_off_and_can_tidy_up() -> None:
    tidied: list[str] = []

    async def never() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append("up")
        return "never"

    limit = Within(0)
    with pytest.raises(TimeoutError):
        await limit.wait(never())
    assert limit.expired
    assert tidied == ["up"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_work_that_was_cut_off_may_fail_in_its_own_words() -> None:
    async def complains() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("cut") from None
        return "never"

    limit = Within(0)
    with pytest.raises(OSError, match="cut"):
        await limit.wait(complains())
    assert limit.expired


async def test_who_is_cancelled_is_no_time_out() -> None:
    limit = Within(30)
    waiting = asyncio.create_task(limit.wait(asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not limit.expired


def test_a_work_that_nobody_waits_for_any_more_is_closed() -> None:
    closed: list[str] = []

    async def waits() -> str:
        try:
            await asyncio.sleep(0)
        finally:
            closed.append("yes")
        return "never"

    async def begin() -> None:
        steps = Within(30).wait(waits()).__await__()
        next(steps)
        steps.close()

    asyncio.run(begin())
    assert closed == ["yes"]
