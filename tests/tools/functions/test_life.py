"""Toolsets from their opening to their closing, whatever breaks on the way."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import pytest
from tests.tools.functions.shelf import CONTEXT, Database, Diary, answer, find, opened, show

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.core.ports import Tool
from remit.tools import FunctionToolset, Injected


def chained(diary: Diary, broken: str = "", fault: Exception | None = None) -> dict[type[object] | str, object]:
    async def part(name: str) -> AsyncGenerator[str]:
        if broken == f"open {name}":
            raise fault or OSError("password=secret")
        diary.write(f"open {name}")
        yield name
        diary.write(f"close {name}")
        if broken == f"close {name}":
            raise OSError("password=secret")

    async def first() -> AsyncGenerator[str]:
        async with contextlib.asynccontextmanager(part)("first") as it:
            yield it

    async def second(first: Injected[str]) -> AsyncGenerator[str]:
        async with contextlib.asynccontextmanager(part)("second") as it:
            yield f"{first} {it}"

    async def third(second: Injected[str]) -> AsyncGenerator[str]:
        async with contextlib.asynccontextmanager(part)("third") as it:
            yield f"{second} {it}"

    # Not in the order in which they must be opened.
    return {"it": third, "second": second, "first": first}


async def test_providers_open_once_in_the_order_of_their_needs_and_close_in_the_reverse() -> None:
    diary = Diary()
    toolset = FunctionToolset("one", [show], chained(diary))
    async with opened(toolset) as tools:
        assert await tools["show"].call({}, CONTEXT) == "first second third for acme"
        await tools["show"].call({}, CONTEXT)
    forth = ["open first", "open second", "open third"]
    back = ["close third", "close second", "close first"]
    assert diary.lines == forth + back


async def test_what_was_opened_is_closed_when_a_later_one_cannot_be() -> None:
    diary = Diary()
    toolset = FunctionToolset("crm", [show], chained(diary, "open third"))
    with pytest.raises(ToolError, match=r"^toolset 'crm': 'it' cannot be opened: OSError; look into its provider$"):
        await toolset.open()
    assert diary.lines == ["open first", "open second", "close second", "close first"]


async def test_what_a_provider_says_in_our_words_is_passed_on() -> None:
    toolset = FunctionToolset("crm", [show], chained(Diary(), "open first", ConfigError("set CRM_URL")))
    with pytest.raises(ToolError, match="'first' cannot be opened: set CRM_URL"):
        await toolset.open()


async def test_one_that_cannot_be_closed_keeps_no_other_open_and_is_named() -> None:
    diary = Diary()
    toolset = FunctionToolset("crm", [show], chained(diary, "close second"))
    await toolset.open()
    with pytest.raises(ToolError, match=r"^toolset 'crm': 'second' cannot be closed: OSError"):
        await toolset.close()
    assert diary.lines[3:] == ["close third", "close second", "close first"]


async def test_one_that_can_neither_be_opened_nor_closed_is_blamed_for_the_opening() -> None:
    diary = Diary()

    async def late(first: Injected[str]) -> str:
        raise OSError(first)

    provide = {**chained(diary, "close first"), "it": late}
    del provide["second"]
    with pytest.raises(ToolError, match="'it' cannot be opened"):
        await FunctionToolset("crm", [show], provide).open()
    assert diary.lines == ["open first", "close first"]


async def test_an_opening_or_a_closing_that_hangs_is_given_up() -> None:
    async def stuck_opening() -> str:
        await asyncio.Event().wait()
        return ""

    async def stuck_closing() -> AsyncGenerator[str]:
        yield ""
        await asyncio.Event().wait()

    with pytest.raises(ToolError, match="'it' cannot be opened: TimeoutError"):
        await FunctionToolset("one", [show], {"it": stuck_opening}, patience=0.01).open()
    toolset = FunctionToolset("one", [show], {"it": stuck_closing}, patience=0.01)
    await toolset.open()
    with pytest.raises(ToolError, match="'it' cannot be closed: TimeoutError"):
        await toolset.close()


async def test_what_broke_down_is_refused_until_the_toolset_is_opened_again() -> None:
    breaks = asyncio.Event()

    async def fail() -> None:
        await breaks.wait()
        raise OSError("connection lost")

    async def frail() -> AsyncGenerator[str]:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield "it"

    toolset = FunctionToolset("one", [show], {"it": frail})
    (one,) = await toolset.open()
    assert await one.call({}, CONTEXT) == "it for acme"
    breaks.set()
    for _ in range(9):
        await asyncio.sleep(0)
    with pytest.raises(RejectedError, match="'it' broke down"):
        await one.call({}, CONTEXT)
    with pytest.raises(ToolError, match="'it' cannot be closed: ExceptionGroup"):
        await toolset.close()


async def test_it_can_be_opened_closed_and_opened_again() -> None:
    diary = Diary()
    toolset = FunctionToolset("one", [find], {Database: lambda: Database("main", diary)})
    (before,) = await toolset.open()
    await toolset.close()
    await toolset.close()
    with pytest.raises(RejectedError, match="toolset 'one' is closed"):
        await before.call({"name": "Ann"}, CONTEXT)
    assert await answer(toolset, {"name": "Ann"}) == "Ann in main"
    assert diary.lines == ["open main", "close main"] * 2


def test_event_loops_may_have_it_one_after_the_other_even_if_one_did_not_close_it() -> None:
    diary = Diary()
    toolset = FunctionToolset("one", [find], {Database: lambda: Database("main", diary)})

    async def left_open() -> Sequence[Tool]:
        return await toolset.open()

    asyncio.run(left_open())
    assert asyncio.run(cast("Any", answer(toolset, {"name": "Ann"}))) == "Ann in main"
    assert asyncio.run(cast("Any", answer(toolset, {"name": "Eve"}))) == "Eve in main"
    assert diary.lines == ["open main", "close main"] * 3


async def test_another_event_loop_may_not_have_it_at_the_same_time() -> None:
    toolset = FunctionToolset("one", [find], {Database: Database("main")})
    async with opened(toolset):
        with pytest.raises(ConfigError, match="open in another event loop"):
            await asyncio.to_thread(asyncio.run, cast("Any", toolset.open()))


async def test_homes_of_one_loop_share_it_until_the_last_has_closed_it() -> None:
    diary = Diary()
    toolset = FunctionToolset("one", [find], {Database: lambda: Database("main", diary)})
    (one,), (other,) = await asyncio.gather(toolset.open(), toolset.open())
    await toolset.close()
    assert await one.call({"name": "Ann"}, CONTEXT) == await other.call({"name": "Ann"}, CONTEXT) == "Ann in main"
    await toolset.close()
    assert diary.lines == ["open main", "close main"]


async def test_homes_that_open_it_together_try_again_for_each_other() -> None:
    diary = Diary()
    tries: list[int] = []

    async def flaky() -> AsyncGenerator[str]:
        tries.append(len(tries))
        if len(tries) == 1:
            raise OSError("not yet")
        diary.write("open")
        yield "it"
        diary.write("close")

    toolset = FunctionToolset("one", [show], {"it": flaky})
    first, second = await asyncio.gather(toolset.open(), toolset.open(), return_exceptions=True)
    assert isinstance(first, ToolError)
    assert not isinstance(second, BaseException)
    assert await second[0].call({}, CONTEXT) == "it for acme"
    await toolset.close()
    assert diary.lines == ["open", "close"]
