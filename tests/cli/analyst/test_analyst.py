"""`remit analyst`: answers for people and machines, files it leaves, what it refuses, and how a session goes on."""

from pathlib import Path

import msgspec
import pytest
from tests.cli.bench import Bench, Said

from remit.apps.analyst import PACKAGES
from remit.cli.agents import load
from remit.cli.analyst.again import Setup, reference
from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.home import Settings
from remit.sandbox.native import NativeSandbox

MODELS = Path(__file__).with_name("models.py.txt")


@pytest.fixture
def sales(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with three sales, in the folder where the command runs, with the models beside it."""
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("REMIT_MODEL", raising=False)
    (bench.folder / "models.py").write_text(MODELS.read_text())
    path = bench.folder / "sales.csv"
    path.write_text("id,amount\n1,10.50\n2,20.25\n3,5.00\n")
    return path


@pytest.fixture
def boxes() -> None:
    """Skip where no box with pandas can be had, and say why."""
    known = NativeSandbox(packages=PACKAGES).capabilities()
    if not known.available or known.level == "landlock only" or set(PACKAGES) - set(known.packages):
        pytest.skip(f"no box of the native tier with pandas: {'; '.join(known.missing)}")


def asked(bench: Bench, sales: Path, model: str, *words: str) -> Said:
    return bench("analyst", str(sales), "What?", "--model", f"{bench.folder / 'models.py'}:{model}", *words)


def test_a_person_reads_the_answer_and_a_table(bench: Bench, sales: Path) -> None:
    said = asked(bench, sales, "last_two", "--with", "sql")
    assert said.status == 0
    assert said.out == "The last two.\n\nid\tamount\n3\t5.0\n2\t20.25\n"
    assert "with SQL" in said.err
    assert "done" in said.err
    assert not list(bench.folder.glob("analyst-*"))


def test_a_quiet_answer_has_nothing_around_it(bench: Bench, sales: Path) -> None:
    said = asked(bench, sales, "last_two", "--with", "sql", "--quiet")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("The last two.")


def test_a_machine_reads_one_object(bench: Bench, sales: Path) -> None:
    said = asked(bench, sales, "last_two", "--with", "sql", "--json")
    assert said.json["output"] == {
        "answer": "The last two.",
        "table": [{"id": 3, "amount": 5.0}, {"id": 2, "amount": 20.25}],
    }
    assert (said.json["status"], said.json["files"], said.json["exit"], said.status) == ("done", [], 0, 0)


def test_a_chart_is_written_where_it_is_wanted_and_never_over_another(bench: Bench, sales: Path, boxes: None) -> None:
    first = asked(bench, sales, "chart", "--out", "charts", "--with", "pandas")
    assert "See sales.png." in first.out
    assert "wrote charts/sales.png" in first.err
    again = asked(bench, sales, "chart", "--out", "charts", "--json")
    (file,) = msgspec.convert(again.json["files"], list[dict[str, JsonValue]])
    assert (file["name"], file["path"], file["media"]) == ("sales.png", "charts/sales-2.png", "image/png")
    assert (bench.folder / "charts" / "sales-2.png").read_bytes().startswith(b"\x89PNG")


def test_a_chart_goes_into_a_folder_of_the_session_otherwise(bench: Bench, sales: Path, boxes: None) -> None:
    said = asked(bench, sales, "chart", "--with", "pandas", "--json")
    assert (bench.folder / f"analyst-{said.session}" / "sales.png").is_file()


def test_a_question_that_cannot_be_answered_fails_with_the_reason(bench: Bench, sales: Path) -> None:
    said = asked(bench, sales, "nothing", "--with", "sql")
    assert (said.status, said.out) == (1, "")
    assert "failed" in said.err
    told = asked(bench, sales, "nothing", "--with", "sql", "--json")
    assert (told.status, told.json["status"]) == (1, "failed")


def test_the_analyst_of_a_session_is_found_again(bench: Bench, sales: Path) -> None:
    said = asked(bench, sales, "last_two", "--with", "sql", "--json")
    assert bench("send", said.session, "And now?").status == 0
    resumed = bench("resume", said.session, "--json")
    assert (resumed.status, resumed.json["status"]) == (0, "done")
    assert bench("replay", said.session).status == 0


def test_a_reference_gives_the_agent_and_the_settings_of_its_home(bench: Bench, sales: Path) -> None:
    model = f"{bench.folder / 'models.py'}:last_two"
    setup = Setup(files=(str(sales),), way="sql", model=model, budget=0.25)
    loaded = load(reference(setup))
    assert (loaded.agent.name, loaded.agent.limits.usd) == ("analyst", 0.25)
    assert isinstance(loaded.settings, Settings)
    for wrong in ("nothing", "bm90aGluZw", "_hidden"):
        with pytest.raises(ConfigError, match="has no"):
            load(f"remit.cli.analyst.again:{wrong}")
    sales.unlink()
    with pytest.raises(ConfigError, match="no file"):
        load(reference(setup))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "give files and a question"),
        (("sales.csv",), "the question comes last"),
        (("What?",), "give a file before the question"),
        (("sales.csv", " "), "the question is empty"),
        (("sales.csv", "What?"), "name a model"),
        (("sales.csv", "What?", "--model", "nobody:x"), "no model"),
        (("gone.csv", "What?", "--model", "openai:x"), "no file"),
        (("agent.py", "What?", "--model", "openai:x"), "cannot be read"),
        (("sales.csv", "What?", "--model", "openai:x", "--budget", "-1"), "not below 0"),
        (("sales.csv", "What?", "--demo"), "brings its own files"),
    ],
)
def test_a_command_line_that_is_wrong_says_what_to_do(
    bench: Bench, sales: Path, words: tuple[str, ...], why: str
) -> None:
    said = bench("analyst", *words)
    assert said.status == 2
    assert why in said.err


def test_a_broken_file_costs_nothing_and_names_its_line(bench: Bench, sales: Path) -> None:
    sales.write_text("id,amount\n1,2\n3,4,5\n")
    said = asked(bench, sales, "last_two", "--with", "sql")
    assert said.status == 1
    assert "sales.csv: line 3 has 3 values instead of 2" in said.err


def test_a_question_can_come_from_standard_input(bench: Bench, sales: Path) -> None:
    model = f"{bench.folder / 'models.py'}:last_two"
    words = ("analyst", str(sales), "-", "--with", "sql", "--model", model, "--quiet")
    said = bench.process(*words, told="What were they?")
    assert (said.status, said.out.splitlines()[0]) == (0, "The last two.")


def test_the_demonstration_says_that_its_model_is_scripted_and_keeps_its_claims(bench: Bench, sales: Path) -> None:
    said = bench("analyst", "--demo", "--with", "sql")
    assert said.status == 0
    assert "The model is scripted" in said.out
    assert "10 of 10 claims hold" in said.out
    assert "NOT SO" not in said.out


def test_the_demonstration_with_pandas_draws_a_chart(bench: Bench, sales: Path, boxes: None) -> None:
    said = bench("analyst", "--demo", "--with", "pandas", "--out", "charts", "--json")
    assert (said.status, said.json["ok"], said.json["way"]) == (0, True, "pandas")
    assert (bench.folder / "charts" / "sales-by-month.png").is_file()
