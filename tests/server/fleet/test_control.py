"""Orders between processes: who drives a session pauses it, whoever asks learns of it, and nothing hangs."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from random import Random

from tests.server.fleet.buses import Bus, End

from remit.server.fleet.control import ORDERS, Control


@dataclass
class Worker:
    """Drives some sessions."""

    drives: set[str] = field(default_factory=set[str])
    paused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    looked: int = 0

    def pause(self, session: str, why: str) -> bool:
        """See `Driver.pause`; what is paused is soon not driven any more."""
        if session not in self.drives:
            return False
        self.drives.discard(session)
        self.paused.append((session, why))
        return True

    def look(self) -> None:
        """Look at switches."""
        self.looked += 1


@contextlib.asynccontextmanager
async def fleet(bus: Bus, *workers: Worker) -> AsyncGenerator[list[Control]]:
    """Have some processes."""
    async with contextlib.AsyncExitStack() as leaving:
        yield [await leaving.enter_async_context(Control(End(bus), worker.pause, worker.look)) for worker in workers]
    assert not any(bus.ears.values())


async def test_who_drives_a_session_pauses_it_and_whoever_asked_learns_of_it() -> None:
    bus, asker, one, two = Bus(), Worker(), Worker({"a"}), Worker({"s", "b"})
    async with fleet(bus, asker, one, two) as (control, *_):
        assert await control.pause("s", "paused by ann")
        assert two.paused == [("s", "paused by ann")]
        assert one.paused == []


async def test_who_drives_it_here_needs_nobody_else() -> None:
    bus, asker, other = Bus(), Worker({"s"}), Worker({"s"})
    async with fleet(bus, asker, other) as (control, _):
        assert await control.pause("s", "why")
        assert bus.said == []


async def test_what_nobody_drives_is_not_paused() -> None:
    bus = Bus()
    async with fleet(bus, Worker(), Worker({"a"})) as (control, _):
        assert not await control.pause("s", "why", timeout=0.05)
        assert await asyncio.gather(control.pause("a", "why"), control.pause("s", "why", timeout=0.05)) == [True, False]


async def test_an_answer_that_was_lost_is_given_again() -> None:
    bus, worker = Bus(), Worker({"s"})
    async with fleet(bus, Worker(), worker) as (control, _):
        bus.cut = lambda channel: channel != ORDERS and len(bus.said) < 3
        assert await control.pause("s", "why", timeout=30)
        assert worker.paused == [("s", "why")]


async def test_orders_get_through_a_bad_bus() -> None:
    bus = Bus(Random(3), loss=0.5)
    async with fleet(bus, Worker(), Worker({"s", "t"}), Worker({"u"})) as (control, *_):
        assert await asyncio.gather(*(control.pause(name, "why", timeout=30) for name in "stu")) == [True] * 3


async def test_a_long_reason_fits() -> None:
    worker = Worker({"s"})
    async with fleet(Bus(), Worker(), worker) as (control, _):
        assert await control.pause("s", "\u00e4" * 100_000)
        [(_, why)] = worker.paused
        assert why == "\u00e4" * 1000


async def test_all_others_look_at_their_switches_when_one_says_so_and_when_they_begin_to_hear() -> None:
    asker, one, two = Worker(), Worker(), Worker()
    async with fleet(Bus(), asker, one, two) as (control, *_):
        await asyncio.sleep(0)
        assert [worker.looked for worker in (asker, one, two)] == [1, 1, 1]
        control.look()
        await asyncio.sleep(0.01)
        assert [worker.looked for worker in (asker, one, two)] == [1, 2, 2]


async def test_strangers_orders_are_not_obeyed() -> None:
    bus, worker = Bus(), Worker({"s"})
    async with fleet(bus, worker):
        for payload in ("", "{}", '["end"]', '["pause", 1]', "[]"):
            End(bus).say(ORDERS, payload)
        await asyncio.sleep(0.01)
        assert worker.paused == []


async def test_what_was_obeyed_is_forgotten_in_time() -> None:
    worker = Worker({f"s{number}" for number in range(1500)})
    async with fleet(Bus(), Worker(), worker) as (control, _):
        for number in range(1500):
            assert await control.pause(f"s{number}", "why")
