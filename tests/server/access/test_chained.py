"""Chained: one scheme after the other; who fails or comes too often waits; every refusal is written down."""

import pytest
from tests.server.access.clocks import Clock
from tests.server.access.requests import asked

from remit.server.access import (
    MAY,
    ROLES,
    Action,
    Asked,
    Chained,
    Cookies,
    DeniedError,
    Keys,
    MemoryAccessStore,
    Pace,
    Role,
)
from remit.server.access.paces import neighbourhood

ACTIONS: tuple[Action, ...] = ("look", "decide", "stop", "work", "administer")


class House:
    """Access with keys and cookies, and a clock that counts seconds."""

    def __init__(self, *, burst: int = 1000) -> None:
        self.clock, self.store = Clock(), MemoryAccessStore()
        self.keys = Keys(self.store.keys)
        self.cookies = Cookies(self.keys, self.store.logins, secure=False)
        self.access = Chained(
            [self.cookies, self.keys],
            self.store.log,
            requests=Pace(1, burst, clock=self.clock),
            failures=Pace(0.5, 2, clock=self.clock),
            clock=self.clock,
        )

    async def key(self, role: Role = "viewer", name: str = "ann") -> str:
        return (await self.keys.new(tenant="acme", role=role, name=name))[1]

    async def refused(self, request: Asked) -> DeniedError:
        with pytest.raises(DeniedError) as error:
            await self.access.identify(request)
        return error.value

    async def lines(self) -> list[tuple[str, int]]:
        return [(one.what, one.times) for one in await self.store.log.read()]


def with_key(text: str, peer: str = "10.0.0.1") -> Asked:
    return asked(peer=peer, authorization=f"Bearer {text}")


async def test_a_good_key_is_known_and_nothing_is_written_down() -> None:
    house = House()
    assert (await house.access.identify(with_key(await house.key()))).name == "ann"
    assert await house.lines() == []


async def test_a_cookie_comes_before_a_key() -> None:
    house = House()
    entered = await house.access.trying(asked("POST"), house.cookies.enter(asked("POST"), await house.key()))
    text = await house.key(name="bob")
    request = asked(cookie=entered.cookies[0].partition(";")[0], authorization=f"Bearer {text}")
    assert (await house.access.identify(request)).name == "ann"


async def test_nobody_known_is_told_how_to_say_who_they_are() -> None:
    house = House()
    error = await house.refused(asked(peer="10.0.0.1"))
    assert error.status == 401
    (line,) = await house.store.log.read()
    assert (line.what, line.allowed, line.peer, line.path, line.name) == (
        str(error), False, "10.0.0.1", "/v1/sessions", "",
    )  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_what_the_table_says_and_refusals_and_weighty_acts_are_written_down(role: Role) -> None:
    house = House()
    principal = await house.access.identify(with_key(await house.key(role)))
    for action in ACTIONS:
        if action in MAY[principal.role]:
            await house.access.permit(principal, action, asked("POST", "/x"))
        else:
            with pytest.raises(DeniedError) as error:
                await house.access.permit(principal, action, asked("POST", "/x"))
            assert error.value.status == 403
    written = {(one.what, one.allowed) for one in await house.store.log.read()}
    assert written == {
        (action, True) if action in MAY[principal.role] else (f"a {role} may not {action}", False)
        for action in ACTIONS
        if action in {"decide", "stop", "administer"} or action not in MAY[principal.role]
    }


async def test_who_asks_too_often_waits_and_others_do_not() -> None:
    house = House(burst=3)
    ann, bob = await house.key(), await house.key(name="bob")
    for _ in range(3):
        await house.access.identify(with_key(ann))
    error = await house.refused(with_key(ann))
    assert (error.status, error.retry_after) == (429, 1.0)
    await house.access.identify(with_key(bob))
    house.clock.now += 1
    await house.access.identify(with_key(ann))


async def test_failing_is_slowed_by_address_and_a_good_key_from_there_still_opens() -> None:
    house = House()
    statuses = [(await house.refused(with_key("remit_wrong"))).status for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    error = await house.refused(asked(peer="10.0.0.1"))
    assert (error.status, error.retry_after) == (429, 2.0)
    assert (await house.refused(with_key("remit_wrong", "10.0.0.2"))).status == 401
    assert (await house.access.identify(with_key(await house.key()))).name == "ann"
    house.clock.now += 2
    assert (await house.refused(with_key("remit_wrong"))).status == 401


async def test_pasting_wrong_keys_is_slowed_too() -> None:
    house = House()
    request = asked("POST", "/login", peer="10.0.0.1")
    for status in (401, 401, 429):
        with pytest.raises(DeniedError) as error:
            await house.access.trying(request, house.cookies.enter(request, "remit_wrong"))
        assert error.value.status == status


async def test_a_flood_is_counted_and_not_written_one_by_one() -> None:
    house = House()
    for _ in range(100):
        await house.refused(with_key("remit_wrong"))
    wrong = "this key is not known, or no longer valid"
    assert await house.lines() == [(wrong, 1)] * 3, "two that were answered, and the first that was not"
    house.clock.now += 61
    await house.refused(with_key("remit_wrong", "10.0.0.2"))
    assert await house.lines() == [(wrong, 1)] * 3 + [(wrong, 97), (wrong, 1)]


async def test_what_was_only_counted_is_written_when_it_closes() -> None:
    house = House(burst=1)
    ann = await house.key()
    await house.access.identify(with_key(ann))
    for _ in range(5):
        await house.refused(with_key(ann))
    assert await house.lines() == [("too many requests", 1)]
    await house.access.close()
    assert await house.lines() == [("too many requests", 1), ("too many requests", 4)]
    await house.access.close()
    assert len(await house.lines()) == 2


async def test_what_others_want_written_is_written() -> None:
    house = House()
    await house.access.audit(None, asked(), "login", allowed=True)
    assert await house.lines() == [("login", 1)]


def test_the_memory_of_paces_is_bounded() -> None:
    pace = Pace(0.001, 1, most=3, clock=Clock())
    for number in range(10):
        assert pace.take(f"peer {number}") == 0
    assert pace.remembered == 3
    assert pace.take("peer 9") > 0
    assert pace.take("peer 0") == 0, "forgotten, it begins anew"


def test_addresses_that_one_customer_has_count_together() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff%eth0")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:10.0.0.1") == neighbourhood("10.0.0.1") != neighbourhood("10.0.0.2")
    assert neighbourhood("") == ""
