"""Whatever is wrong with a folder or a file is said in one sentence, and nothing is lost by it."""

import asyncio
import gzip
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.journal.postgres.archive.stock import ended, listed, mode, names, plan, put, raw

from remit.core.errors import ConfigError, CorruptJournalError, NewerSchemaError, UnknownSessionError
from remit.core.events import SCHEMA
from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.archive import Step, archive, restore
from remit.journal.postgres.archive.lines import FORMAT

FULL = """
import asyncio, resource, sys
from pathlib import Path
from remit.core.errors import JournalError
from remit.journal.postgres.archive import Plan, archive
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
try:
    asyncio.run(archive(sys.argv[1], Plan(folder=Path(sys.argv[2]), older=-60.0)))
except JournalError as error:
    print(error)
"""


def rewritten(file: Path, **first: object) -> Path:
    """Change the first line of an archive."""
    head, *rest = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    changed = msgspec.json.encode({**msgspec.json.decode(head), **first}) + b"\n"
    other = file.with_name("other.jsonl.gz")
    other.write_bytes(gzip.compress(b"".join([changed, *rest])))
    return other


async def test_a_disk_that_is_full_loses_nothing_and_leaves_nothing(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    await ended(journal, "s")
    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FULL, url, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.startswith(f"no room left for '{tmp_path}")
    assert "nothing was removed from the database" in told.stdout
    assert listed(tmp_path) == []
    assert names(url) == ["s"]
    assert (await archive(url, plan(tmp_path))).sessions == 1


async def test_a_file_that_is_not_what_was_written_costs_no_session(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    await ended(journal, "s")

    def heard(step: Step, file: str) -> None:
        if step == "named":
            put(Path(file), raw(Path(file))[:-12])

    with pytest.raises(CorruptJournalError, match="is damaged"):
        await archive(url, plan(tmp_path), heard=heard)
    assert names(url) == ["s"]


async def test_a_folder_that_cannot_be_used_is_named(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "no" / "such"):
        with pytest.raises(ConfigError, match=r"archives cannot be written to .* \(.+\); say another folder with --to"):
            await archive(url, plan(folder))
    assert names(url) == ["s"]


async def test_archives_are_for_their_owner_only(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")
    [file] = (await archive(url, plan(tmp_path / "to"))).files
    assert mode(Path(file)) == 0o600
    assert mode(tmp_path / "to") == 0o700


async def test_a_file_of_a_newer_format_is_refused(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")
    file = Path((await archive(url, plan(tmp_path))).files[0])
    for newer in ({"format": FORMAT + 1, "made": "some day"}, {"events": SCHEMA + 1}):
        with pytest.raises(NewerSchemaError, match=r"written by a newer Remit .* Upgrade remit to read it"):
            await restore(url, rewritten(file, **newer))
    with pytest.raises(CorruptJournalError, match="is not what was written"):
        await restore(url, rewritten(file, made=1))
    assert names(url) == []


async def test_a_file_that_ends_too_early_or_too_late_is_refused(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    """Even one that is whole to gzip."""
    await ended(journal, "s")
    file = Path((await archive(url, plan(tmp_path))).files[0])
    texts = gzip.decompress(raw(file)).splitlines(keepends=True)
    for changed, why in ((texts[:-1], "has no end"), ([*texts, texts[1]], "goes on after its end")):
        put(file, gzip.compress(b"".join(changed)))
        with pytest.raises(CorruptJournalError, match=why):
            await restore(url, file)
    assert names(url) == []


@pytest.mark.parametrize("word", [b'"id"', b'"head"'])
async def test_a_session_that_lost_its_name_or_its_head_is_refused(
    journal: PostgresJournal, url: str, tmp_path: Path, word: bytes
) -> None:
    """What was damaged is read before the end, which tells so."""
    await ended(journal, "s")
    file = Path((await archive(url, plan(tmp_path))).files[0])
    texts = gzip.decompress(raw(file)).splitlines(keepends=True)
    texts[1] = texts[1].replace(word, b'"other"')
    put(file, gzip.compress(b"".join(texts)))
    with pytest.raises(CorruptJournalError, match="has a line that is none"):
        await restore(url, file)
    assert names(url) == []


async def test_what_is_no_archive_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        await restore(url, tmp_path / "nothing")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        await restore(url, tmp_path)
    (tmp_path / "text").write_text("hello")
    (tmp_path / "packed").write_bytes(gzip.compress(b'{"is":"song"}\n'))
    for name in ("text", "packed"):
        with pytest.raises(CorruptJournalError):
            await restore(url, tmp_path / name)


async def test_a_session_that_is_not_in_the_file_is_said(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")
    file = Path((await archive(url, plan(tmp_path))).files[0])
    with pytest.raises(UnknownSessionError, match="holds no session 't'; nothing was changed"):
        await restore(url, file, ["s", "t"])
    assert names(url) == []


async def test_a_file_tells_what_it_is_without_remit(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    """In ten years there may be nothing but gzip, JSON and MessagePack."""
    await ended(journal, "s", blob=await journal.put(b"picture"))
    file = Path((await archive(url, plan(tmp_path))).files[0])
    lines = [msgspec.json.decode(text) for text in gzip.decompress(raw(file)).splitlines()]
    assert [line["is"] for line in lines] == ["remit archive", "session", "blob", "batch", "batch", "batch", "end"]
    assert lines[0]["format"] == 1
    assert lines[1]["row"]["id"] == "s"
    assert lines[-1] | {"sha256": ""} == {"is": "end", "sessions": 1, "batches": 3, "blobs": 1, "sha256": ""}
