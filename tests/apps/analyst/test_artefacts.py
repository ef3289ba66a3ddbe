"""Files of hostile programs: their names lead nowhere, and nothing that is there already is touched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from remit.apps.analyst import left, safe_name, write
from remit.core.errors import ConfigError
from remit.core.events import ProgramEnded, Record, RunOpened
from remit.core.messages import Part
from remit.journal import MemoryJournal

NAMES = some.text(max_size=300) | some.lists(
    some.sampled_from(["..", "/", "\\", ".", "~", "\0", "\n", "\u202e", "con", "NUL", ".bashrc", "a.png", "é", "💥"])
).map("".join)


@given(NAMES)
def test_a_name_leads_nowhere_but_into_the_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert safe.isprintable()
    assert 0 < len(safe) <= 120
    assert len(safe.encode()) <= 480
    assert not safe.startswith((".", "-", "~"))
    assert not set(safe) & set('/\\:*?"<>|\0\n\r\t ')


@given(NAMES)
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert safe_name(safe_name(name)) == safe_name(name)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("chart.png", "chart.png"),
        ("charts/by month.png", "charts-by_month.png"),
        ("../../etc/passwd", "etc-passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "bashrc"),
        ("", "file"),
        ("...", "file"),
        ("NUL.txt", "file_NUL.txt"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_names_are_kept_as_far_as_they_can_be(name: str, safe: str) -> None:
    assert safe_name(name) == safe


async def test_nothing_is_overwritten_and_no_link_is_followed(tmp_path: Path) -> None:
    store, outside = MemoryJournal(), tmp_path / "outside"
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a.png").write_text("mine")
    (folder / "b.png").symlink_to(outside)
    parts = [Part("image/png", await store.put(name.encode()), "", name, 5) for name in ("a.png", "b.png", "../a.png")]
    written = await write(parts, folder, store)
    assert [one.path.name for one in written] == [
        "a-2.png",
        "b-2.png",
        "a-3.png",
    ]
    assert (folder / "a.png").read_text() == "mine"
    assert not outside.exists()
    assert [one.path.read_bytes() for one in written] == [b"a.png", b"b.png", b"../a.png"]


async def test_without_files_no_folder_is_made(tmp_path: Path) -> None:
    assert await write([], tmp_path / "out", MemoryJournal()) == []
    assert not (tmp_path / "out").exists()


async def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    store = MemoryJournal()
    (tmp_path / "out").write_text("a file")
    part = Part("image/png", await store.put(b"x"), "", "a.png", 1)
    with pytest.raises(ConfigError, match="cannot be written into"):
        await write([part], tmp_path / "out", store)


def test_the_files_are_those_of_the_last_program_that_came_to_its_end() -> None:
    first, second = Part("image/png", "1", "", "a.png", 1), Part("image/png", "2", "", "b.png", 1)
    ok, failed = ProgramEnded("1", "ok", artefacts=(first,)), ProgramEnded("2", "error", artefacts=(second,))
    opened = RunOpened(1, "analysis@1", "me", 0)
    assert left(Record(1, 0, event) for event in (opened, failed, ok)) == (first,)
    assert left(Record(1, 0, event) for event in (opened, ok, failed)) == ()
    assert left(Record(1, 0, event) for event in (opened, ok, opened)) == ()
