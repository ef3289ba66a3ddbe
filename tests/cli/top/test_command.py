"""`remit top` without a terminal is one snapshot, for people or for machines."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.bench import Bench, Said, environment

from remit.cli import running
from remit.cli.top import command
from remit.cli.top.command import theme


def top(bench: Bench, *words: str) -> Said:
    parser = argparse.ArgumentParser()
    parser.set_defaults(command="top")
    command.add_arguments(parser)
    bench.capture.readouterr()
    status = running.run(command, parser.parse_args(["--store", str(bench.folder / "store"), *words]))
    out, err = bench.capture.readouterr()
    return Said(status, out, err)


def test_a_pipe_gets_one_snapshot(bench: Bench) -> None:
    session = bench.run("clerk").session
    bench.run("agent", "hello")
    said = top(bench)
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("running 0   waiting 1   queued 0   at rest 1")
    assert lines[2].startswith("approvals 1 ")
    assert lines[3].split("\t")[:5] == [session, "clerk", "default", "waiting", "approval"]
    assert [line.split("\t")[1] for line in lines[3:]] == ["clerk", "echo"]


def test_a_machine_gets_one_object(bench: Bench) -> None:
    session = bench.run("clerk").session
    told = top(bench, "--json", "--filter", "why:approval").json
    assert told["counts"] == {"waiting": 1}
    (ask,) = told["approvals"] if isinstance(told["approvals"], list) else []
    assert isinstance(ask, dict)
    assert (ask["session"], ask["text"]) == (session, 'refund(order="A1", usd=30)')
    (line,) = told["sessions"] if isinstance(told["sessions"], list) else []
    assert isinstance(line, dict)
    assert (line["status"], line["why"], line["steps"]) == ("waiting", "approval", 1)


def test_what_is_not_asked_for_is_left_out(bench: Bench) -> None:
    bench.run("agent", "hello")
    said = top(bench, "--once", "--show", "people")
    assert "no sessions like this" in said.err
    assert len(said.out.splitlines()) == 3


def test_budgets_come_from_the_modules_of_agents(bench: Bench) -> None:
    bench.run("agent", "hello")
    file = bench.folder / "budgeted.py"
    file.write_text(
        "from remit import Agent, Settings, Tenant\nfrom remit.testing import EchoModel\n"
        "settings = Settings(tenants=(Tenant(usd_per_day=5.0),))\nagent = Agent('a', model=EchoModel())\n"
    )
    assert top(bench, f"{file}:agent", "--json").json["budgets"] == [
        {"tenant": "default", "spent_usd": 0, "cap_usd": 5.0}
    ]


def test_a_store_that_is_not_there_and_a_pace_too_fast_are_refused(bench: Bench, tmp_path: Path) -> None:
    assert top(bench, "--store", str(tmp_path / "none")).status == 2
    assert "at least 0.1" in top(bench, "--every", "0").err


@pytest.mark.parametrize(
    ("wish", "told", "theme_"),
    [("auto", "15;0", "dark"), ("auto", "0;15", "light"), ("auto", "", "dark"), ("light", "15;0", "light")],
)
def test_the_theme_follows_the_terminal_unless_one_is_wished(wish: str, told: str, theme_: str) -> None:
    assert theme(wish, {"COLORFGBG": told} if told else {}) == theme_


LIVE = (
    "import argparse, sys\nfrom remit.cli import running\nfrom remit.cli.top import command\n"
    "parser = argparse.ArgumentParser()\ncommand.add_arguments(parser)\n"
    "sys.exit(running.run(command, parser.parse_args(sys.argv[1:])))\n"
)


def at_a_terminal(bench: Bench, code: str, until: bytes, key: bytes) -> tuple[int, bytes]:
    ours, theirs = os.openpty()
    words = [sys.executable, "-c", code, "--store", str(bench.folder / "store")]
    told = environment() | {"TERM": "xterm-256color"}
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=told)
    os.close(theirs)
    said = b""
    try:
        while until not in said:
            said += os.read(ours, 65536)
        os.write(ours, key)
        while os.read(ours, 65536):
            pass
    except OSError:
        # The other side has left.
        pass
    status = process.wait(timeout=30)
    os.close(ours)
    return status, said


def test_at_a_terminal_it_lives_until_q(bench: Bench) -> None:
    bench.run("clerk")
    status, said = at_a_terminal(bench, LIVE, b"clerk", b"q")
    assert status == 0
    assert b"clerk" in said


def test_without_the_extra_it_says_what_to_install(bench: Bench) -> None:
    bench.run("clerk")
    status, said = at_a_terminal(bench, f"import sys\nsys.modules['textual'] = None\n{LIVE}", b"remit[top]", b"")
    assert status == 2
    assert b"pip install 'remit[top]'" in said
