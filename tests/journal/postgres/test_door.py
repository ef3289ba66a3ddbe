"""What a driver says is told in our words, without what was in a statement or a URL."""

import importlib
from typing import Any, cast

import pytest

from remit.core.errors import CorruptJournalError, JournalBusyError, JournalError
from remit.journal.postgres import Address
from remit.journal.postgres.door import blames, explain, passing

HERE = Address.of("postgresql://bob:correct-horse-battery@db/fleet")
SECRET = "row of somebody"


def made(name: str) -> Exception:
    """Make an error as the driver raises it."""
    driver = cast("Any", importlib.import_module("asyncpg.exceptions"))
    return cast("Exception", getattr(driver, name)(f"trouble\n{SECRET}"))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("DiskFullError", JournalBusyError, "no room left on the disk of PostgreSQL at db:5432/fleet; nothing was"),
        ("IndexCorruptedError", CorruptJournalError, "is damaged (trouble); nothing was changed"),
        ("DeadlockDetectedError", JournalBusyError, "stayed busy for 30 s (SQLSTATE 40P01); try again"),
        ("TooManyConnectionsError", JournalBusyError, "stayed busy for 30 s (SQLSTATE 53300); try again"),
        ("UndefinedTableError", JournalError, "cannot be used: trouble (SQLSTATE 42P01)"),
        ("InterfaceError", JournalBusyError, "could not be reached for 30 s: InterfaceError."),
        ("DataError", JournalError, "cannot store what it was given (22000)"),
    ],
)
def test_an_error_says_what_to_do(name: str, kind: type[JournalError], words: str) -> None:
    told = explain(HERE, made(name), 30)
    assert type(told) is kind
    assert words in str(told)
    assert SECRET not in str(told)


def test_our_own_mistakes_are_not_blamed_on_the_network() -> None:
    assert str(explain(HERE, TypeError(SECRET), 30)) == "PostgreSQL at db:5432/fleet could not be asked (TypeError)"
    assert explain(HERE, told := JournalError("told"), 30) is told


@pytest.mark.parametrize(
    ("name", "again", "blamed"),
    [
        ("AdminShutdownError", True, False),
        ("CannotConnectNowError", True, False),
        ("ConnectionDoesNotExistError", True, False),
        ("LockNotAvailableError", True, False),
        ("NumericValueOutOfRangeError", False, True),
        ("UniqueViolationError", False, True),
        ("InsufficientPrivilegeError", False, False),
        ("DiskFullError", False, False),
    ],
)
def test_only_what_may_pass_is_tried_again(name: str, *, again: bool, blamed: bool) -> None:
    assert passing(made(name)) is again
    assert blames(made(name)) is blamed


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), OSError("gone")])
def test_a_network_that_fails_may_come_back(error: Exception) -> None:
    assert passing(error)
    assert not blames(error)
