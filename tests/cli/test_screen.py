"""What a terminal is shown: nothing that could drive it."""

import io

from remit.cli.screen import Screen, visible
from remit.policy import Secrets
from remit.telemetry import Row

KEY = "sk-live-4f9a77c1"
SECRETS = Secrets({"api": KEY})


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


def row() -> Row:
    return Row(seq=1, at=0, since=0, step="1", title=f"t {KEY}", detail=f"d {KEY}", wants=f"w {KEY}")


def show(screen: Screen) -> None:
    """Write a value in every way there is."""
    screen.result({"key": KEY})
    screen.say(f"said {KEY}")
    screen.hint(f"hinted {KEY}")
    screen.under_way(f"waiting for {KEY}")
    screen.row(row())
    screen.step(row())
    screen.table(("name", "key"), [("a", KEY)])


def test_no_way_of_writing_shows_a_secret() -> None:
    for kind in (Terminal, io.StringIO):
        out, err = kind(), kind()
        show(Screen(out=out, err=err, secrets=SECRETS))
        assert KEY not in out.getvalue() + err.getvalue()
        assert out.getvalue().count("[secret:api]") >= 4
        assert "hinted [secret:api]" in err.getvalue()


def test_pieces_that_make_up_a_secret_are_never_shown() -> None:
    out = Terminal()
    screen = Screen(out=out, err=io.StringIO(), secrets=SECRETS)
    for piece in ("key: ", *KEY):
        screen.piece(piece)
    assert out.getvalue() == "key: [secret:api]"
    screen.piece(" or sk-l")
    assert out.getvalue() == "key: [secret:api] or "
    screen.end_text()
    assert out.getvalue() == "key: [secret:api] or sk-l\n"


def test_what_waited_of_a_void_answer_is_not_shown() -> None:
    out = Terminal()
    screen = Screen(out=out, err=io.StringIO(), secrets=SECRETS)
    screen.piece("so: sk-live")
    screen.piece("a whole answer", fresh=True)
    screen.end_text()
    screen.end_text()
    assert out.getvalue() == "so: \na whole answer\n"
