"""Keys: shown once, kept as a hash, and good for a tenant and a role until they end."""

import pytest
from tests.server.access.clocks import Clock
from tests.server.access.requests import asked

from remit.core.errors import ConfigError
from remit.server.access import DeniedError, Keys, MemoryAccessStore, Principal
from remit.server.access.keys import COARSE_MS

DAY = 86_400_000


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000_000)


@pytest.fixture
def keys(clock: Clock) -> Keys:
    return Keys(MemoryAccessStore().keys, clock=clock)


async def test_a_key_opens_its_tenant_in_its_role(keys: Keys) -> None:
    key, text = await keys.new(tenant="acme", role="operator", name="ann")
    found = await keys.recognise(asked(authorization=f"Bearer {text}"))
    assert found == Principal(name="ann", tenant="acme", role="operator", key=key.id, how="key")


async def test_what_is_kept_does_not_hold_the_secret(keys: Keys) -> None:
    key, text = await keys.new(tenant="acme", role="viewer", name="ann")
    assert len(text.rpartition("_")[2]) == 64
    assert text.rpartition("_")[2] not in str(key)
    assert (await keys.new(tenant="acme", role="viewer", name="ann"))[1] != text


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer eyJ.a.b", "Bearer", "remit_x"])
async def test_what_is_no_key_is_left_to_others(keys: Keys, header: str) -> None:
    assert await keys.recognise(asked(authorization=header)) is None
    assert await keys.recognise(asked()) is None


async def test_a_wrong_key_is_refused_in_the_same_words_whatever_is_wrong(keys: Keys, clock: Clock) -> None:
    key, text = await keys.new(tenant="acme", role="viewer", name="ann", lives=DAY)
    other, _ = await keys.new(tenant="acme", role="viewer", name="bob")
    wrong = [
        "remit_",
        text[:-1],
        text + "0",
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        text.replace(key.id, "0" * 12),
        text.replace(key.id, other.id),
        text.upper().replace("REMIT", "remit"),
    ]
    for one in wrong:
        with pytest.raises(DeniedError) as error:
            await keys.recognise(asked(authorization=f"Bearer {one}"))
        assert (error.value.status, str(error.value)) == (401, "this key is not known, or no longer valid")
    clock.now += DAY
    with pytest.raises(DeniedError, match="not known, or no longer valid"):
        await keys.open(text)


async def test_a_key_that_lives_for_ever_never_expires(keys: Keys, clock: Clock) -> None:
    _, text = await keys.new(tenant="acme", role="viewer", name="ann")
    clock.now += 10_000 * DAY
    assert (await keys.open(text)).name == "ann"


async def test_a_rotated_key_is_good_until_its_grace_is_over(keys: Keys, clock: Clock) -> None:
    old, text = await keys.new(tenant="acme", role="operator", name="ann", lives=30 * DAY)
    clock.now += DAY
    new, fresh = await keys.rotate(old.id, grace=DAY, by="root")
    assert (new.tenant, new.role, new.name, new.by) == ("acme", "operator", "ann", "root")
    assert new.expires - new.made == 30 * DAY, "as long as the old one"
    assert (await keys.open(text)).heir == new.id
    clock.now += DAY
    with pytest.raises(DeniedError):
        await keys.open(text)
    assert (await keys.open(fresh)).id == new.id


async def test_grace_never_makes_a_key_live_longer(keys: Keys, clock: Clock) -> None:
    old, text = await keys.new(tenant="acme", role="operator", name="ann", lives=DAY)
    await keys.rotate(old.id, grace=9 * DAY, lives=0)
    clock.now += DAY
    with pytest.raises(DeniedError):
        await keys.open(text)


async def test_a_key_is_rotated_once_and_only_while_it_is_valid(keys: Keys) -> None:
    old, _ = await keys.new(tenant="acme", role="operator", name="ann")
    new, _ = await keys.rotate(old.id, grace=DAY)
    with pytest.raises(ConfigError, match=f"rotated already, to {new.id}"):
        await keys.rotate(old.id, grace=DAY)
    await keys.revoke(new.id)
    with pytest.raises(ConfigError, match="no longer valid"):
        await keys.rotate(new.id, grace=DAY)
    with pytest.raises(ConfigError, match="no key 'nobody'"):
        await keys.revoke("nobody")


async def test_a_revoked_key_ends_at_once_even_in_its_grace(keys: Keys) -> None:
    old, text = await keys.new(tenant="acme", role="operator", name="ann")
    await keys.rotate(old.id, grace=DAY)
    await keys.revoke(old.id)
    with pytest.raises(DeniedError):
        await keys.open(text)
    assert await keys.by_id(old.id) is None


async def test_the_last_use_is_known_to_ten_minutes(keys: Keys, clock: Clock) -> None:
    key, text = await keys.new(tenant="acme", role="operator", name="ann")
    await keys.open(text)
    first = await keys.store.get(key.id)
    clock.now += 60_000
    await keys.open(text)
    assert await keys.store.get(key.id) == first
    clock.now += 600_000
    await keys.open(text)
    later = await keys.store.get(key.id)
    assert first is not None
    assert later is not None
    assert 0 < first.used < later.used <= clock.now


async def test_no_key_was_used_before_it_was_made(keys: Keys, clock: Clock) -> None:
    clock.now = clock.now // COARSE_MS * COARSE_MS + 90_000
    key, text = await keys.new(tenant="acme", role="operator", name="ann")
    clock.now += 1_000
    await keys.open(text)
    found = await keys.store.get(key.id)
    assert found is not None
    assert found.made <= found.used <= clock.now


async def test_there_is_a_key_only_while_one_is_valid(keys: Keys) -> None:
    assert not await keys.any()
    key, _ = await keys.new(tenant="acme", role="operator", name="ann")
    assert await keys.any()
    await keys.revoke(key.id)
    assert not await keys.any()


@pytest.mark.parametrize("name", ["", " ann", "a\nb", "a" * 101, "a\x1b[2J"])
async def test_a_name_that_would_not_read_well_is_refused(keys: Keys, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        await keys.new(tenant="acme", role="viewer", name=name)
