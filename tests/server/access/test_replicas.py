"""Replicas behind a load balancer are one server: what one was told, all of them know."""

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

import msgspec
import pytest
import pytest_asyncio
from tests.journal.postgres.asking import ask
from tests.server.access.replicas import Replica, first_key, replica
from tests.server.access.requests import asked
from tests.server.agents import acting, echo

from remit.core.agent import Agent
from remit.core.errors import RemitError
from remit.core.events import EffectEnded, RunEnded, RunSuspended
from remit.core.limits import Limits
from remit.core.ports import Reply, Request
from remit.core.values import now_ms
from remit.home import HANDED_BACK
from remit.journal.postgres import Address
from remit.journal.postgres.door import dial
from remit.server.access import (
    AccessSettings,
    AuditRecord,
    DeniedError,
    Keys,
    Pace,
    PaceStore,
    PostgresAccessStore,
    SharedPace,
    open_access,
)
from remit.server.access.cookies import CSRF_COOKIE, CSRF_HEADER
from remit.server.access.settings import PaceSettings
from remit.server.switches import Board
from remit.testing import EffectCounter, ScriptedModel, says, use

E = TypeVar("E")


@pytest_asyncio.fixture
async def admin(url: str) -> str:
    """The key of an administrator."""
    return await first_key(url)


@pytest_asyncio.fixture
async def pair(url: str, admin: str) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas, which look at switches for themselves every hour only."""
    async with replica(url, echo(), every=3600) as a, replica(url, echo(), every=3600) as b:
        yield a, b


async def test_a_key_made_at_one_is_good_at_the_other_and_no_more_once_it_is_revoked(
    pair: tuple[Replica, Replica], admin: str
) -> None:
    a, b = pair
    made = await a.good("POST", "/v1/keys", admin, {"name": "bob", "role": "viewer"})
    bob, number = made["secret"], made["key"]["id"]
    assert (await b.good("GET", "/v1/me", bob))["name"] == "bob"
    assert (await a.good("GET", "/v1/me", bob))["name"] == "bob"
    await a.good("DELETE", f"/v1/keys/{number}", admin)
    for one in (a, b):
        assert (await one.ask("GET", "/v1/me", bob)).status_code == 401


async def test_a_key_is_rotated_once_whichever_replica_is_asked(pair: tuple[Replica, Replica], admin: str) -> None:
    a, b = pair
    made = await a.good("POST", "/v1/keys", admin, {"name": "bob", "role": "viewer"})
    path = f"/v1/keys/{made['key']['id']}/rotate"
    answers = await asyncio.gather(*(one.ask("POST", path, admin, {"grace_hours": 0}) for one in (a, b, a, b)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409], [one.text for one in answers]
    heir = next(answer for answer in answers if answer.status_code == 201).json()["secret"]
    assert (await b.ask("GET", "/v1/me", made["secret"])).status_code == 401
    assert (await b.good("GET", "/v1/me", heir))["name"] == "bob"


async def test_what_is_kept_of_a_key_opens_nothing(url: str, admin: str) -> None:
    kept = repr(ask(url, "SELECT * FROM remit.keys"))
    assert admin.split("_")[2] not in kept


async def test_a_cookie_of_one_is_good_at_the_other_with_its_token_and_until_somebody_leaves(
    pair: tuple[Replica, Replica], admin: str
) -> None:
    a, b = pair
    entered = await a.client.post("/login", data={"key": admin})
    assert entered.status_code == 303
    given = dict(entered.cookies)
    shown = {"Cookie": "; ".join(f"{name}={value}" for name, value in given.items())}
    me = await b.ask("GET", "/v1/me", **shown)
    assert (me.status_code, me.json()["how"]) == (200, "cookie")
    wish = {"agent": "echo", "text": "hi"}
    assert (await b.ask("POST", "/v1/sessions", body=wish, **shown)).status_code == 403
    forged = {**shown, CSRF_HEADER: "0" * 64}
    assert (await b.ask("POST", "/v1/sessions", body=wish, **forged)).status_code == 403
    good = {**shown, CSRF_HEADER: given[CSRF_COOKIE]}
    assert (await b.ask("POST", "/v1/sessions", body=wish, **good)).status_code == 201
    left = await b.client.post("/logout", data={"csrf": given[CSRF_COOKIE]}, headers=shown)
    assert left.status_code == 303
    for one in (a, b):
        assert (await one.ask("GET", "/v1/me", **shown)).status_code == 401


async def test_what_one_switches_off_no_other_begins(pair: tuple[Replica, Replica], admin: str) -> None:
    a, b = pair
    heard = asyncio.Event()
    b.board.watch(heard.set)
    await a.good("POST", "/v1/switches", admin, {"kind": "agent", "name": "echo", "reason": "it loops"})
    await asyncio.wait_for(heard.wait(), 20)
    refused = await b.ask("POST", "/v1/sessions", admin, {"agent": "echo", "text": "hi"})
    assert (refused.status_code, "it loops" in refused.text) == (503, True)
    heard.clear()
    await b.good("DELETE", "/v1/switches?kind=agent&name=echo", admin)
    assert heard.is_set()
    assert await a.store.switches.all() == []


async def test_a_switch_is_found_although_nobody_told_of_it(url: str) -> None:
    ours, theirs = PostgresAccessStore(url), PostgresAccessStore(url)
    async with Board(ours.switches, every=0.01).kept() as board:
        heard = asyncio.Event()
        board.watch(heard.set)
        ask(url, "INSERT INTO remit.switches VALUES ('acme', 'tool', 'refund', 'olga', 1, '')")
        await asyncio.wait_for(heard.wait(), 20)
        heard.clear()
        # The connection that listens is cut; the next one hears again.
        ask(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
            "AND datname = current_database()")  # fmt: skip
        await Board(theirs.switches).switch_on("acme", "tool", "refund")
        await asyncio.wait_for(heard.wait(), 20)
        assert board.off("acme", "tool", "refund") is None
    await ours.close()
    await theirs.close()


async def test_the_log_is_one_and_says_what_was_done_at_any_of_them(pair: tuple[Replica, Replica], admin: str) -> None:
    a, b = pair
    made = await a.good("POST", "/v1/keys", admin, {"name": "bob", "role": "viewer"})
    assert (await b.ask("POST", "/v1/keys", made["secret"], {"name": "eve"})).status_code == 403
    assert (await b.ask("GET", "/v1/me", "remit_000000000000_" + "0" * 64)).status_code == 401
    for one in (a, b):
        lines = (await one.good("GET", "/v1/audit", admin))["lines"]
        assert ("bob", False, "/v1/keys") in [(line["name"], line["allowed"], line["path"]) for line in lines]
        assert any(line["what"].startswith("keys new") or line["path"] == "/v1/keys" for line in lines)
    numbers = [line.seq for line in await a.store.log.read()]
    assert numbers == list(range(1, len(numbers) + 1))
    # Who is nobody is in no tenant's list, and still in the log.
    assert any(not line.name for line in await b.store.log.read())


async def test_a_tenant_sees_nothing_of_another_at_any_replica(
    pair: tuple[Replica, Replica], url: str, admin: str
) -> None:
    a, b = pair
    stranger = await first_key(url, tenant="other", name="oscar")
    made = await a.good("POST", "/v1/keys", admin, {"name": "bob", "role": "viewer"})
    session = (await a.good("POST", "/v1/sessions", admin, {"agent": "echo", "text": "hi"}))["id"]
    await a.good("POST", "/v1/switches", admin, {"kind": "agent", "name": "echo"})
    assert [one["name"] for one in (await b.good("GET", "/v1/keys", stranger))["keys"]] == ["oscar"]
    assert (await b.ask("DELETE", f"/v1/keys/{made['key']['id']}", stranger)).status_code == 404
    assert (await b.ask("GET", f"/v1/sessions/{session}", stranger)).status_code == 404
    assert (await b.good("GET", "/v1/switches", stranger))["switches"] == []
    assert (await b.ask("DELETE", "/v1/switches?kind=agent&name=echo", stranger)).status_code == 404
    assert all(line["name"] == "oscar" for line in (await b.good("GET", "/v1/audit", stranger))["lines"])
    assert (await b.ask("GET", "/v1/me", made["secret"])).status_code == 200


class Settling:
    """A store of paces that says when it was settled with."""

    def __init__(self, store: PaceStore) -> None:
        self._store, self.settled = store, asyncio.Event()

    async def settle(self, taken: Mapping[str, int], *, per_second: float, burst: float) -> Mapping[str, float]:
        """See `PaceStore.settle`."""
        levels = await self._store.settle(taken, per_second=per_second, burst=burst)
        # Whoever waits goes on once the levels are taken in.
        asyncio.get_running_loop().call_soon(self.settled.set)
        return levels


async def test_how_often_a_key_may_ask_counts_at_all_replicas_together(url: str, admin: str) -> None:
    slow = AccessSettings(required=True, requests=PaceSettings(per_second=0.001, burst=10))
    for comes, allowed in ((10, 10), (2, 1)):
        store = PostgresAccessStore(url)
        store.paces = settling = Settling(store.paces)
        opened = await open_access(store, slow, host="127.0.0.1")
        given = 0
        for _ in range(comes):
            with contextlib.suppress(DeniedError):
                given += (await opened.access.identify(asked(authorization=f"Bearer {admin}"))).name == "ann"
            if not settling.settled.is_set() and given == allowed:
                await asyncio.wait_for(settling.settled.wait(), 20)
        # The second has a full bucket of its own, until it has heard that the first gave all there was.
        assert given == allowed
        await opened.access.close()
        await store.close()


async def test_servers_that_settle_give_together_what_the_pace_says(url: str) -> None:
    now = [0.0]
    stores = [PostgresAccessStore(url) for _ in range(3)]
    paces = [Pace(0.0001, 12, clock=lambda: now[0]) for _ in stores]
    given = 0
    for _ in range(12):
        for pace, store in zip(paces, stores, strict=True):
            given += pace.take("ann") == 0
            await pace.settle(store.paces)
    # Each settles before the next takes, so nobody is given what another has had, but the first of each.
    assert 12 <= given <= 14
    for store in stores:
        await store.close()


async def test_a_server_that_cannot_settle_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    tried = asyncio.Event()

    class Away:
        async def settle(self, taken: object, *, per_second: float, burst: float) -> dict[str, float]:
            tried.set()
            raise RemitError("it is away")

    pace = SharedPace(Pace(0.0001, 2), Away(), every=0.001)
    assert [pace.take("ann") == 0 for _ in range(3)] == [True, True, False]
    await tried.wait()
    await pace.close()
    assert pace.take("ann") > 0
    assert "it is away" in caplog.text
    await pace.close()


@pytest.mark.parametrize("change", ["UPDATE remit.audit SET tenant = 'x'", "DELETE FROM remit.audit"])
async def test_the_database_itself_refuses_to_change_a_line(url: str, change: str) -> None:
    store = PostgresAccessStore(url)
    await store.log.write(AuditRecord(at=1, allowed=True, what="w"))
    with pytest.raises(Exception, match="append-only"):
        ask(url, change)
    assert [one.what for one in await store.log.read()] == ["w"]
    await store.close()


async def test_numbers_of_the_log_go_on_after_its_lines_were_moved_away(url: str) -> None:
    store = PostgresAccessStore(url)
    await store.log.write(AuditRecord(at=1, allowed=True, what="old"))
    ask(url, "TRUNCATE remit.audit")
    await store.log.write(AuditRecord(at=1, allowed=True, what="new"))
    assert [(one.seq, one.what) for one in await store.log.read()] == [(2, "new")]
    await store.close()


async def test_what_no_database_can_hold_is_no_key_and_no_switch(url: str) -> None:
    store = PostgresAccessStore(url)
    assert await store.keys.get("a\0") is None
    assert await store.keys.all("a\0") == []
    assert not await store.keys.end("a\0", 1)
    assert await store.switches.take("acme", "tool", "a\0") is None
    assert list(await store.log.read(tenant="a\0")) == []
    await store.log.write(AuditRecord(at=1, allowed=False, what="w\0", tenant="a\0"))
    assert [one.tenant for one in await store.log.read()] == ["a\0"]
    await store.close()


async def test_a_key_that_was_revoked_is_not_good_where_a_clock_is_slow_or_fast(url: str, admin: str) -> None:
    for revoking, asking in ((0, -600_000), (600_000, 0)):
        ours = PostgresAccessStore(url, clock=lambda ahead=revoking: now_ms() + ahead)
        theirs = PostgresAccessStore(url, clock=lambda ahead=asking: now_ms() + ahead)
        here, there = Keys(ours.keys, clock=ours.now), Keys(theirs.keys, clock=theirs.now)
        key, text = await here.new(tenant="acme", role="viewer", name="bob")
        assert (await there.open(text)).id == key.id
        await here.revoke(key.id)
        with pytest.raises(DeniedError):
            await there.open(text)
        await ours.close()
        await theirs.close()


async def test_who_has_read_the_log_to_a_line_finds_none_before_it_later(url: str) -> None:
    store, line = PostgresAccessStore(url), await dial(Address.of(url), 10)
    await store.log.write(AuditRecord(at=1, allowed=True, what="old"))
    await line.execute("BEGIN")
    first = msgspec.json.encode(AuditRecord(at=1, allowed=True, what="first"))
    await line.fetch("SELECT remit.audit_1($1::uuid[], $2::text[], $3::bytea[])", [uuid.uuid4()], [""], [first])
    others = [PostgresAccessStore(url) for _ in range(3)]
    later = asyncio.gather(*(one.log.write(AuditRecord(at=2, allowed=True, what="later")) for one in others))
    async with asyncio.timeout(20):
        # Until they stand behind the first.
        waits = 0
        while waits < len(others):
            waits = len(await asyncio.to_thread(ask, url, "SELECT true FROM pg_locks WHERE NOT granted"))
    assert [one.what for one in await store.log.read()] == ["old"]
    await line.execute("COMMIT")
    await later
    numbered = [(one.seq, one.what) for one in await store.log.read(after=1)]
    assert numbered == [(2, "first"), (3, "later"), (4, "later"), (5, "later")]
    await line.close()
    for one in others:
        await one.close()
    await store.close()


async def test_what_one_switches_off_stops_what_another_drives_and_its_tools(url: str, admin: str) -> None:
    effect, paid = EffectCounter(pause=0.002), EffectCounter()
    agents = (runaway(effect), acting(paid))
    async with replica(url, *agents, every=3600) as a, replica(url, *agents, every=3600) as b:
        heard = asyncio.Event()
        b.board.watch(heard.set)
        session = (await b.good("POST", "/v1/sessions", admin, {"agent": "runaway", "text": "go"}))["id"]
        await until(b, session, EffectEnded)
        await a.good("POST", "/v1/switches", admin, {"kind": "agent", "name": "runaway"})
        suspended = await until(b, session, RunSuspended)
        assert suspended.question == HANDED_BACK
        called = len(effect.called())
        await asyncio.wait_for(heard.wait(), 20)
        heard.clear()
        await a.good("POST", "/v1/switches", admin, {"kind": "tool", "name": "effect"})
        await asyncio.wait_for(heard.wait(), 20)
        other = (await b.good("POST", "/v1/sessions", admin, {"agent": "clerk", "text": "go"}))["id"]
        await until(b, other, RunEnded)
        assert paid.called() == []
        assert len(effect.called()) == called


def runaway(effect: EffectCounter) -> Agent:
    def turn(_: Request) -> Reply:
        return says("", use("effect"))

    model = ScriptedModel(itertools.repeat(turn))
    return Agent("runaway", model, tools=[effect], limits=Limits(steps=100_000), detectors=())


async def until(one: Replica, session: str, kind: type[E]) -> E:
    async with asyncio.timeout(60):
        async for record in one.home.store.follow(session):
            if isinstance(record.event, kind):
                return record.event
    raise AssertionError(kind)
