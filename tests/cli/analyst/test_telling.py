"""Answers as a person reads them: long tables are cut, odd cells stay on their line."""

import io
from pathlib import Path

from remit.apps.analyst import Finding, Written
from remit.cli.analyst.telling import tell, tell_files
from remit.cli.screen import Screen
from remit.core.values import JsonObject


def shown(found: Finding) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    tell(Screen(out=out, err=err), found)
    return out.getvalue(), err.getvalue()


def test_an_answer_without_rows_is_a_sentence() -> None:
    assert shown(Finding("Five.")) == ("Five.\n", "")


def test_a_long_table_is_cut_and_says_so() -> None:
    out, err = shown(Finding("Many.", [{"n": number} for number in range(120)]))
    assert out.splitlines()[2:4] == ["n", "0"]
    assert len(out.splitlines()) == 2 + 1 + 50
    assert "70 more rows" in err


def test_nothing_that_is_told_drives_a_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\u202e\x9b31m"
    out, err = shown(Finding(evil, [{evil: evil}]))
    many = [Written("x", tmp_path / f"{number}{evil}", 1, "text/plain") for number in range(25)]
    both, aside = io.StringIO(), io.StringIO()
    tell_files(Screen(out=both, err=aside), many)
    for text in (out, err, aside.getvalue()):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert "and 5 more in" in aside.getvalue()


def test_rows_may_lack_columns_and_cells_may_be_anything() -> None:
    table: list[JsonObject] = [{"a": None, "b": 1.0}, {"c": {"x": [1]}, "a": "two\nlines\tand more"}, {"a": "x" * 99}]
    out, _ = shown(Finding("Odd.", table))
    assert out.splitlines()[2:5] == ["a\tb\tc", "\t1.0\t", 'two lines and more\t\t{"x":[1]}']
    assert out.splitlines()[5].startswith("x" * 59 + "…")
