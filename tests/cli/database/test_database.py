"""`remit db`: what it says, and what its exit status tells a script."""

import argparse
import asyncio
import re
from pathlib import Path
from typing import cast

import pytest
from tests.cli.bench import Said
from tests.journal.postgres.archive.stock import dump, ended, names
from tests.journal.postgres.asking import ask

from remit.cli import database
from remit.cli.database.migrating import STEPS
from remit.cli.running import run
from remit.core.events import SCHEMA
from remit.journal.postgres import PostgresJournal, migrate
from remit.journal.postgres.schema import MIGRATIONS, VERSION

AHEAD = "INSERT INTO remit.migrations (version, name, oldest, events) VALUES ({}, 'later', {}, {})"


class Db:
    """The command on a database."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def __call__(self, url: str, *words: str) -> Said:
        parser = argparse.ArgumentParser(prog="remit db")
        database.add_arguments(parser)
        self._capture.readouterr()
        status = run(database, parser.parse_args(["--store", url, *words]))
        out, err = self._capture.readouterr()
        return Said(status, out, err)


@pytest.fixture
def db(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Db:
    """The command, and a folder."""
    return Db(tmp_path, capsys)


async def filled(url: str) -> None:
    journal = PostgresJournal(url)
    await ended(journal, "one")
    await ended(journal, "two", parent="one")
    await journal.close()


def test_a_new_database_is_made_and_told(db: Db, bare: str) -> None:
    before = db(bare, "status", "--json")
    assert (before.status, before.json["version"]) == (3, 0)
    assert len(cast("list[str]", before.json["pending"])) == len(MIGRATIONS)
    assert "no store yet" in db(bare, "status").out
    made = db(bare, "migrate")
    assert made.status == 0
    assert "tables: 1 begin\n" in made.out
    again = db(bare, "migrate")
    assert (again.status, again.out) == (0, "")
    assert f"is at version {VERSION}, nothing to do" in again.err
    after = db(bare, "status")
    assert after.status == 0
    assert "up to date" in after.out
    assert "workers    0 alive" in after.out
    assert db(bare, "status", "--json").json["code"] == VERSION


def test_what_is_in_it_is_counted(db: Db, url: str) -> None:
    asyncio.run(filled(url))
    told = db(url, "status", "--json").json
    assert told["sessions"] == {"idle": 2}
    assert cast("dict[str, int]", told["bytes"]).keys() == {"sessions", "batches", "blobs", "queue"}
    assert all(size > 0 for name, size in cast("dict[str, int]", told["bytes"]).items() if name != "queue")
    text = db(url, "status").out
    assert re.search(r"on disk +sessions [\d.]+ KiB, batches", text)
    assert "sessions   2 idle" in text


def test_a_newer_database_is_refused_or_told(db: Db, bare: str) -> None:
    asyncio.run(migrate(bare))
    ask(bare, AHEAD.format(VERSION + 1, VERSION, SCHEMA))
    assert "newer than this Remit, which still works with it" in db(bare, "status").out
    still = db(bare, "migrate")
    assert still.status == 0
    assert f"this Remit, of version {VERSION}, still works with it" in still.err
    ask(bare, AHEAD.format(VERSION + 2, VERSION + 2, SCHEMA))
    refused = db(bare, "status")
    assert (refused.status, db(bare, "migrate").status) == (5, 5)
    assert "cannot work with it" in refused.out
    assert "upgrade remit" in refused.err
    assert db(bare, "migrate", "--json").json["kind"] == "NewerSchemaError"


def test_sessions_go_and_come_back(db: Db, url: str) -> None:
    asyncio.run(filled(url))
    ask(url, "UPDATE remit.sessions SET changed = 1", "UPDATE remit.batches SET at = 1")
    before, folder = dump(url), db.folder / "to"
    seen = db(url, "archive", "--older", "30d", "--to", str(folder), "--dry-run")
    assert seen.out.startswith("2 sessions in 1 trees, ")
    assert not folder.exists()
    assert db(url, "archive", "--older", "30d", "--to", str(folder), "--dry-run", "--json").json["sessions"] == 2
    made = db(url, "archive", "--older", "30d", "--to", str(folder))
    assert (made.status, names(url)) == (0, [])
    file = made.out.strip()
    assert Path(file).parent == folder
    assert "2 sessions archived" in made.err
    assert db(url, "status", "--json").json["archived"] == 2
    back = db(url, "restore", file, "--session", "two")
    assert (back.status, back.out, names(url)) == (0, "two\n", ["two"])
    assert "1 sessions restored; 1 were there already" in db(url, "restore", file).err
    assert dump(url) == before
    ask(url, "UPDATE remit.sessions SET epoch = 9 WHERE id = 'one'")
    refused = db(url, "restore", file, "--json")
    assert refused.status == 5
    assert "it was left as it is" in cast("dict[str, str]", refused.json["refused"])["one"]
    assert "1 refused" in db(url, "restore", file).err


def test_one_session_goes_when_it_is_named(db: Db, url: str) -> None:
    asyncio.run(filled(url))
    ask(url, "UPDATE remit.sessions SET changed = 1", "UPDATE remit.batches SET at = 1")
    words = ("archive", "--older", "1s", "--to", str(db.folder / "to"), "--session")
    child = db(url, *words, "two")
    assert child.status == 1
    assert "not the first of its tree" in child.err
    assert db(url, *words, "one", "--json").json["sessions"] == 2


def test_what_is_no_database_is_said(db: Db, bare: str) -> None:
    folder = db("some/folder", "status")
    assert (folder.status, folder.out) == (2, "")
    assert "'some/folder' is a folder, which needs no upkeep; say which database with --store postgresql" in folder.err
    assert "a database URL begins with 'postgresql'" in db("mysql://x/y", "status").err
    missing = db(bare.replace("remit_bare", "remit_missing"), "status")
    assert missing.status == 1
    assert "there is no such database; create it with createdb" in missing.err
    away = db("postgresql://remit:hunter2@127.0.0.1:1/x", "status")
    assert away.status == 1
    assert "PostgreSQL at 127.0.0.1:1/x could not be reached for 3 s" in away.err
    assert "hunter2" not in away.err
    for act in (("archive", "--older", "1d", "--to", str(db.folder)), ("restore", __file__)):
        assert db(bare, *act).status != 0
    assert "`remit db migrate` makes one" in db(bare, "archive", "--older", "1d", "--to", str(db.folder)).err


def test_a_wrong_age_is_said(db: Db, url: str) -> None:
    for older in ("never", "30", "0d", "-1d"):
        assert db(url, "archive", f"--older={older}", "--to", str(db.folder)).status == 2


def test_the_tables_come_before_all_else_in_a_migration() -> None:
    assert STEPS[0].name == "tables"
