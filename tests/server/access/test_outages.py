"""The database is killed and comes back: meanwhile nobody is let in and everybody is told when to come again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import pytest
import pytest_asyncio
from tests.journal.postgres.asking import ask
from tests.journal.postgres.proxy import Proxy
from tests.journal.postgres.server import Server
from tests.server.access.replicas import SHORT, Replica, first_key, replica
from tests.server.agents import echo

from remit.core.errors import JournalBusyError, JournalError
from remit.journal.postgres import migrate
from remit.server.access import AuditRecord, Key, PostgresAccessStore
from remit.server.access.cookies import CSRF_COOKIE, CSRF_HEADER
from remit.server.switches import Switch

T = TypeVar("T")

UNKNOWN = "remit_000000000000_" + "0" * 64


@pytest_asyncio.fixture
async def admin(server: Server) -> str:
    """The key of an administrator, in an empty store on the server that will be killed."""
    ask(server.url, "DROP SCHEMA IF EXISTS remit CASCADE", "DROP SCHEMA IF EXISTS remit_queue CASCADE")
    await migrate(server.url)
    return await first_key(server.url)


async def _statuses(one: Replica, key: str, cookie: dict[str, str]) -> list[int]:
    """Ask in all the ways there are, also to change something."""
    answers = await asyncio.gather(
        one.ask("GET", "/v1/me", key),
        one.ask("GET", "/v1/me", UNKNOWN),
        one.ask("GET", "/v1/me"),
        one.ask("GET", "/v1/me", **cookie),
        one.ask("POST", "/v1/keys", key, {"name": "eve", "role": "admin"}),
        one.ask("POST", "/v1/sessions", body={"agent": "echo", "text": "hi"}, **cookie),
        one.ask("POST", "/v1/switches", key, {"kind": "agent", "name": "echo"}),
        one.client.post("/login", data={"key": key}),
    )
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert all("127.0.0.1" not in answer.text for answer in answers), "where the database is, is nobody's business"
    return [answer.status_code for answer in answers]


async def test_without_the_database_nobody_is_let_in_and_with_it_all_goes_on(server: Server, admin: str) -> None:
    async with replica(server.url, echo(), every=0.05) as a, replica(server.url, echo(), every=0.05) as b:
        entered = dict((await a.client.post("/login", data={"key": admin})).cookies)
        a.client.cookies.clear()
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in entered.items())}
        cookie[CSRF_HEADER] = entered[CSRF_COOKIE]
        made = await a.good("POST", "/v1/keys", admin, {"name": "bob", "role": "admin"})
        await a.good("DELETE", f"/v1/keys/{made['key']['id']}", admin)
        await a.good(
            "POST", "/v1/switches", admin, {"kind": "tool", "name": "gone"} | {"name": "acme", "kind": "tenant"}
        )
        await b.board.look()
        await asyncio.to_thread(server.kill)
        try:
            for one in (a, b):
                assert await _statuses(one, admin, cookie) == [503] * 8
                # What is known to be off stays off.
                assert one.board.held("acme", "echo") is not None
        finally:
            await asyncio.to_thread(server.start)
        await a.good("DELETE", "/v1/switches?kind=tenant&name=acme", admin)
        await b.board.look()
        for one in (a, b):
            assert (await one.good("GET", "/v1/me", admin))["name"] == "ann"
            assert (await one.ask("GET", "/v1/me", made["secret"])).status_code == 401
            assert (await one.ask("GET", "/v1/me", **cookie)).status_code == 200
            wish = {"agent": "echo", "text": "hi"}
            assert (await one.ask("POST", "/v1/sessions", body=wish, **cookie)).status_code == 201
        assert {one["name"] for one in (await b.good("GET", "/v1/keys", admin))["keys"]} == {"ann", "bob"}
        numbers = [line.seq for line in await b.store.log.read()]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_many_who_wait_at_the_door_are_all_told_soon(server: Server, admin: str) -> None:
    store = PostgresAccessStore(server.url, patience=SHORT)
    await asyncio.to_thread(server.kill)
    try:
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(store.keys.get("a") for _ in range(200)), return_exceptions=True)
    finally:
        await asyncio.to_thread(server.start)
    assert all(isinstance(answer, JournalBusyError) for answer in answers)
    await store.close()


async def test_what_was_done_and_whose_answer_was_lost_is_done_once_and_said_to_be(url: str) -> None:
    async with Proxy(url) as proxy:
        store = PostgresAccessStore(proxy.url)

        async def done(ask: Callable[[str], Awaitable[T]]) -> T:
            # Once before, so that the statement is prepared and the answer to it is what is lost.
            await ask("first")
            proxy.losing = True
            answer = await ask("lost")
            assert not proxy.losing
            return answer

        await done(lambda name: store.log.write(AuditRecord(at=1, allowed=True, what=name)))
        assert [one.what for one in await store.log.read()] == ["first", "lost"]
        await done(lambda name: store.keys.add(made(name)))
        assert await done(lambda name: store.keys.rotate(name, made(f"heir of {name}"), 5))
        assert not await store.keys.rotate("lost", made("another"), 5)
        assert {one.id: one.heir for one in await store.keys.all()} == {
            "first": "heir of first", "lost": "heir of lost", "heir of first": "", "heir of lost": "",
        }  # fmt: skip
        assert (await done(lambda name: store.switches.put(off(name)))) == off("lost")
        assert (await done(lambda name: store.switches.take("acme", "tool", name))) == off("lost")
        assert list(await store.switches.all()) == []
        assert proxy.lost == 5
        await store.close()


def off(name: str) -> Switch:
    return Switch(kind="tool", name=name, tenant="acme", by="olga", at=1)


def made(name: str) -> Key:
    return Key(id=name, digest=name.encode(), tenant="acme", role="viewer", name="n", made=1)


async def test_two_keys_never_have_one_id(url: str) -> None:
    store = PostgresAccessStore(url)
    await store.keys.add(made("a"))
    await store.keys.add(made("b"))
    other = msgspec.structs.replace(made("a"), digest=b"other")
    with pytest.raises(JournalError):
        await store.keys.add(other)
    with pytest.raises(JournalError):
        await store.keys.rotate("b", other, 5)
    assert [(one.id, one.digest, one.heir) for one in await store.keys.all()] == [("a", b"a", ""), ("b", b"b", "")]
    await store.close()
