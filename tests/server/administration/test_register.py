"""The register: a tenant's keys, people and log, in pages that never skip or repeat a line."""

import pytest

from remit.core.values import now_ms
from remit.server.access import AuditRecord, Facts, Keys, MemoryAccessStore, Principal, Role
from remit.server.administration import Register, Wanted
from remit.server.service import RefusedError

FACTS = Facts(host="127.0.0.1", schemes=("local",))


def who(tenant: str = "acme", role: Role = "admin", key: str = "") -> Principal:
    return Principal(name="ann", tenant=tenant, role=role, key=key)


def register(store: MemoryAccessStore, *, strangers: bool = False) -> Register:
    return Register(Keys(store.keys), store.log, FACTS, strangers=strangers)


async def _write(store: MemoryAccessStore, count: int, tenant: str = "acme", what: str = "look") -> None:
    for number in range(count):
        record = AuditRecord(at=number, allowed=True, what=f"{what} {number}", name="ann", tenant=tenant)
        await store.log.write(record)


@pytest.mark.parametrize("limit", [1, 7, 500])
async def test_pages_of_the_log_have_each_line_once(limit: int) -> None:
    store = MemoryAccessStore()
    await _write(store, 120)
    await _write(store, 30, tenant="other")
    found, before = list[int](), 0
    while True:
        page = await register(store).lines(who(), Wanted(before=before, limit=limit))
        found += [line.seq for line in page.lines]
        if page.next is None:
            break
        before = page.next
    assert found == list(range(120, 0, -1))


async def test_what_is_rare_is_found_far_back_in_pages_that_may_be_empty() -> None:
    store = MemoryAccessStore()
    await _write(store, 1, what="needle")
    await _write(store, 5200)
    first = await register(store).lines(who(), Wanted(what="NEEDLE"))
    assert first.lines == ()
    assert first.next is not None
    second = await register(store).lines(who(), Wanted(what="needle", before=first.next))
    assert [line.what for line in second.lines] == ["needle 0"]
    assert second.next is None


async def test_strangers_are_shown_only_where_there_is_one_tenant() -> None:
    store = MemoryAccessStore()
    await store.log.write(AuditRecord(at=1, allowed=False, what="this key is not known", peer="10.0.0.9"))
    await _write(store, 1, tenant="other")
    assert (await register(store).lines(who(), Wanted())).lines == ()
    shown = (await register(store, strangers=True).lines(who(), Wanted())).lines
    assert [line.peer for line in shown] == ["10.0.0.9"]


async def test_nobody_has_a_say_over_keys_of_a_role_above_theirs() -> None:
    store = MemoryAccessStore()
    made = await register(store).make(who(), name="root", role="admin", days=None)
    below = who(role="developer")
    for act in (
        register(store).make(below, name="x", role="operator", days=1),
        register(store).rotate(below, made.key.id, hours=1),
        register(store).revoke(below, made.key.id),
    ):
        with pytest.raises(RefusedError, match="has no say"):
            await act
    assert [key.state for key in await register(store).keys(who())] == ["valid"]


async def test_it_is_said_when_the_key_of_who_asks_ends() -> None:
    store = MemoryAccessStore()
    made = await register(store).make(who(), name="ci", role="viewer", days=1)
    assert await register(store).expires(who(key=made.key.id)) == made.key.expires
    await register(store).rotate(who(), made.key.id, hours=1)
    soon = await register(store).expires(who(key=made.key.id))
    assert soon is not None
    assert soon <= now_ms() + 3_600_000
    assert await register(store).expires(who()) is None
    assert await register(store).expires(who(key="0123456789ab")) is None


async def test_names_that_no_key_can_have_are_refused_in_words() -> None:
    with pytest.raises(RefusedError, match="printable") as refused:
        await register(MemoryAccessStore()).make(who(), name=" ", role="viewer", days=1)
    assert refused.value.kind == "unfit"


async def test_people_are_known_by_their_keys_and_by_what_they_did() -> None:
    store = MemoryAccessStore()
    await register(store).make(who(), name="ci", role="viewer", days=1)
    await _write(store, 2)
    await _write(store, 2, tenant="other")
    known = await register(store).known(who())
    assert [(one.name, one.keys, one.seen) for one in known] == [("ann", 0, 1), ("ci", 1, None)]
