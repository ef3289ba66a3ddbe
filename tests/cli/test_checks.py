"""Checks that need a sick machine, made from what they look at."""

import sqlite3
from pathlib import Path

from remit.cli.checks import Finding, clock, machine, place


def test_a_clock_before_this_was_written_is_wrong() -> None:
    assert clock(0.0).level == "broken"
    assert clock(1_800_000_000.0) == Finding("clock", "ok", "2027-01-15 08:00:00 UTC")


def test_a_sound_machine_has_nothing_broken() -> None:
    assert {finding.name for finding in machine() if finding.level == "broken"} == set()


def test_an_extra_that_is_made_of_others_is_no_library() -> None:
    (found,) = [finding.text for finding in machine() if finding.name == "libraries" and finding.level == "ok"]
    assert "msgspec" in found
    assert "remit" not in found


async def test_a_newer_store_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.execute(f"PRAGMA application_id = {0x52454D54}")
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    (finding,) = [finding async for finding in place(str(tmp_path))]
    assert finding.level == "broken"
    assert "newer Remit" in finding.text
    assert path.read_bytes() == before


async def test_a_place_below_nothing_can_still_be_made(tmp_path: Path) -> None:
    (finding,) = [finding async for finding in place(str(tmp_path / "a" / "b"))]
    assert finding.level == "ok"
    assert children(tmp_path) == []


def children(folder: Path) -> list[Path]:
    return list(folder.iterdir())
