"""`remit tools check`: what people, machines and CI are told of tools that keep their contracts and that do not."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.bench import Bench, Said
from tests.tools.checking import jira

from remit.tools.checking import last_checks

MODULE = '''
from typing import Literal
from remit.tools import tool

@tool(effect="read")
async def weather(city: str, units: Literal["c", "f"] = "c") -> str:
    """Weather in a city now."""
    return city

@tool(effect="read")
async def broken(city: str, units: Literal["c", "f"] = "c") -> str:
    """Weather in a city now, for some."""
    return {"c": "cold"}[units]

@tool
async def send(to: str) -> str:
    """Send something."""
    return to

GOOD = [weather, send]
BAD = [weather, broken]
'''
JIRA = """
[sources.jira]
openapi = "jira.yaml"
server = "http://127.0.0.1:9/rest/api/3"
stand_in = "http://127.0.0.1:{port}/rest/api/3"

[policy]
hosts = "hosts.txt"
"""
EXAMPLES = {
    "getIssue": [{"issueIdOrKey": "DEMO-1"}],
    "doTransition": [{"issueIdOrKey": "DEMO-1"}],
    "addComment": [{"issueIdOrKey": "DEMO-1"}],
    "createIssue": [{"body": {"fields": {"project": {"key": "DEMO"}}}}],
}


def check(bench: Bench, project: str, *words: str, locked: bool = True) -> Said:
    (bench.folder / "tools.py").write_text(MODULE, encoding="utf-8")
    (bench.folder / "remit.toml").write_text(project, encoding="utf-8")
    file = str(bench.folder / "remit.toml")
    if locked:
        bench("tools", "lock", "--project", file, "--yes")
    return bench("tools", "check", "--project", file, *words)


def local(name: str) -> str:
    return f'[sources.local]\npython = "tools.py:{name}"\n'


@contextmanager
def served(bench: Bench, *drift: str) -> Generator[str]:
    (bench.folder / "jira.yaml").write_text(jira.DOCUMENT, encoding="utf-8")
    (bench.folder / "examples.json").write_text(json.dumps(EXAMPLES), encoding="utf-8")
    command = [sys.executable, str(Path(jira.__file__)), *drift]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        (bench.folder / "hosts.txt").write_text(f"allow: 127.0.0.1:{port}\n", encoding="utf-8")
        try:
            yield JIRA.replace("{port}", port)
        finally:
            process.terminate()


def test_tools_that_keep_their_contracts_pass(bench: Bench) -> None:
    said = check(bench, local("GOOD"))
    assert said.status == 0, said
    assert "ok        weather  " in said.out
    assert "skipped   send     not called" in said.out
    assert "it acts once; declare `dry_run`" in said.out
    assert "2 tools: 1 ok, 1 skipped; --seed 0 makes the same calls again" in said.out
    kept = last_checks(bench.folder / "store" / "tool-checks.jsonl")
    assert {name: health.status for name, health in kept.items()} == {"weather": "ok", "send": "skipped"}


def test_a_breach_fails_and_is_told_with_the_arguments_that_show_it(bench: Bench) -> None:
    junit = bench.folder / "build" / "tools.xml"
    said = check(bench, local("BAD"), "--junit", str(junit))
    assert said.status == 1
    assert "BREACH    broken" in said.out
    assert "values: `units`: it breaks with \"f\": KeyError: 'f'" in said.out
    assert 'arguments: {"city":"text","units":"f"}' in said.out
    weather, broken = sorted(ElementTree.fromstring(junit.read_bytes()), key=lambda suite: suite.get("failures", ""))
    assert (weather.get("name"), weather.get("failures")) == ("weather", "0")
    assert (broken.get("name"), broken.get("failures")) == ("broken", "1")


def test_a_tool_that_nobody_reviewed_is_not_called_and_fails(bench: Bench) -> None:
    said = check(bench, local("GOOD"), locked=False)
    assert said.status == 1
    assert "UNPROVEN  weather  not called" in said.out
    assert "it is withheld: " in said.out
    assert "was never reviewed" in said.out


def test_machines_are_told_in_one_object(bench: Bench) -> None:
    said = check(bench, local("BAD"), "--json", "--only", "b*", "--seed", "3")
    assert said.status == 1
    assert (said.json["passed"], said.json["seed"], said.json["broken"]) == (False, 3, {})
    (tool,) = json.loads(said.out)["tools"]
    assert (tool["tool"], tool["status"], tool["failed"]) == ("broken", "breach", True)
    assert [breach["field"] for phase in tool["phases"] for breach in phase["breaches"]] == ["units"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "nothing*"], "--only: no tool is named nothing*; there are:"),
        (["--calls", "0"], "a check needs calls of at least 1"),
        (["--examples", "no-such-file"], "--examples: no-such-file cannot be read"),
        (["--examples", __file__], "--examples: " + __file__ + ' is not {"tool": [{arguments}]}'),
        (["--junit", "/dev/null/x"], "--junit: /dev/null/x cannot be written"),
        (["--per-second", "0"], "per_second is above 0"),
    ],
)
def test_a_mistake_of_the_command_line_is_told(bench: Bench, words: list[str], message: str) -> None:
    said = check(bench, local("GOOD"), *words)
    assert said.status == 2
    assert message in said.err


def test_a_stand_in_that_is_as_its_document_says_passes(bench: Bench) -> None:
    with served(bench) as project:
        said = check(bench, project, "--stand-in", "--examples", str(bench.folder / "examples.json"))
    assert said.status == 0, said
    assert "6 tools: 6 ok" in said.out


def test_a_stand_in_that_drifted_fails_with_the_exact_field_in_the_report_and_for_ci(bench: Bench) -> None:
    junit = bench.folder / "tools.xml"
    with served(bench, "renamed", "required") as project:
        words = ["--stand-in", "--examples", str(bench.folder / "examples.json"), "--junit", str(junit)]
        said = check(bench, project, *words)
    assert said.status == 1, said
    for field in ("`fields.summary` of the answer is missing", "`customfield_10010`: the world demands it"):
        assert field in said.out
        assert field in junit.read_text(encoding="utf-8").replace("&quot;", '"')


def test_a_source_that_cannot_be_opened_fails_and_hides_no_other(bench: Bench) -> None:
    project = local("GOOD") + '[sources.gone]\nopenapi = "gone.yaml"\n'
    said = check(bench, project)
    assert said.status == 1
    assert "ok        weather" in said.out
    assert "gone: " in said.err
