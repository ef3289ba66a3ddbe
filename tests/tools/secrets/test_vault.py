"""The vault: no value gets out before it is registered, and who rotates one is heard."""

import asyncio
from dataclasses import dataclass, field

import pytest

from remit.core.errors import ConfigError, RejectedError
from remit.policy import Secrets
from remit.tools.secrets import EnvironmentSecrets, Vault

VALUE = "sk-live-4f9a77c1"


@dataclass
class Source:
    """A source that counts how often it is asked, and may do something meanwhile."""

    values: dict[str, str] = field(default_factory=dict[str, str])
    error: Exception | None = None
    asked: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Be open."""
        self.opened.set()

    async def get(self, name: str, tenant: str) -> str | None:
        """Give a value."""
        self.asked += 1
        found = self.values.get(name)
        await self.opened.wait()
        if self.error is not None:
            raise self.error
        return found


async def test_a_value_is_registered_before_it_is_given() -> None:
    secrets = Secrets()
    vault = Vault([Source(), Source({"TOKEN": VALUE})], secrets)
    assert secrets.redact(VALUE) == VALUE
    assert await vault("TOKEN", "acme") == VALUE
    assert secrets.redact(VALUE) == "[secret:TOKEN]"


async def test_the_first_source_that_has_one_counts() -> None:
    first, second = Source({"A": "first-value"}), Source({"A": "second-value", "B": "other-value"})
    vault = Vault([first, second], Secrets())
    assert (await vault("A"), await vault("B")) == ("first-value", "other-value")
    assert (first.asked, second.asked) == (2, 1)


async def test_a_value_is_kept_for_a_time_for_each_tenant() -> None:
    now, source = 0.0, Source({"TOKEN": VALUE})
    vault = Vault([source], Secrets(), ttl=10.0, clock=lambda: now)
    for _ in range(3):
        await vault("TOKEN", "acme")
    assert source.asked == 1
    await vault("TOKEN", "other")
    assert source.asked == 2
    now = 10.0
    await vault("TOKEN", "acme")
    assert source.asked == 3


async def test_with_no_time_each_look_is_a_new_one() -> None:
    source = Source({"TOKEN": VALUE})
    vault = Vault([source], Secrets(), ttl=0.0)
    assert [await vault("TOKEN"), await vault("TOKEN")] == [VALUE, VALUE]
    assert source.asked == 2


async def test_a_rotated_value_is_registered_too_and_the_old_one_stays_so() -> None:
    secrets, source = Secrets(), Source({"TOKEN": VALUE, "OTHER": "other-value"})
    vault = Vault([source], secrets)
    await asyncio.gather(vault("TOKEN"), vault("OTHER"))
    source.values["TOKEN"] = "sk-live-rotated"
    assert await vault("TOKEN") == VALUE
    vault.forget("TOKEN")
    assert (await vault("TOKEN"), await vault("OTHER")) == ("sk-live-rotated", "other-value")
    assert source.asked == 3
    assert secrets.redact(f"{VALUE} sk-live-rotated") == "[secret:TOKEN] [secret:TOKEN]"


async def test_who_wants_the_same_at_the_same_time_asks_once() -> None:
    source = Source({"TOKEN": VALUE})
    vault = Vault([source], Secrets())
    assert await asyncio.gather(*(vault("TOKEN") for _ in range(50))) == [VALUE] * 50
    assert source.asked == 1


async def test_a_value_read_before_it_was_forgotten_is_not_kept() -> None:
    source = Source({"TOKEN": VALUE})
    vault = Vault([source], Secrets())
    source.opened.clear()
    reading = asyncio.create_task(vault("TOKEN"))
    await asyncio.sleep(0)
    source.values["TOKEN"] = "sk-live-rotated"
    vault.forget("TOKEN")
    source.opened.set()
    assert await reading == VALUE
    assert await vault("TOKEN") == "sk-live-rotated"


async def test_what_is_nowhere_is_an_error_that_says_where_it_was_looked_for() -> None:
    vault = Vault([EnvironmentSecrets("APP_", {"APP_OTHER": VALUE}), Source({"TOKEN": ""})], Secrets())
    with pytest.raises(ConfigError) as refused:
        await vault("TOKEN", "acme")
    places = "the environment (APP_TENANT__NAME, APP_NAME); Source"
    assert str(refused.value) == f"no secret 'TOKEN' for tenant 'acme'; looked for in {places}"


@pytest.mark.parametrize("value", ["short", "simulate"])
async def test_a_value_that_cannot_be_kept_out_is_not_given(value: str) -> None:
    vault = Vault([Source({"PIN": value})], Secrets())
    with pytest.raises(ConfigError, match="'PIN'") as refused:
        await vault("PIN")
    assert value not in str(refused.value)
    assert vault.keys()("PIN") == ""


async def test_what_a_source_says_when_it_breaks_is_not_passed_on() -> None:
    source = Source(error=OSError(f"403 for {VALUE}"))
    with pytest.raises(ConfigError) as refused:
        await Vault([source, Source({"TOKEN": VALUE})], Secrets())("TOKEN")
    assert str(refused.value) == "secret 'TOKEN' could not be looked up in Source: OSError"
    assert refused.value.__suppress_context__
    source.error = RejectedError("the vault is sealed", retryable=True)
    with pytest.raises(RejectedError, match="the vault is sealed"):
        await Vault([source], Secrets())("TOKEN")


async def test_a_name_that_no_secret_can_have_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"cannot be named '\.\./TOKEN'"):
        await Vault([Source()], Secrets())("../TOKEN")


def test_a_vault_needs_a_source() -> None:
    with pytest.raises(ConfigError, match="needs a source"):
        Vault([], Secrets())


async def test_keys_of_models_are_the_values_last_given() -> None:
    source = Source({"OPENAI_API_KEY": VALUE})
    vault = Vault([source], Secrets())
    keys = vault.keys()
    assert keys("OPENAI_API_KEY") == ""
    await vault("OPENAI_API_KEY")
    assert (keys("OPENAI_API_KEY"), keys("OTHER"), vault.keys("acme")("OPENAI_API_KEY")) == (VALUE, "", "")
    source.values["OPENAI_API_KEY"] = "sk-live-rotated"
    vault.forget("OPENAI_API_KEY")
    assert keys("OPENAI_API_KEY") == VALUE
    await vault("OPENAI_API_KEY")
    assert keys("OPENAI_API_KEY") == "sk-live-rotated"
