"""What a terminal is shown: nothing that could drive it."""

import io

from remit.cli.screen import Screen, visible


def test_controls_and_turners_of_text_are_shown_as_escapes() -> None:
    assert visible("a\x1b[2Jb\x07\x9b") == "a\\x1b[2Jb\\x07\\x9b"
    assert visible("tx.\u202egpj") == "tx.\\u202egpj"
    assert visible("one\r\ntwo\tthree\rfour") == "one\ntwo\tthree\\rfour"


class Terminal(io.StringIO):
    """A terminal that keeps what it was shown."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


def test_an_answer_that_is_asked_again_begins_on_a_line_of_its_own() -> None:
    out = Terminal()
    screen = Screen(out=out, err=io.StringIO())
    screen.piece("half an ans")
    screen.piece("a whole answer", fresh=True)
    screen.end_text()
    assert out.getvalue() == "half an ans\na whole answer\n"


def test_a_file_is_given_no_pieces_and_a_table_as_tabs() -> None:
    out = io.StringIO()
    screen = Screen(out=out, err=io.StringIO())
    screen.piece("half")
    screen.table(("a", "b"), [("1", "2")])
    assert out.getvalue() == "1\t2\n"


def test_a_terminal_is_given_a_table_with_a_head() -> None:
    out = Terminal()
    Screen(out=out, err=io.StringIO()).table(("name", "b"), [("[bold]x", "\x1b[2J")])
    assert "name" in out.getvalue()
    assert "[bold]x" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()
