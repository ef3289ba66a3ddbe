"""Whoever archives may be killed at any moment: no session is lost, and the next one repeats nothing."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.journal.postgres.archive.stock import dump, ended, listed, names, plan, put, raw
from tests.journal.postgres.asking import ask

from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.archive import archive, restore
from remit.journal.postgres.archive.reading import content_of

STEPS = ("begun", "settled", "named", "checked", "removing", "removed", "swept")
KILLED = Path(__file__).with_name("killed.py")
SESSIONS = [f"s{number}" for number in range(5)]


def held(folder: Path) -> list[str]:
    """Give the sessions in the files of a folder, all of which must be whole."""
    return sorted(name for file in folder.glob("*.gz") for name in content_of(file).sessions)


@pytest.mark.parametrize("step", STEPS)
async def test_nothing_is_lost_and_nothing_repeated(
    step: str, journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    blob = await journal.put(b"picture")
    for name in SESSIONS:
        await ended(journal, name, blob=blob)
    before = dump(url)
    folder = tmp_path / "to"
    died = await asyncio.to_thread(
        subprocess.run, [sys.executable, str(KILLED), url, str(folder), step], timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert set(names(url)) | set(held(folder)) == set(SESSIONS), "each is in the database, or in a file that is whole"
    for name, *rest in dump(url):
        assert (name, *rest) in before, "what is in the database is as it was"

    made = await archive(url, plan(folder, sessions=2))
    assert len(made.finished) == (step in {"named", "checked", "removing"})
    assert names(url) == []
    assert held(folder) == SESSIONS, "each in one file"
    assert not list(folder.glob(".*")), "nothing half written is left"
    assert [row[0] for row in ask(url, 'SELECT id FROM remit.archived ORDER BY id COLLATE "C"')] == SESSIONS

    for file in folder.glob("*.gz"):
        await restore(url, file)
    assert dump(url) == before
    assert await journal.get(blob) == b"picture"


async def test_a_file_that_nobody_finished_does_not_take_what_has_gone_on(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        await ended(journal, name)
    await asyncio.to_thread(
        subprocess.run, [sys.executable, str(KILLED), url, str(tmp_path), "checked"], timeout=60, check=False
    )
    ask(url, "UPDATE remit.sessions SET epoch = epoch + 1, owner = 'w' WHERE id = 'a'")
    made = await archive(url, plan(tmp_path))
    assert (len(made.finished), made.sessions, names(url)) == (1, 1, ["a"])
    assert (await archive(url, plan(tmp_path))).finished == [], "it is known now"
    back = await restore(url, Path(made.finished[0]))
    assert back.restored == ["b"]
    assert "it was left as it is" in back.refused["a"]


async def test_a_stray_file_that_is_damaged_is_told_and_harms_nobody(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    await ended(journal, "a")
    await asyncio.to_thread(
        subprocess.run, [sys.executable, str(KILLED), url, str(tmp_path), "checked"], timeout=60, check=False
    )
    [stray] = listed(tmp_path)
    put(stray, raw(stray)[:-30])
    made = await archive(url, plan(tmp_path))
    assert made.damaged == [str(stray)]
    assert (made.sessions, len(made.files)) == (1, 1)
    assert content_of(Path(made.files[0])).sessions.keys() == {"a"}
