"""Editing: a project's file is only added to, and stays as it is when that cannot be done safely."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.registry.projects import LOCAL, Folder

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.tools.registry import Project, added, deprecated
from remit.tools.registry.editing import Edit

COMMENTED = '# ours\n[sources.a] # first\npython = "tools.py:TOOLS"'
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
MADE: JsonObject = {"python": "tools.py:make"}


def text_of(edit: Edit) -> str:
    """Write an edit and read the file."""
    edit.write()
    return edit.project.file.read_bytes().decode()


def test_a_source_is_appended_and_what_was_there_stays_byte_for_byte(folder: Folder) -> None:
    folder.file.write_text(COMMENTED)
    text = text_of(added(folder.file, "b", {"mcp": ["python", "-m", "x"], "owner": 'an "owner"'}))
    assert text == f'{COMMENTED}\n\n[sources.b]\nmcp = ["python", "-m", "x"]\nowner = "an \\"owner\\""\n'
    assert list(Project.read(folder.file).sources) == ["a", "b"]


def test_a_project_s_file_is_made_when_there_is_none(tmp_path: Path) -> None:
    auth: JsonObject = {"header": "X-Key", "value": "${KEY}"}
    text = text_of(added(tmp_path / "remit.toml", "a", {"openapi": "a.yaml", "auth": auth}))
    assert text == '[sources.a]\nopenapi = "a.yaml"\nauth = {header = "X-Key", value = "${KEY}"}\n'


def test_lines_end_as_they_did_and_rights_stay(folder: Folder) -> None:
    folder.file.write_bytes(b'[sources.a]\r\npython = "a.py:A"\r\n[tools.x]\r\nprice = 1\r\n')
    folder.file.chmod(0o640)
    text = text_of(deprecated(folder.file, "x", "old"))
    assert text == '[sources.a]\r\npython = "a.py:A"\r\n[tools.x]\r\ndeprecated = "old"\r\nprice = 1\r\n'
    assert "\r\n\r\n[sources.b]\r\n" in text_of(added(folder.file, "b", MADE))
    assert stat.S_IMODE(folder.file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[tools.x]\ndeprecated = "why"\n'),
        ("[tools.x]", '[tools.x]\ndeprecated = "why"\n'),
        ("[tools.x] # ours\nprice = 1\n", '[tools.x] # ours\ndeprecated = "why"\nprice = 1\n'),
        ('[ tools . "x" ]\ndeprecated = "was" # so\n[tools.y]\n', '[ tools . "x" ]\ndeprecated = "why"\n[tools.y]\n'),
        ("[tools.'x']\ndeprecated=''", "[tools.'x']\ndeprecated = \"why\"\n"),
        ('[tools.y]\ndeprecated = "y"\n', '[tools.y]\ndeprecated = "y"\n\n[tools.x]\ndeprecated = "why"\n'),
    ],
)
def test_a_deprecation_is_written_into_the_table_of_its_tool(folder: Folder, before: str, after: str) -> None:
    folder.file.write_text(before)
    assert text_of(deprecated(folder.file, "x", "why")) == after


@pytest.mark.parametrize(
    "before",
    [
        "tools = {x = {price = 1}}",
        "tools.x.price = 1",
        "[tools]\nx = {price = 1}",
        '[tools.x]\ndeprecated = """\nmany\nlines"""\n',
        '[tools.x]\nflow = {per_second = 1}\ndescription = """\ndeprecated = 1\n"""\n',
        '[tools.y]\ndescription = """\n[tools.x]\n"""\n',
    ],
)
def test_what_cannot_be_changed_safely_is_left_alone(folder: Folder, before: str) -> None:
    folder.file.write_text(before)
    with pytest.raises(ConfigError, match="cannot be added to safely; change it by hand"):
        deprecated(folder.file, "x", "why")
    assert folder.file.read_text() == before


def test_a_source_that_is_there_or_makes_no_sense_is_not_added(folder: Folder) -> None:
    folder.file.write_text(LOCAL)
    with pytest.raises(ConfigError, match="has a source 'local' already"):
        added(folder.file, "local", MADE)
    with pytest.raises(ConfigError, match="has no key 'colour'"):
        added(folder.file, "b", {**MADE, "colour": "red"})
    with pytest.raises(ConfigError, match="has no place in a project's file"):
        added(folder.file, "b", {**MADE, "owner": None})
    folder.file.write_text("sources = {}")
    with pytest.raises(ConfigError, match="change it by hand"):
        added(folder.file, "b", MADE)
    folder.file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        added(folder.file, "b", MADE)
    with pytest.raises(ConfigError, match="Is a directory"):
        added(folder.path, "b", MADE)


def test_a_file_that_changed_meanwhile_is_not_written_over(folder: Folder) -> None:
    folder.file.write_text(LOCAL)
    edit = added(folder.file, "b", MADE)
    folder.file.write_text(f"# mine\n{LOCAL}")
    with pytest.raises(ConfigError, match="has changed meanwhile; nothing was written"):
        edit.write()
    assert folder.file.read_text() == f"# mine\n{LOCAL}"


def test_a_file_that_cannot_be_written_is_named_and_leaves_no_draft(tmp_path: Path) -> None:
    edit = added(tmp_path / "none" / "remit.toml", "b", MADE)
    with pytest.raises(ConfigError, match=r"remit\.toml cannot be written: No such file"):
        edit.write()
    assert list(tmp_path.iterdir()) == []


@given(TEXTS, TEXTS.filter(bool))
def test_any_text_is_read_again_as_it_was_given(why: str, name: str) -> None:
    edit = deprecated(Path("/nowhere/remit.toml"), name, why)
    assert tomllib.loads(edit.text) == {"tools": {name: {"deprecated": why}}}


def test_a_read_only_file_stays_as_it_is(folder: Folder) -> None:
    folder.file.write_text(LOCAL)
    folder.file.chmod(0o444)
    with pytest.raises(ConfigError, match="read-only; make it writable and do it again"):
        added(folder.file, "b", MADE).write()
    assert folder.file.read_text() == LOCAL
