"""Running agents: output, exit statuses and errors, for people and for machines."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.bench import Bench, environment


def test_an_answer_is_the_output_and_all_else_is_said_aside(bench: Bench) -> None:
    said = bench("run", bench.ref("agent"), "hello there")
    assert (said.status, said.out) == (0, "hello there\n")
    assert said.err.startswith("session ")
    assert bench("run", bench.ref("agent"), "hello", "--quiet").err == ""


def test_json_is_one_object_and_nothing_else(bench: Bench) -> None:
    said = bench.run("agent", "hi")
    assert said.err == ""
    assert said.json == {
        "session": said.session, "run": 1, "status": "done", "output": "hi", "reason": "", "cost_usd": 0.0,
        "waits": None,
        "next": [f'remit run {bench.ref("agent")} --session {said.session} --store {bench.folder / "store"} "..."'],
        "exit": 0,
    }  # fmt: skip


def test_a_session_goes_on_by_the_beginning_of_its_id(bench: Bench) -> None:
    first = bench.run("agent", "one")
    second = bench.run("agent", "two", "--session", first.session[:6])
    assert (second.session, second.json["run"]) == (first.session, 2)


@pytest.mark.parametrize("name", ["made", "agent", ""])
def test_an_agent_is_a_value_or_what_a_function_gives(bench: Bench, name: str) -> None:
    assert bench.run(name).json["output"] == "go"


@pytest.mark.parametrize(
    ("name", "status", "word"), [("mute", 1, "failed"), ("rich", 5, "refused"), ("clerk", 3, "waiting")]
)
def test_the_exit_status_tells_how_it_ended(bench: Bench, name: str, status: int, word: str) -> None:
    said = bench.run(name)
    assert (said.status, said.json["status"], said.json["exit"]) == (status, word, status)


def test_what_is_waited_for_comes_with_the_commands_that_go_on(bench: Bench) -> None:
    said = bench("run", bench.ref("clerk"), "go")
    assert said.status == 3
    assert 'refund(order="A1", usd=30)  (c1_0_0)' in said.err
    assert "remit approve" in said.err
    assert "remit deny" in said.err


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("agent.py:nobody", "agent.py has no 'nobody'"),
        ("agent.py:not_an_agent", "is a int, not an Agent"),
        ("missing.py:agent", "no file"),
        (":agent", "names no file"),
        ("no_such_module_:agent", "ModuleNotFoundError"),
        ("broken.py:agent", "broken.py cannot be loaded: ZeroDivisionError: division by zero (line 2)"),
    ],
)
def test_an_agent_that_cannot_be_loaded_is_a_usage_error_in_one_line(bench: Bench, ref: str, words: str) -> None:
    (bench.folder / "broken.py").write_text("x = 1\nx / 0\n")
    said = bench("run", str(bench.folder / ref) if ".py" in ref else ref, "go", "--json")
    assert said.status == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.json["kind"] == "ConfigError"


def test_an_empty_message_is_refused(bench: Bench) -> None:
    assert bench("run", bench.ref("agent"), "  ").status == 2


def test_a_tenant_owns_what_it_began(bench: Bench) -> None:
    said = bench.run("clerk", "go", "--tenant", "acme")
    assert bench.listed("--tenant", "acme") == [said.session]
    assert bench.listed("--tenant", "default") == []
    assert bench("approve", said.session, "--json").json["status"] == "done"
    assert bench.run("clerk", "go", "--session", said.session, "--tenant", "other").status == 2


def test_a_module_declares_the_settings_of_its_home(bench: Bench) -> None:
    text = "from remit import Agent, Settings\nfrom remit.testing import EchoModel\n"
    text += (
        "settings = Settings(models={'own': lambda name: EchoModel(name=name)})\nagent = Agent('a', model='own:x')\n"
    )
    (bench.folder / "agent.py").write_text(text)
    assert bench.run("agent", "hi").json["output"] == "hi"
    assert bench.run("agent", "hi", "--tenant", "unknown").status == 2


def test_a_store_that_is_not_one_is_refused_in_one_line(bench: Bench) -> None:
    (bench.folder / "store").mkdir()
    (bench.folder / "store" / "journal.db").write_bytes(b"not a database, but quite long" * 100)
    said = bench.run("agent")
    assert (said.status, said.json["kind"]) == (1, "CorruptJournalError")
    assert bench("sessions", "--json").json["kind"] == "CorruptJournalError"


# -- as a process ------------------------------------------------------------------------------------------------------


def test_the_command_runs_in_a_folder_and_reads_standard_input(bench: Bench) -> None:
    said = bench.process("run", "agent.py", "-", told="from a pipe\n")
    assert (said.status, said.out) == (0, "from a pipe\n\n")
    assert (bench.folder / ".remit" / "journal.db").is_file()


def test_a_module_is_found_from_the_folder(bench: Bench) -> None:
    assert bench.process("run", "agent:made", "hi", "--quiet").out == "hi\n"


def test_debug_shows_the_traceback(bench: Bench) -> None:
    said = bench.process("run", "missing.py", "hi", REMIT_DEBUG="1")
    assert said.status == 2
    assert "Traceback" in said.err


def test_a_new_project_runs_and_its_tests_pass_and_nothing_is_overwritten(bench: Bench, tmp_path: Path) -> None:
    assert bench.process("new", "hello").status == 0
    inside = Bench(tmp_path / "hello", bench.capture)
    said = inside.process("run", "agent.py:agent", "What day was 1969-07-20?")
    assert (said.status, said.out) == (0, "That is a Sunday.\n")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=inside.folder, env=environment(),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "3 passed" in tested.stdout
    assert "hello" in (tmp_path / "hello" / "README.md").read_text()
    (tmp_path / "hello" / "agent.py").write_text("mine")
    again = bench.process("new", "hello", "--json")
    assert (again.status, again.json["kind"]) == (2, "ConfigError")
    assert (tmp_path / "hello" / "agent.py").read_text() == "mine"


def test_a_run_goes_on_with_the_trace_of_who_started_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    monkeypatch.setenv("TRACEPARENT", header)
    session = bench.run("agent").session
    bench("send", session, "more")
    monkeypatch.setenv("TRACEPARENT", "nothing")
    bench("send", session, "yet more")
    said = [line for line in bench("show", session, "--json").lines if line["kind"] == "MessageReceived"]
    assert [line["fields"]["trace"] for line in said] == [header, header, ""]  # pyright: ignore[reportCallIssue, reportArgumentType, reportIndexIssue, reportOptionalSubscript]
