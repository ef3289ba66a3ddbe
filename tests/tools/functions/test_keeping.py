"""What is kept for tenants: made once, theirs alone, closed when it should be."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from tests.tools.functions.shelf import CONTEXT, Database, Diary, Handle, opened, whose

from remit.core.errors import RejectedError, ToolError
from remit.core.ports import ToolContext
from remit.tools import FunctionToolset, Injected, PerTenant, Provide, tool


@dataclass
class Signed:
    """A client that signs with a token of its own."""

    token: str
    sent: Diary
    entered: int = 0

    async def __aenter__(self) -> "Signed":
        self.entered += 1
        assert self.entered == 1
        return self

    async def __aexit__(self, *error: object) -> None:
        self.sent.write(f"closed {self.token}")

    async def get(self, path: str) -> str:
        await asyncio.sleep(0)
        self.sent.write(f"{path} {self.token}")
        return self.token


@tool(effect="read")
async def read(path: str, client: Injected[Signed]) -> int:
    return len(await client.get(path))


def tokens(sent: Diary, keep: int = 100) -> PerTenant:
    known = {"acme": "token-of-acme", "zeta": "tok-z", "beta": "b"}
    return PerTenant(lambda tenant: Signed(known[tenant], sent), keep=keep)


async def test_two_tenants_never_see_each_others_credentials() -> None:
    sent = Diary()
    async with opened(FunctionToolset("crm", [read], {Signed: tokens(sent)})) as tools:
        calls = [("acme", "/1"), ("zeta", "/2"), ("acme", "/3"), ("zeta", "/4")]
        lengths = await asyncio.gather(
            *(tools["read"].call({"path": path}, ToolContext(tenant=tenant)) for tenant, path in calls)
        )
    assert lengths == [13, 5, 13, 5]
    assert sorted(sent.lines[:4]) == ["/1 token-of-acme", "/2 tok-z", "/3 token-of-acme", "/4 tok-z"]
    assert sorted(sent.lines[4:]) == ["closed tok-z", "closed token-of-acme"]


async def test_a_tenant_without_credentials_is_told_so_without_naming_any() -> None:
    async with opened(FunctionToolset("crm", [read], {Signed: tokens(Diary())})) as tools:
        with pytest.raises(RejectedError, match=r"^not done: Signed cannot be had now \(KeyError\)$") as caught:
            await tools["read"].call({"path": "/"}, ToolContext(tenant="nobody"))
    assert not caught.value.retryable


async def test_calls_that_begin_together_make_one_value_of_their_tenant() -> None:
    made: list[str] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def make(tenant: str) -> AsyncGenerator[Handle]:
        made.append(tenant)
        begun.set()
        await gate.wait()
        yield Handle(Database("main"), tenant)

    async with opened(FunctionToolset("one", [whose], {Handle: PerTenant(make)})) as tools:
        calls = [asyncio.create_task(cast("Any", tools["whose"].call({}, CONTEXT))) for _ in range(5)]
        await begun.wait()
        # Whoever came first may be the first to go: that must not take it from the others.
        calls[0].cancel()
        await asyncio.wait({calls[0]})
        gate.set()
        assert await asyncio.gather(*calls[1:]) == ["acme of main"] * 4
    assert made == ["acme"]


async def test_an_opening_that_failed_is_tried_again_at_the_next_call() -> None:
    tries: list[str] = []

    async def make(tenant: str) -> Handle:
        tries.append(tenant)
        if len(tries) == 1:
            raise ConnectionError("postgres://user:secret@db")
        return Handle(Database("main"), tenant)

    async with opened(FunctionToolset("one", [whose], {Handle: PerTenant(make)})) as tools:
        with pytest.raises(RejectedError) as caught:
            await tools["whose"].call({}, CONTEXT)
        assert str(caught.value) == "not done: Handle cannot be had now (ConnectionError)"
        assert caught.value.retryable
        assert await tools["whose"].call({}, CONTEXT) == "acme of main"


async def test_only_so_many_are_kept_and_the_least_recently_used_is_closed_first() -> None:
    sent = Diary()
    async with opened(FunctionToolset("crm", [read], {Signed: tokens(sent, keep=2)})) as tools:
        for tenant in ("acme", "zeta", "acme", "beta"):
            await tools["read"].call({"path": "/"}, ToolContext(tenant=tenant))
        await sent.until("closed tok-z")
        assert "closed token-of-acme" not in sent.lines
        await tools["read"].call({"path": "/again"}, ToolContext(tenant="zeta"))
        await sent.until("closed token-of-acme")
        assert "closed b" not in sent.lines
    assert sorted(line for line in sent.lines if line.startswith("closed")) == sorted(
        ["closed tok-z", "closed tok-z", "closed token-of-acme", "closed b"]
    )


async def test_what_a_call_uses_is_not_closed_under_it() -> None:
    closed: list[str] = []
    gate = asyncio.Event()

    async def make(tenant: str) -> AsyncGenerator[Handle]:
        yield Handle(Database("main"), tenant)
        closed.append(tenant)

    @tool
    async def wait(handle: Injected[Handle]) -> bool:
        if handle.tenant == "slow":
            await gate.wait()
        return handle.tenant in closed

    async with opened(FunctionToolset("one", [wait], {Handle: PerTenant(make, keep=1)})) as tools:
        slow = asyncio.create_task(cast("Any", tools["wait"].call({}, ToolContext(tenant="slow"))))
        for tenant in ("a", "b", "c"):
            assert await tools["wait"].call({}, ToolContext(tenant=tenant)) is False
        gate.set()
        assert await slow is False


async def test_what_a_tenants_value_is_made_of_lives_as_long_as_it() -> None:
    diary = Diary()

    async def pool(tenant: str) -> AsyncGenerator[Database]:
        async with Database(f"pool of {tenant}", diary) as database:
            yield database

    async def handle(tenant: str, db: Injected[Database]) -> AsyncGenerator[Handle]:
        diary.write(f"open handle of {tenant}")
        yield Handle(db, tenant)
        diary.write(f"close handle of {tenant}")

    provide: Provide = {Handle: PerTenant(handle, keep=1), Database: PerTenant(pool, keep=1)}
    async with opened(FunctionToolset("one", [whose], provide)) as tools:
        assert await tools["whose"].call({}, ToolContext(tenant="a")) == "a of pool of a"
        assert await tools["whose"].call({}, ToolContext(tenant="b")) == "b of pool of b"
        await diary.until("close pool of a")
    of_a = [line for line in diary.lines if line.endswith(" a")]
    assert of_a == ["open pool of a", "open handle of a", "close handle of a", "close pool of a"]
    assert diary.lines[-2:] == ["close handle of b", "close pool of b"]


async def test_a_value_that_breaks_down_is_made_anew_for_its_tenant() -> None:
    breaks = asyncio.Event()
    made: list[str] = []

    async def fail() -> None:
        await breaks.wait()
        raise OSError("connection lost")

    async def make(tenant: str) -> AsyncGenerator[Handle]:
        made.append(tenant)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(fail())
            yield Handle(Database("main"), tenant)
            task.cancel()

    toolset = FunctionToolset("one", [whose], {Handle: PerTenant(make)})
    tools = await toolset.open()
    await tools[0].call({}, CONTEXT)
    breaks.set()
    for _ in range(9):
        await asyncio.sleep(0)
    breaks.clear()
    assert await tools[0].call({}, CONTEXT) == "acme of main"
    assert made == ["acme", "acme"]
    with contextlib.suppress(ToolError):
        await toolset.close()


async def test_an_opening_that_hangs_is_given_up_before_the_call_is_out_of_time() -> None:
    tries: list[str] = []

    async def make(tenant: str) -> Handle:
        tries.append(tenant)
        if len(tries) == 1:
            await asyncio.Event().wait()
        return Handle(Database("main"), tenant)

    toolset = FunctionToolset("one", [whose], {Handle: PerTenant(make)}, timeout=0.02)
    async with opened(toolset) as tools:
        with pytest.raises(RejectedError, match=r"what it needs was not there within 0\.01 s") as caught:
            await tools["whose"].call({}, CONTEXT)
        assert caught.value.retryable
        assert await tools["whose"].call({}, CONTEXT) == "acme of main"


async def test_a_tenants_value_does_not_inherit_from_the_call_that_made_it() -> None:
    user = contextvars.ContextVar("user", default="nobody")

    async def make(tenant: str) -> Handle:
        return Handle(Database(user.get()), tenant)

    async with opened(FunctionToolset("one", [whose], {Handle: PerTenant(make)})) as tools:
        user.set("ann")
        assert await tools["whose"].call({}, CONTEXT) == "acme of nobody"


async def test_tenants_values_that_cannot_be_closed_keep_no_other_open_and_are_named() -> None:
    closed: list[str] = []

    async def make(tenant: str) -> AsyncGenerator[Handle]:
        yield Handle(Database("main"), tenant)
        closed.append(tenant)
        if tenant == "a":
            raise OSError("password=secret")

    toolset = FunctionToolset("crm", [whose], {Handle: PerTenant(make)})
    (one,) = await toolset.open()
    for tenant in ("a", "b"):
        await one.call({}, ToolContext(tenant=tenant))
    with pytest.raises(ToolError, match=r"^toolset 'crm': Handle cannot be closed: OSError; look into its provider$"):
        await toolset.close()
    assert closed == ["a", "b"]


async def test_one_that_could_not_be_closed_when_it_was_let_go_is_told_of_at_the_end() -> None:
    gone = asyncio.Event()

    async def make(tenant: str) -> AsyncGenerator[Handle]:
        yield Handle(Database("main"), tenant)
        if tenant == "a":
            gone.set()
            raise OSError("password=secret")

    toolset = FunctionToolset("crm", [whose], {Handle: PerTenant(make, keep=1)})
    (one,) = await toolset.open()
    for tenant in ("a", "b"):
        await one.call({}, ToolContext(tenant=tenant))
    await gone.wait()
    for tenant in ("c", "d"):
        await one.call({}, ToolContext(tenant=tenant))
    with pytest.raises(ToolError, match="Handle cannot be closed: OSError"):
        await toolset.close()
