"""Answers as a person reads them: long tables are cut, odd cells stay on their line."""

import io

from remit.apps.analyst import Finding
from remit.cli.analyst.telling import tell
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


def test_rows_may_lack_columns_and_cells_may_be_anything() -> None:
    table: list[JsonObject] = [{"a": None, "b": 1.0}, {"c": {"x": [1]}, "a": "two\nlines\tand more"}, {"a": "x" * 99}]
    out, _ = shown(Finding("Odd.", table))
    assert out.splitlines()[2:5] == ["a\tb\tc", "\t1.0\t", 'two lines and more\t\t{"x":[1]}']
    assert out.splitlines()[5].startswith("x" * 59 + "…")
