"""Every store passes the one suite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from remit.core.ports import Store
from remit.journal import MemoryJournal, RedactedStore, SqliteJournal
from remit.policy import Secrets
from remit.testing.journals import STORE_CHECKS, Check

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryJournal(),
    "sqlite": lambda folder: SqliteJournal(folder / "journal.db"),
    "redacted": lambda folder: RedactedStore(MemoryJournal(), Secrets({"key": "hunter2-hunter2"})),
    "sqlite-power": lambda folder: SqliteJournal(folder / "journal.db", durability="power"),
}


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", STORES)
async def test_a_store_conforms(name: str, check: Check, tmp_path: Path) -> None:
    store = STORES[name](tmp_path)
    try:
        await check(store)
    finally:
        await store.close()
