"""The board says at once what is off, agrees with the store, and tells of what changes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from remit.core.errors import RemitError
from remit.core.messages import Call
from remit.core.ports import ToolSpec
from remit.core.state import State
from remit.server.access import MemoryAccessStore, SqliteAccessStore
from remit.server.switches import Board, Switch, Switchable, SwitchedOff
from remit.testing.journals import session_opened


async def test_what_is_off_is_off_for_its_tenant_and_kind_only() -> None:
    board = Board(MemoryAccessStore().switches)
    made = await board.switch_off("acme", "agent", "clerk", by="olga", reason="it loops")
    assert made.why == "agent 'clerk' was switched off by olga: it loops"
    assert board.off("acme", "agent", "clerk") == board.held("acme", "clerk") == made
    assert board.off("acme", "tool", "clerk") is None
    assert board.off("other", "agent", "clerk") is None
    assert board.held("acme", "another") is None
    assert await board.switch_on("acme", "agent", "clerk") == made
    assert await board.switch_on("acme", "agent", "clerk") is None
    assert board.of("acme") == ()


async def test_a_tenant_that_is_off_holds_all_its_agents_back() -> None:
    board = Board(MemoryAccessStore().switches)
    made = await board.switch_off("acme", "tenant", "acme", by="olga")
    assert made.why == "tenant 'acme' was switched off by olga"
    assert board.held("acme", "whoever") == made
    assert board.held("other", "whoever") is None


async def test_another_process_is_heard_of_and_told_on_once(tmp_path: Path) -> None:
    ours, theirs = SqliteAccessStore(tmp_path), SqliteAccessStore(tmp_path)
    changed, told = asyncio.Event(), list[str]()
    async with Board(ours.switches, every=0.01).kept() as board, Board(theirs.switches).kept() as other:

        def tell() -> None:
            told.append(",".join(one.name for one in board.of("acme")))
            changed.set()

        board.watch(tell)
        await other.switch_off("acme", "tool", "refund", by="olga")
        await changed.wait()
        changed.clear()
        await other.switch_on("acme", "tool", "refund")
        await changed.wait()
    assert told == ["refund", ""]
    await ours.close()
    await theirs.close()


class Broken:
    """A store that can be read once."""

    def __init__(self) -> None:
        self.reads = 0
        self.tried = asyncio.Event()

    async def put(self, switch: Switch) -> Switch:
        return switch

    async def take(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        return None

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def all(self) -> Sequence[Switch]:
        self.reads += 1
        if self.reads > 1:
            self.tried.set()
            raise RemitError("the disk is gone")
        return [Switch(kind="tool", name="refund", tenant="acme", by="olga", at=1)]


async def test_what_is_off_stays_off_while_the_store_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    store = Broken()
    async with Board(store, every=0.001).kept() as board:
        await store.tried.wait()
        await asyncio.sleep(0)
        assert board.off("acme", "tool", "refund") is not None
    assert "cannot look" in caplog.text


async def test_a_board_that_cannot_be_read_at_the_start_does_not_open() -> None:
    store = Broken()
    store.reads = 1
    with pytest.raises(RemitError):
        async with Board(store).kept():
            raise AssertionError


async def test_the_guard_denies_with_who_and_why_and_has_no_say_over_what_is_on() -> None:
    board = Board(MemoryAccessStore().switches)
    guard = SwitchedOff(board)
    refund, spec = Call("refund", {}, "c1"), ToolSpec(name="refund", description="", schema={}, effect="once")
    state = State.fold([session_opened("clerk", "acme")])
    assert guard.check(refund, spec, state).kind == "allow"
    await board.switch_off("acme", "tool", "refund", by="olga", reason="wrong amounts")
    verdict = guard.check(refund, spec, state)
    assert (verdict.kind, verdict.reason) == ("deny", "tool 'refund' was switched off by olga: wrong amounts")
    assert guard.check(refund, spec, State.fold([session_opened("clerk", "other")])).kind == "allow"
    # What a strategy is told before it begins must not depend on it, or a replay would differ.
    assert guard.check(refund, spec, State()).kind == "allow"
