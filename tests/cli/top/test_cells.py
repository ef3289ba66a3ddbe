"""Cells: columns fit any width, and nothing that a model says can drive the terminal."""

from hypothesis import given
from hypothesis import strategies as st

from remit.cli.screen import SECRETS
from remit.cli.top.board import Ask
from remit.cli.top.cells import ASKS, SESSIONS, TIMELINE, ask_cells, clean, layout, line_json, row_cells, session_cells
from remit.cli.top.lines import Line
from remit.policy import Secrets
from remit.telemetry import Row

LINE = Line("abc", "desk", "acme", "waiting", "approval", 0, 0, 0, spent=1_500_000_000, steps=3, tokens=1200, flags=1,
            now="refund(\x1b[31m)")  # fmt: skip


@given(st.integers(80, 300))
def test_columns_fill_exactly_the_width_there_is(width: int) -> None:
    for columns in (SESSIONS, ASKS, TIMELINE):
        shown = layout(columns, width)
        assert sum(room for _, _, room in shown) + len(shown) - 1 == width


def test_a_session_is_written_with_what_it_waits_for() -> None:
    texts = [text for text, _ in session_cells(LINE, 65_000)]
    assert texts == ["abc", "desk", "acme", "waiting", "approval", "1m05s", "1m05s", "$1.50", "3", "1.2k", "1",
                     "refund(\\x1b[31m)"]  # fmt: skip
    assert session_cells(LINE, 0, narrow=True)[3] == ("approval", "warn")


def test_a_session_that_was_not_read_has_no_figures() -> None:
    unread = Line("abc", "desk", "acme", "idle", "failed", 0, 0, 0, read=False)
    assert [text for text, _ in session_cells(unread, 0)][7:10] == ["·", "·", "·"]
    assert session_cells(unread, 0)[3] == ("idle", "bad")
    assert "spent_usd" not in line_json(unread)
    assert line_json(LINE)["spent_usd"] == 1.5


def test_a_call_says_when_it_lapses_and_how_many_must_allow_it() -> None:
    ask = Ask("abc", "desk", "acme", "c1", "refund()", "why", 0, 600_000, missing=2)
    assert [text for text, _ in ask_cells(ask, 0)] == [
        "abc",
        "desk",
        "0s",
        "10m00s",
        "refund() (needs 2 people)",
        "why",
    ]
    assert ask_cells(ask, 500_000)[3] == ("1m40s", "bad")
    assert ask_cells(ask, 600_001)[3] == ("lapsed", "bad")


def test_secrets_and_control_characters_are_not_shown() -> None:
    known = SECRETS.set(Secrets({"key": "hunter2hunter2"}))
    try:
        assert clean("a\n\tb\x07") == "a b\\x07"
        assert "hunter2" not in clean("hunter2hunter2")
    finally:
        SECRETS.reset(known)


def test_a_row_of_a_timeline_says_what_a_model_wants() -> None:
    cells = row_cells(Row(7, 0, 1500, "m", "said", "0", wants="refund()", mood="warn", took=20))
    assert [text for text, _ in cells] == ["7", "+1.5s", "0", "m", "said → refund()", "20 ms"]
