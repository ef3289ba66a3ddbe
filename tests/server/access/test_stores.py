"""One suite for every store of access; and what only files do."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from tests.journal.postgres.fixtures import emptied as empty

from remit.core.errors import ConfigError, RemitError
from remit.journal.postgres import migrate
from remit.server.access import (
    AccessStore,
    AuditRecord,
    Key,
    Login,
    MemoryAccessStore,
    PostgresAccessStore,
    Role,
    SqliteAccessStore,
)
from remit.server.switches import Switch

STORES: dict[str, Callable[[Path, str], AccessStore]] = {
    "memory": lambda path, url: MemoryAccessStore(),
    "sqlite": lambda path, url: SqliteAccessStore(path / "deep" / "home"),
    "postgres": lambda path, url: PostgresAccessStore(url),
}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AccessStore]:
    url = await emptied(request.getfixturevalue("database")) if request.param == "postgres" else ""
    made = STORES[request.param](tmp_path, url)
    yield made
    await made.close()


async def emptied(database: str) -> str:
    await migrate(database)
    empty(database)
    return database


def key(name: str, *, tenant: str = "acme", role: Role = "operator", made: int = 1) -> Key:
    return Key(id=name, digest=name.encode(), tenant=tenant, role=role, name=f"n-{name}", made=made, by="root")


def line(what: str, tenant: str = "acme") -> AuditRecord:
    return AuditRecord(at=5, allowed=False, what=what, tenant=tenant, peer="10.0.0.1")


async def test_a_key_is_given_back_as_it_was_kept(store: AccessStore) -> None:
    await store.keys.add(key("a"))
    assert await store.keys.get("a") == key("a")
    assert await store.keys.get("b") is None


async def test_keys_are_listed_by_tenant_oldest_first(store: AccessStore) -> None:
    for one in (key("b", made=2), key("a", made=3), key("c", tenant="other", made=1)):
        await store.keys.add(one)
    assert [one.id for one in await store.keys.all()] == ["c", "b", "a"]
    assert [one.id for one in await store.keys.all("acme")] == ["b", "a"]
    assert list(await store.keys.all("")) == []


async def test_a_key_that_ends_never_ends_later_than_it_did(store: AccessStore) -> None:
    await store.keys.add(key("a"))
    assert await store.keys.end("a", 50)
    assert await store.keys.end("a", 90)
    found = await store.keys.get("a")
    assert found is not None
    assert found.ends == 50
    assert await store.keys.end("a", 20)
    found = await store.keys.get("a")
    assert found is not None
    assert found.ends == 20
    assert not await store.keys.end("nobody", 1)


async def test_a_key_has_one_heir_however_many_rotate_it_at_once(store: AccessStore) -> None:
    await store.keys.add(key("a"))
    done = await asyncio.gather(*(store.keys.rotate("a", key(f"h{number}"), 70) for number in range(5)))
    assert sorted(done) == [False, False, False, False, True]
    heirs = [one for one in await store.keys.all() if one.id != "a"]
    old = await store.keys.get("a")
    assert old is not None
    assert (old.ends, old.heir) == (70, heirs[0].id)
    assert len(heirs) == 1, "a refused rotation keeps no key"


async def test_a_key_that_was_revoked_is_not_rotated(store: AccessStore) -> None:
    await store.keys.add(key("a"))
    await store.keys.end("a", 10)
    assert not await store.keys.rotate("a", key("h"), 70)
    assert not await store.keys.rotate("nobody", key("h"), 70)
    assert await store.keys.get("h") is None


async def test_the_last_use_of_a_key_never_goes_back(store: AccessStore) -> None:
    await store.keys.add(key("a"))
    for at in (30, 20):
        await store.keys.touch("a", at)
    await store.keys.touch("nobody", 1)
    found = await store.keys.get("a")
    assert found is not None
    assert found.used == 30


async def test_logins_are_found_seen_and_left(store: AccessStore) -> None:
    login = Login(digest=b"one", key="a", made=10, seen=10)
    await store.logins.begin(login, before=0)
    assert await store.logins.find(b"one") == login
    for at in (30, 20):
        await store.logins.seen(b"one", at)
    found = await store.logins.find(b"one")
    assert found is not None
    assert found.seen == 30
    await store.logins.leave(b"one")
    await store.logins.leave(b"one")
    await store.logins.seen(b"one", 40)
    assert await store.logins.find(b"one") is None


async def test_a_new_login_takes_the_old_ones_away(store: AccessStore) -> None:
    await store.logins.begin(Login(digest=b"old", key="a", made=10, seen=10), before=0)
    await store.logins.begin(Login(digest=b"new", key="a", made=90, seen=90), before=50)
    assert await store.logins.find(b"old") is None
    assert await store.logins.find(b"new") is not None


async def test_the_log_gives_lines_in_order_by_place_and_tenant(store: AccessStore) -> None:
    for number in range(6):
        await store.log.write(line(f"w{number}", "acme" if number % 2 else "other"))
    assert [(one.seq, one.what) for one in await store.log.read(after=4)] == [(5, "w4"), (6, "w5")]
    assert [one.what for one in await store.log.read(tenant="acme", limit=2)] == ["w1", "w3"]
    assert [one.what for one in await store.log.latest(limit=2)] == ["w4", "w5"]
    assert [one.what for one in await store.log.latest(tenant="other", limit=2)] == ["w2", "w4"]
    assert list(await store.log.latest(limit=0)) == []
    assert (await store.log.latest(limit=1))[0].peer == "10.0.0.1"


async def test_writers_at_once_lose_no_line(store: AccessStore) -> None:
    await asyncio.gather(*(store.log.write(line(str(number))) for number in range(20)))
    assert {one.what for one in await store.log.read()} == {str(number) for number in range(20)}


async def test_another_process_sees_at_once_that_a_key_was_revoked(tmp_path: Path) -> None:
    ours, theirs = SqliteAccessStore(tmp_path), SqliteAccessStore(tmp_path)
    await ours.keys.add(key("a"))
    assert (await theirs.keys.get("a")) == key("a")
    await theirs.keys.end("a", 9)
    found = await ours.keys.get("a")
    assert found is not None
    assert found.ends == 9
    await ours.close()
    await theirs.close()


async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    store = SqliteAccessStore(tmp_path)
    await store.keys.add(key("a"))
    found = modes(tmp_path)
    await store.close()
    assert set(found.values()) == {0o600}, found


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize(
    "change", ["UPDATE log SET tenant = 'x'", "DELETE FROM log", "REPLACE INTO log VALUES (1, 'x', '')"]
)
async def test_the_file_itself_refuses_to_change_a_line(tmp_path: Path, change: str) -> None:
    store = SqliteAccessStore(tmp_path)
    await store.log.write(line("w"))
    with sqlite3.connect(tmp_path / "audit.db") as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(change)
    db.close()
    assert [one.what for one in await store.log.read()] == ["w"]
    await store.close()


@pytest.mark.parametrize("name", ["access.db", "audit.db"])
async def test_a_file_of_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    with sqlite3.connect(tmp_path / name) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    with pytest.raises(ConfigError, match="something else"):
        SqliteAccessStore(tmp_path)


async def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    await SqliteAccessStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "access.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="newer"):
        SqliteAccessStore(tmp_path)


async def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "access.db").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(RemitError, match=r"access\.db.*; mend it, or move it away"):
        SqliteAccessStore(tmp_path)


async def test_a_place_that_is_no_folder_is_not_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text("agent = None\n")
    with pytest.raises(RemitError, match="see who owns it, or choose another --store"):
        SqliteAccessStore(tmp_path / "agent.py")


def switch(name: str, *, tenant: str = "acme", at: int = 5, reason: str = "it loops") -> Switch:
    return Switch(kind="agent", name=name, tenant=tenant, by="olga", at=at, reason=reason)


async def test_what_is_off_is_given_back_as_it_was_kept_oldest_first(store: AccessStore) -> None:
    later, first = switch("a", at=9), switch("b", at=3, tenant="other")
    assert await store.switches.put(later) == later
    await store.switches.put(first)
    assert list(await store.switches.all()) == [first, later]


async def test_what_is_off_stays_as_it_was_switched_first(store: AccessStore) -> None:
    first = switch("a")
    await store.switches.put(first)
    assert await store.switches.put(switch("a", at=90, reason="another")) == first
    assert list(await store.switches.all()) == [first]


async def test_what_is_on_again_is_forgotten_once_and_of_one_tenant_only(store: AccessStore) -> None:
    ours, theirs = switch("a"), switch("a", tenant="other")
    await store.switches.put(ours)
    await store.switches.put(theirs)
    assert await store.switches.take("acme", "tool", "a") is None
    assert await store.switches.take("acme", "agent", "a") == ours
    assert await store.switches.take("acme", "agent", "a") is None
    assert list(await store.switches.all()) == [theirs]


async def test_the_log_is_read_backwards_from_a_place(store: AccessStore) -> None:
    for number in range(6):
        await store.log.write(line(f"w{number}", "acme" if number % 2 else "other"))
    assert [one.what for one in await store.log.latest(limit=2, before=4)] == ["w1", "w2"]
    assert [one.what for one in await store.log.latest(limit=9, before=4, tenant="acme")] == ["w1"]
    assert list(await store.log.latest(before=1)) == []


async def test_a_file_of_the_first_schema_keeps_its_keys_and_learns_of_switches(tmp_path: Path) -> None:
    old = SqliteAccessStore(tmp_path)
    await old.keys.add(key("a"))
    await old.close()
    with sqlite3.connect(tmp_path / "access.db") as db:
        db.execute("DROP TABLE switches")
        db.execute("PRAGMA user_version = 1")
    db.close()
    store = SqliteAccessStore(tmp_path)
    assert await store.keys.get("a") == key("a")
    await store.switches.put(switch("a"))
    assert list(await store.switches.all()) == [switch("a")]
    await store.close()
