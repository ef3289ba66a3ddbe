"""Variables: the rule by which tenants have their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.tools.secrets import EnvironmentSecrets
from remit.tools.secrets.environment import variable


async def test_a_tenant_has_variables_of_its_own() -> None:
    source = EnvironmentSecrets(environ={"ACME__TOKEN": "acme's", "ACME_2D_EU__TOKEN": "europe's", "TOKEN": "all's"})
    assert await source.get("TOKEN", "acme") == "acme's"
    assert await source.get("TOKEN", "acme-eu") == "europe's"
    assert await source.get("TOKEN", "other") == "all's"


async def test_no_name_reaches_into_the_variables_of_a_tenant() -> None:
    source = EnvironmentSecrets(environ={"ACME__TOKEN": "acme's"})
    with pytest.raises(ConfigError, match="'__' ends a tenant's name"):
        await source.get("ACME__TOKEN", "other")


async def test_the_environment_of_the_process_is_read_unless_another_is_given() -> None:
    assert await EnvironmentSecrets().get("PATH", "acme")


def test_it_says_where_it_looks() -> None:
    assert str(EnvironmentSecrets("APP_")) == "the environment (APP_TENANT__NAME, APP_NAME)"


NAMES = st.text("aA0_-. é", min_size=1, max_size=5)


@given(NAMES, NAMES, st.text("aA0_", max_size=5))
def test_no_two_tenants_share_a_variable(one: str, other: str, name: str) -> None:
    assert variable(one).replace("_", "").isalnum()
    if one != other and "__" not in name:
        assert f"{variable(one)}__{name}" != f"{variable(other)}__{name}"
        assert not f"{variable(one)}__".startswith(f"{variable(other)}__")
