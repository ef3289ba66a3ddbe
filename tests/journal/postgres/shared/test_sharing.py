"""Sharing: what one worker learns stops all, nobody starves, and without a database nobody takes what is not theirs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from tests.journal.postgres.asking import ask
from tests.journal.postgres.server import Server

from remit.core.errors import JournalError, RateLimitError
from remit.core.limits import Flow
from remit.core.ports import Turn
from remit.core.toolspec import ToolSpec
from remit.journal.postgres import Address, Patience, migrate
from remit.journal.postgres.shared import ROOM, Share, Sharing
from remit.models.wrappers.rate_limited import Pace, SharedRate
from remit.policy import Tolerance
from remit.policy.shared_breaker import SharedBreakers
from remit.runtime import Traffic

QUICK = Tolerance(failures=1, cooldown=0.5, lease=30)
Made = Callable[..., Sharing]


@pytest_asyncio.fixture
async def sharing(url: str) -> AsyncIterator[Made]:
    """Makes workers of one database, each with a clock of its own that shows another time."""
    made: list[Sharing] = []

    def make(patience: Patience | None = None, at: str = "") -> Sharing:
        skew = 1e6 * len(made)
        made.append(Sharing(Address.of(at or url), patience=patience, clock=lambda: time.monotonic() + skew))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is."""
    async with asyncio.timeout(30):
        # What is waited for happens over there.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def fail(breakers: SharedBreakers, name: str = "t") -> None:
    entered = breakers.enter(name)
    assert not isinstance(entered, str)
    entered.report(ok=False)


def rate_of(pace: Pace, sharing: Sharing) -> SharedRate:
    return SharedRate(pace, lambda bounds: sharing.share("pace/x", bounds))


async def endlessly(rate: SharedRate) -> None:
    """Take and give back, until that is refused."""
    async with asyncio.timeout(20):
        while True:
            await rate.take(10)
            rate.give_back(10)
            await asyncio.sleep(0.01)


def spec(flow: Flow) -> ToolSpec:
    return ToolSpec(name="act", description="", schema={}, flow=flow)


def taken(turn: Turn | str) -> Turn:
    assert not isinstance(turn, str), turn
    return turn


# -- circuits ----------------------------------------------------------------------------------------------------------


async def test_a_circuit_that_opens_at_one_worker_is_open_at_all_and_a_success_closes_it_for_all(
    sharing: Made,
) -> None:
    fleet = [sharing().breakers(QUICK) for _ in range(3)]
    for breakers in fleet:
        assert not isinstance(breakers.enter("t"), str)
    fail(fleet[0])
    assert isinstance(fleet[0].enter("t"), str)
    # Who was refused may have the probe ready before the last of them has looked.
    await until(lambda: all(breakers.snapshot()["t"].state != "closed" for breakers in fleet))
    probes: list[int] = []

    def somebody_probes() -> bool:
        for number, breakers in enumerate(fleet):
            if not isinstance(entered := breakers.enter("t"), str):
                probes.append(number)
                asyncio.get_running_loop().call_later(0.2, lambda: entered.report(ok=True))
                return True
        return False

    await until(somebody_probes)
    assert not somebody_probes(), "a second probe"
    await until(lambda: all(breakers.snapshot()["t"].state == "closed" for breakers in fleet))
    assert len(probes) == 1


async def test_a_process_that_calls_nothing_shows_the_circuits_of_all(sharing: Made) -> None:
    worker, replica = sharing().breakers(QUICK), sharing().breakers(QUICK)
    fail(worker, "host:api")
    assert replica.snapshot() == {}
    await until(lambda: "host:api" in replica.snapshot())
    assert replica.snapshot()["host:api"].state == "open"


async def test_what_a_worker_that_ends_has_seen_is_told_before_it_is_gone(sharing: Made, url: str) -> None:
    ending = sharing()
    fail(ending.breakers(QUICK))
    await ending.close()
    assert [tuple(row) for row in ask(url, "SELECT name, state FROM remit.circuits")] == [("t", "open")]


def test_where_no_loop_runs_circuits_are_shown_as_they_were_known_last(url: str) -> None:
    breakers = Sharing(Address.of(url)).breakers(QUICK)
    assert breakers.snapshot() == {}


# -- bounds ------------------------------------------------------------------------------------------------------------


async def test_what_is_used_rarely_is_asked_for_rarely(sharing: Made) -> None:
    one = sharing()
    share = one.share("pace/x", [(1000.0, 10_000.0)])
    for _ in range(200):
        assert await share.take([1.0], 10.0) is None
    assert one.exchanges < 50


async def test_a_quiet_worker_is_served_soon_beside_a_noisy_one(sharing: Made) -> None:
    noisy, quiet = sharing().share("pace/x", [(50.0, 5.0)]), sharing().share("pace/x", [(50.0, 5.0)])
    crowd = [asyncio.create_task(noisy.take([1.0], 60.0)) for _ in range(400)]
    await until(lambda: sum(task.done() for task in crowd) > 10)
    waits: list[float] = []
    for _ in range(5):
        began = time.monotonic()
        assert await quiet.take([1.0], 60.0) is None
        waits.append(time.monotonic() - began)
    # The others would take 8 seconds.
    assert not all(task.done() for task in crowd)
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert max(waits) < 4


async def test_what_a_worker_holds_and_does_not_use_goes_back_to_all(sharing: Made) -> None:
    patience = Patience(beat=0.1, life=60.0)
    first, second = (sharing(patience).share("pace/x", [(0.001, 10.0)]) for _ in range(2))
    for _ in range(3):
        assert await first.take([1.0], 1.0) is None
    first.give_back([2.0])
    assert await second.take([9.0], 3600.0 * 24) is None


async def test_what_a_closing_worker_holds_goes_back_at_once(sharing: Made) -> None:
    ending, other = sharing(), sharing()
    share = ending.share("room", [(ROOM, 1.0)])
    assert await share.take([1.0], 0.0) is None
    waiting = asyncio.create_task(share.take([1.0], 60.0))
    share.give_back([1.0])
    assert await waiting is None
    share.give_back([1.0])
    await ending.close()
    assert await other.share("room", [(ROOM, 1.0)]).take([1.0], 0.0) is None
    with pytest.raises(JournalError, match="closed"):
        await share.take([1.0], 0.0)


async def test_who_would_wait_too_long_is_refused_and_takes_nothing_with_them(sharing: Made) -> None:
    share = sharing().share("pace/x", [(0.1, 1.0)])
    assert await share.take([1.0], 1.0) is None
    waits = await asyncio.gather(*(share.take([1.0], 1.0) for _ in range(3)))
    assert all(wait is not None and wait > 8 for wait in waits)
    assert share.waiting == 0


async def test_who_is_cancelled_leaves_the_queue_and_takes_nothing(sharing: Made) -> None:
    share = sharing().share("room", [(ROOM, 1.0)])
    assert await share.take([1.0], 1.0) is None
    tasks = [asyncio.create_task(share.take([1.0], 60.0)) for _ in range(3)]
    await until(lambda: share.waiting == 3)
    tasks[0].cancel()
    share.give_back([1.0])
    tasks[1].cancel()
    assert await tasks[2] is None
    await asyncio.gather(*tasks, return_exceptions=True)
    share.give_back([1.0])
    assert await share.take([1.0], 1.0) is None


async def test_the_wish_of_a_provider_stops_those_elsewhere(sharing: Made) -> None:
    pace = Pace(requests=60_000, patience=5.0)
    rates = [rate_of(pace, sharing()) for _ in range(2)]
    for rate in rates:
        await rate.take(10)
    rates[0].pause(30.0)
    with pytest.raises(RateLimitError, match="nobody waits longer than 5 s here") as raised:
        await endlessly(rates[1])
    assert raised.value.retry_after == pytest.approx(30, abs=10)
    with pytest.raises(RateLimitError):
        await rates[0].take(10)


async def test_tokens_beyond_the_estimate_are_missing_elsewhere(sharing: Made) -> None:
    pace = Pace(tokens=6000, burst=10.0, patience=5.0)
    rates = [rate_of(pace, sharing()) for _ in range(2)]
    await rates[0].take(100)
    rates[0].give_back(-5000)
    with pytest.raises(RateLimitError):
        await endlessly(rates[1])


# -- tools -------------------------------------------------------------------------------------------------------------


async def test_a_tool_is_called_at_the_rate_of_all_and_in_the_room_of_all(sharing: Made) -> None:
    flow = Flow(per_second=0.01, burst=2, at_once=1, wait=0.0)
    here, there = (Traffic(allot=sharing().share) for _ in range(2))
    first = taken(await here.take(spec(flow)))
    refusal = await there.take(spec(flow))
    assert refusal == (
        "`tool:act` is busy in all of the fleet: 1 at once and 0.01 a second, and no turn came within 0 s"
    )
    first.release()
    first.release()
    patient = Flow(per_second=0.01, burst=2, at_once=1, wait=20.0)
    taken(await there.take(spec(patient)))


async def test_a_flow_that_bounds_nothing_asks_nobody(sharing: Made) -> None:
    here = sharing()
    taken(await Traffic(allot=here.share).take(spec(Flow()))).release()
    assert here.exchanges == 0


# -- without a database ------------------------------------------------------------------------------------------------


async def test_while_the_database_is_away_circuits_stay_and_nobody_takes_what_was_not_granted(
    sharing: Made, server: Server
) -> None:
    await migrate(server.url)
    patience = Patience(statement=1.0, outage=0.5, beat=0.2, life=1.0)
    here = sharing(patience, server.url)
    breakers, share = here.breakers(QUICK), here.share("pace/x", [(1000.0, 100.0)])
    fail(breakers)
    assert await share.take([1.0], 1.0) is None
    await until(lambda: breakers.snapshot()["t"].state == "open")
    await until(lambda: not ask(server.url, "SELECT 1 FROM remit.circuits WHERE state = 'closed'"))
    server.kill()
    try:
        await asyncio.sleep(patience.life)
        assert await share.take([1.0], 0.1) is not None, "its grant is over"
        assert isinstance(breakers.enter("t"), str), "also when its cool-down is over"
    finally:
        server.start()
    assert await share.take([1.0], 60.0) is None
    await until(lambda: not isinstance(breakers.enter("t"), str))


def test_shares_of_one_name_in_a_process_are_one(url: str) -> None:
    here = Sharing(Address.of(url))
    share = here.share("x", [(1.0, 2.0)])
    assert isinstance(share, Share)
    assert here.share("x", [(1.0, 2.0)]) is share
    assert here.share("x", [(1.0, 3.0)]) is not share
