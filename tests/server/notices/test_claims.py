"""Of several servers that find the same call waiting one tells of it, and when it dies another does."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from tests.journal.postgres.asking import ask
from tests.server.notices.receivers import SECRET, Receiver, receiving
from tests.server.notices.test_notices import ASKED, OPENED, came, running, settings, shown

from remit.core.errors import RemitError
from remit.policy.hosts import HostPolicy
from remit.server.access import PostgresAccessStore
from remit.server.notices import Claims, Notices, PostgresClaims, Webhook
from remit.server.notices.sending import Patience
from remit.tools.http import Egress

QUICK = Patience(timeout=5, first=0.01, longest=0.05, reading=0.1)
SESSIONS = [f"s{number}" for number in range(20)]


@contextlib.asynccontextmanager
async def telling(receiver: Receiver, claims: Claims | None) -> AsyncGenerator[Notices]:
    async def secret() -> str:
        return SECRET

    async with Egress(HostPolicy(allow=["127.0.0.1:*"])) as egress:
        notices = Notices(settings(), Webhook(receiver.url, secret, egress, patience=QUICK, claims=claims))
        async with running(notices):
            yield notices


def sent(*servers: Notices) -> float:
    return sum(one.measured(0)[0].samples[0].value for one in servers)


class Heeded:
    """Claims that say what became of each notice."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.ends: asyncio.Queue[int] = asyncio.Queue()
        """1 for what was told by the one that asked, 0 for what was found to be told already."""

    async def claim(self, notice: str, seconds: float) -> float | None:
        """See `Claims.claim`."""
        wait = await self._claims.claim(notice, seconds)
        if wait is None:
            self.ends.put_nowait(0)
        return wait

    async def told(self, notice: str) -> None:
        """See `Claims.told`."""
        try:
            await self._claims.told(notice)
        finally:
            self.ends.put_nowait(1)


async def test_each_is_told_once_by_the_whole_fleet_and_by_none_that_begins_later(url: str) -> None:
    stores = [PostgresAccessStore(url) for _ in range(3)]
    ours, theirs, later = (Heeded(PostgresClaims(store.lines)) for store in stores)
    theirs.ends = ours.ends
    with receiving() as receiver:
        async with telling(receiver, ours) as one, telling(receiver, theirs) as two:
            for session in SESSIONS:
                for server in (one, two):
                    shown(server, OPENED, ASKED, session=session)
            told = 0
            while told < len(SESSIONS):
                told += await asyncio.wait_for(ours.ends.get(), 20)
            assert sent(one, two) == len(SESSIONS)
        async with telling(receiver, later) as three:
            for session in SESSIONS:
                shown(three, OPENED, ASKED, session=session)
            assert not any([await asyncio.wait_for(later.ends.get(), 20) for _ in SESSIONS])
            assert sent(three) == 0
        assert sorted([(await came(receiver))["session"] for _ in SESSIONS]) == sorted(SESSIONS)
        assert receiver.came.empty()
    for store in stores:
        await store.close()


async def test_what_a_server_claimed_that_died_another_tells(url: str) -> None:
    store = PostgresAccessStore(url)
    dead, alive = PostgresClaims(store.lines), PostgresClaims(store.lines)
    assert await dead.claim("s-2", 60) == 0
    wait = await alive.claim("s-2", 60)
    assert wait is not None
    assert 50 < wait <= 60
    # Whoever has it goes on having it.
    assert await dead.claim("s-2", 60) == 0
    ask(url, "UPDATE remit.notices SET until = clock_timestamp()")
    assert await alive.claim("s-2", 60) == 0
    assert await dead.claim("s-2", 60) != 0
    await alive.told("s-2")
    assert await dead.claim("s-2", 60) is None
    await store.close()


class Lost:
    """Claims that can be made and not be settled."""

    async def claim(self, notice: str, seconds: float) -> float | None:
        """See `Claims.claim`."""
        return 0.0

    async def told(self, notice: str) -> None:
        """See `Claims.told`."""
        raise RemitError("the database is away")


class Away(Lost):
    """Claims that nobody can make for a while."""

    def __init__(self) -> None:
        self.asked = 0

    async def claim(self, notice: str, seconds: float) -> float | None:
        """See `Claims.claim`."""
        self.asked += 1
        if self.asked < 3:
            raise RemitError("the database is away")
        return 0.0


async def test_nothing_is_told_while_nobody_knows_whose_turn_it_is_and_all_of_it_afterwards() -> None:
    for claims, failed in ((Away(), 2), (Lost(), 0)):
        with receiving() as receiver:
            heeded = Heeded(claims)
            async with telling(receiver, heeded) as notices:
                shown(notices, OPENED, ASKED)
                assert (await came(receiver))["session"] == "s"
                await asyncio.wait_for(heeded.ends.get(), 20)
            assert [sample.value for sample in notices.measured(0)[0].samples] == [1, failed, 0]
