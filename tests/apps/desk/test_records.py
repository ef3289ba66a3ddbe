"""The desk's database."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from remit.apps.desk.records import Interaction, PastTicket, Records
from remit.core.errors import ConfigError


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records.open(tmp_path / "desk.db")


def test_a_customer_is_found_by_address_in_any_case(records: Records) -> None:
    customer = records.find_customer(" Ann.Becker@Northfield-Tools.example ")
    assert customer is not None
    assert (customer.name, customer.plan, customer.locale) == ("Ann Becker", "Enterprise", "en")
    assert records.find_customer("nobody@example.org") is None


def test_an_address_is_never_read_as_sql(records: Records) -> None:
    assert records.find_customer("' OR 1=1 --") is None


def test_similar_tickets_come_first(records: Records) -> None:
    found = records.search_tickets("every file is duplicated when I rename a folder")
    assert found[0].key == "SYNC-101"
    assert found[0].resolution
    assert records.search_tickets("zyzzyva") == ()


def test_a_new_ticket_is_found_afterwards_and_replaced_by_key(records: Records) -> None:
    records.keep_ticket(PastTicket("PAY-900", "Banana button", "It is yellow"))
    records.keep_ticket(PastTicket("PAY-900", "Banana button", "It is green", "Painted"))
    (found,) = records.search_tickets("banana")
    assert (found.body, found.resolution) == ("It is green", "Painted")


def test_an_interaction_is_logged_once_per_key(records: Records) -> None:
    assert records.log_interaction("k1", Interaction("Ann@x.org", "answered", "SYNC-1", "told them"))
    assert not records.log_interaction("k1", Interaction("ann@x.org", "escalated"))
    assert records.log_interaction("k2", Interaction("ann@x.org", "closed"))
    assert [one.kind for one in records.interactions("ann@x.org")] == ["closed", "answered"]


def test_many_threads_log_one_key_once(records: Records) -> None:
    def log(_: int) -> bool:
        return records.log_interaction("k", Interaction("a@b.c", "answered"))

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(log, range(40)))
    assert written.count(True) == 1


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    Records.open(tmp_path / "desk.db").log_interaction("k", Interaction("a@b.c", "answered"))
    again = Records.open(tmp_path / "desk.db")
    assert len(again.interactions("a@b.c")) == 1


def test_many_threads_may_create_the_same_file(tmp_path: Path) -> None:
    def opened_again(_: int) -> Records:
        return Records.open(tmp_path / "desk.db")

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(opened_again, range(8)))
    assert all(one.find_customer("ben.carter@carter-events.example") for one in opened)


def test_a_newer_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="newer version"):
        Records.open(tmp_path / "new.db")
    (tmp_path / "odd.db").write_bytes(b"this is not a database, not at all" * 50)
    with pytest.raises(ConfigError, match="cannot be used"):
        Records.open(tmp_path / "odd.db")
