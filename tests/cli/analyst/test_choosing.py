"""Which way an analyst works: with pandas where a box for it can be had, else with SQL, and it is said why."""

import pytest

from remit.cli.analyst.choosing import chosen
from remit.core.errors import ConfigError
from remit.sandbox.choosing import Choosing, Deferred
from remit.sandbox.monty import MontySandbox


async def test_without_a_box_for_pandas_it_is_sql_and_the_reason_is_said() -> None:
    way, said = await chosen(None, MontySandbox())
    assert way == "sql"
    assert "no box has pandas here" in said
    assert "'native' at least" in said


async def test_of_several_tiers_the_reason_of_the_native_one_is_said() -> None:
    absent = Choosing([Deferred("native", "remit.sandbox.nowhere:Native")])
    way, said = await chosen(None, absent)
    assert way == "sql"
    assert "native: its driver is not in this installation" in said


async def test_pandas_that_was_wished_and_cannot_be_had_is_an_error_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match="try --with sql"):
        await chosen("pandas", MontySandbox())


async def test_sql_that_was_wished_tries_no_box() -> None:
    assert (await chosen("sql", Choosing([])))[0] == "sql"
