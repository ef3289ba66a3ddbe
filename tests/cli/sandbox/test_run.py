"""`remit sandbox run`: a program in, its result out, and errors that say what to do."""

from pathlib import Path

import pytest
from tests.cli.bench import Bench, Said

from remit.sandbox.choosing import standard


@pytest.fixture(autouse=True)
def interpreter() -> None:
    """Skip where the weakest tier is not installed."""
    known = standard().sandboxes[0].capabilities()
    if not known.available:
        pytest.skip("; ".join(known.missing))


def ran(bench: Bench, code: str, *words: str) -> Said:
    """Run a program for which the weakest tier will do."""
    file = bench.folder / "program.py"
    file.write_text(code, encoding="utf-8")
    return bench("sandbox", "run", str(file), "--language", "subset", *words)


def test_what_it_printed_and_its_value_are_the_output(bench: Bench) -> None:
    said = ran(bench, "print('hello')\n{'sum': 1 + 1}")
    assert (said.status, said.out) == (0, 'hello\n{"sum":2}\n')
    assert "in the tier 'interpreter'" in said.err
    assert ran(bench, "'text'").out == "text\n"
    assert ran(bench, "x = 1").out == ""
    told = ran(bench, "1 + 1", "--json")
    assert {key: told.json[key] for key in ("status", "value", "tier", "files")} == {
        "status": "ok", "value": 2, "tier": "interpreter", "files": {},
    }  # fmt: skip


def test_a_failure_is_told_with_its_line_and_the_status(bench: Bench) -> None:
    said = ran(bench, "print('before')\n1 / 0")
    assert (said.status, said.out) == (1, "before\n")
    assert "line 2" in said.err
    assert "ZeroDivisionError" in said.err
    large = ran(bench, "'x' * 2_000_000")
    assert large.status == 1
    assert "output_limit" in large.err


def test_the_program_can_come_from_standard_input(bench: Bench) -> None:
    said = bench.process("sandbox", "run", "-", "--language", "subset", told="6 * 7")
    assert (said.status, said.out) == (0, "42\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("absent.py",), "the program 'absent.py' cannot be read"),
        (("/",), "the program '/' cannot be read"),
        (("program.py", "--mount", "data.csv"), "a mount is written SRC:/data/NAME, and this is 'data.csv'"),
        (("program.py", "--mount", "x:/etc/x"), "a mount is written SRC:/data/NAME"),
        (("program.py", "--mount", "absent.csv:/data/x"), "there is no 'absent.csv' to mount"),
        (("program.py", "--package", "no_such_library"), "native: "),
        (("program.py", "--least", "docker"), "'bubblewrap'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(bench: Bench, words: tuple[str, ...], says: str) -> None:
    program = bench.folder / "program.py"
    program.write_text("1", encoding="utf-8")
    given = tuple(str(program) if word == "program.py" else word for word in words)
    said = bench("sandbox", "run", *given)
    assert (said.status, said.out) == (2, "")
    assert says in said.err


def test_text_that_is_no_program_is_refused(bench: Bench) -> None:
    file = bench.folder / "picture.png"
    file.write_bytes(b"\x89PNG\xff")
    said = bench("sandbox", "run", str(file))
    assert said.status == 2
    assert "cannot be read" in said.err


def test_a_mounted_file_can_be_read(bench: Bench, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n")
    said = ran(bench, "open('/data/table.csv').read()", "--mount", f"{table}:/data/table.csv")
    if "no files" in said.err or "cannot mount" in said.err:
        pytest.skip("no tier of this machine mounts files")
    assert (said.status, said.out) == (0, "a,b\n\n")
