"""Every command, variable and metric that the deployment names is one that Remit has."""

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.deploy.composing import ours
from tests.deploy.rendering import CHART, DEPLOY, FULL, ROOT, pods, rendered, words

from remit.cli.entry import COMMANDS, Command
from remit.telemetry.metrics import BREAKERS, FAMILIES, QUEUE, READERS

PAGES = [ROOT / "docs/how-to/deploy.md", *sorted((ROOT / "docs/operations").glob("*.md"))]
TEXTS = [path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def parsed(given: list[str]) -> argparse.Namespace:
    """Read a command line as `remit` does; raise `ValueError` for one it would not take."""
    name, *rest = given
    if name not in COMMANDS:
        raise ValueError(f"there is no `remit {name}`")
    command = cast("Command", importlib.import_module(COMMANDS[name][0]))
    parser = argparse.ArgumentParser(prog=f"remit {name}", exit_on_error=False)
    command.add_arguments(parser)
    try:
        return parser.parse_args(rest)
    except (SystemExit, argparse.ArgumentError) as error:
        raise ValueError(f"`remit {shlex.join(given)}`: {error}") from error


def deployed() -> Iterator[tuple[str, list[str]]]:
    """Give what containers of ours are told to do, with whose it is."""
    for name, service in ours().items():
        yield f"compose {name}", service["command"]
    for label, values in (("chart", {}), ("full chart", FULL)):
        for name, template in pods(rendered(values)).items():
            yield f"{label} {name}", words(template)


@pytest.mark.parametrize("name", ["server", "worker", "migrate", "rules"])
def test_what_compose_runs_is_a_command(name: str) -> None:
    parsed(ours()[name]["command"])


@pytest.mark.parametrize("name", ["api", "worker", "gateway", "migrate"])
def test_what_the_chart_runs_is_a_command(name: str) -> None:
    for values in ({}, FULL):
        parsed(words(pods(rendered(values))[f"prod-remit-{name}"]))


@pytest.mark.parametrize(
    "line", ["work agent.py", "serve agent.py --metric-port 1", "serve agent.py --port many", "gateway --host x"]
)
def test_a_command_that_is_none_is_seen(line: str) -> None:
    with pytest.raises(ValueError, match=r"remit (work|serve|gateway)"):
        parsed(line.split())


def test_who_serves_drives_nothing_and_who_drives_says_how_it_fares() -> None:
    for name, given in deployed():
        if given[0] == "serve" and "--write-rules" not in given:
            assert {"--workers=0", "--host=0.0.0.0"} <= set(given), name
        if given[0] in {"serve", "worker"} and "--write-rules" not in given:
            # Probes and Prometheus ask from elsewhere.
            assert "--metrics=0.0.0.0:9464" in given, name


# What pages tell people to run


def told(text: str) -> Iterator[list[str]]:
    """Give the commands of Remit in the fenced blocks of a page, as they are given to `remit`."""
    for block in re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^\s*(?:\$ )?|-- )remit (?P<rest>[a-z][^|>#]*)", line)
            found = found or re.search(r"compose run --rm (?:-T )?\w+ (?P<rest>[a-z][^|>#]*)", line)
            if found:
                yield shlex.split(found["rest"])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_tells_people_to_run_is_a_command(page: Path) -> None:
    for given in told(page.read_text(encoding="utf-8")):
        parsed(given)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_speaks_of_is_a_command(page: Path) -> None:
    assert set(re.findall(r"`remit ([a-z]+)", page.read_text(encoding="utf-8"))) <= set(COMMANDS)


def test_pages_and_notes_are_read() -> None:
    page = "Text\n```\n$ remit db status\ndocker compose run --rm server keys new --name me\n```\nremit lies"
    assert list(told(page)) == [["db", "status"], ["keys", "new", "--name", "me"]]
    assert sum(len(list(told(one.read_text(encoding="utf-8")))) for one in PAGES) >= 4
    for given in told(f"```\n{rendered().notes}\n```"):
        parsed(given)


# Names


def named(pattern: str) -> dict[str, list[str]]:
    """Give what looks like a name of ours in the files, with the files."""
    found: dict[str, list[str]] = {}
    for path in [*TEXTS, *PAGES]:
        for name in re.findall(pattern, path.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(path.name)
    return found


def test_every_variable_is_read_by_remit() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/remit").rglob("*.py"))
    # Compose's own, which names an image.
    unread = {name: where for name, where in named(r"\bREMIT_[A-Z_]+\b").items() if f'"{name}"' not in source}
    assert set(unread) <= {"REMIT_IMAGE"}, unread


def test_every_metric_is_one_that_remit_tells() -> None:
    known = {family.name for family in (*FAMILIES, *BREAKERS, *QUEUE, *READERS)}
    found = named(r"\bremit_[a-z_]+(?=\{|\)|`)")
    assert {"remit_queue_oldest_seconds", "remit_queue_depth"} <= set(found)
    # A schema of the database's, which pages name too.
    assert {name: where for name, where in found.items() if name not in {*known, "remit_queue"}} == {}


def test_every_link_to_a_page_leads_somewhere() -> None:
    for path in [*TEXTS, CHART / "values.yaml"]:
        for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / page).is_file(), (path, page)
