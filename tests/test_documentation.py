"""The documentation keeps its promises: links lead somewhere, every public name has its entry, texts stay short."""

import argparse
import contextlib
import importlib
import io
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from tests.runtime.test_kill import KILLS

from remit.apps.desk.handling import SAMPLES
from remit.cli.entry import COMMANDS
from remit.cli.exits import MEANINGS
from remit.core.events import Event

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGES = (
    "home",
    "journal",
    "journal.postgres",
    "journal.postgres.archive",
    "journal.postgres.shared",
    "memory",
    "models",
    "policy",
    "policy.cedar",
    "policy.hosts",
    "runtime",
    "sandbox",
    "sandbox.bubblewrap",
    "sandbox.containers",
    "sandbox.microvm",
    "sandbox.monty",
    "sandbox.native",
    "sandbox.pool",
    "sandbox.remote",
    "sandbox.wasm",
    "server.a2a",
    "server.access",
    "server.access.oidc",
    "server.administration",
    "server.agui",
    "server.api",
    "server.beginnings",
    "server.console",
    "server.entrance",
    "server.exporting",
    "server.fleet",
    "server.mcp",
    "server.notices",
    "server.openai",
    "server.service",
    "server.switches",
    "strategies",
    "telemetry",
    "telemetry.cost",
    "telemetry.metrics",
    "telemetry.spans",
    "telemetry.trace",
    "testing",
    "testing.sandboxes",
    "testing.server",
    "tools",
    "tools.checking",
    "tools.contracts",
    "tools.http",
    "tools.http.proxy",
    "tools.mcp",
    "tools.openapi",
    "tools.registry",
    "tools.search",
    "tools.secrets",
)
ALONE = {
    "remit.home.project.Governed",
    "remit.models.adapters.pydantic_ai",
    "remit.models.http.multiplexed",
    "remit.policy.secrets.logs.RedactingFilter",
    "remit.policy.secrets.redaction.Redaction",
    "remit.policy.secrets.registered.overheard",
    "remit.sandbox.choosing.Choosing",
    "remit.sandbox.choosing.standard",
    "remit.server.exporting.logs.LogExport",
    "remit.server.exporting.logs.Logging",
    "remit.server.exporting.logs.Output",
    "remit.server.exporting.otlp.Exporting",
    "remit.server.exporting.otlp.SpanExport",
    "remit.server.exporting.otlp.SpanExporter",
    "remit.server.exporting.prometheus.Exposition",
    "remit.server.exporting.rules.FILES",
    "remit.server.exporting.rules.FOLDER",
    "remit.server.exporting.rules.copy",
    "remit.server.exporting.scraping.scraped",
    "remit.telemetry.logs.Line",
    "remit.telemetry.logs.Logs",
    "remit.testing.crash",
    "remit.testing.journals",
    "remit.testing.lessons",
    "remit.testing.secrets",
}
"""Modules that the reference shows besides what their packages export."""


def read(name: str) -> str:
    """Read a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def read_page(page: Path) -> str:
    """Read a page."""
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Give a page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", read_page(page), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", prose(page))
    broken = [link for link in links if "://" not in link and not (page.parent / link).is_file()]
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Give the names under which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", prose(page))
    broken = [(to, name) for to, name in links if name not in anchors(page.parent / to if to else page)]
    assert broken == []


@cache
def options(command: str, act: str) -> set[str]:
    """Give the options of a command, and of an act of it where it has some."""
    parser, printed = argparse.ArgumentParser(), io.StringIO()
    importlib.import_module(COMMANDS[command][0]).add_arguments(parser)
    silent = contextlib.redirect_stderr(io.StringIO())
    with contextlib.redirect_stdout(printed), silent, contextlib.suppress(SystemExit):
        parser.parse_args([act, "--help"])
    return set(re.findall(r"--[a-z][a-z-]*", parser.format_help() + printed.getvalue()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_option_of_a_command_in_a_text_exists(page: Path) -> None:
    uses = [found for found in re.findall(r"\bremit ([a-z]+)\b([^`|#\n]*)", read_page(page)) if found[0] in COMMANDS]
    unknown = {
        (name, each)
        for name, rest in uses
        for each in re.findall(r"--[a-z][a-z-]*", rest)
        if each not in options(name, rest.strip().partition(" ")[0])
    }
    assert unknown == set()


@pytest.mark.parametrize("folder", ["how-to", "concepts", "decisions", "reference"])
def test_the_index_of_a_folder_lists_all_its_pages(folder: str) -> None:
    index = read(f"docs/{folder}/index.md")
    pages = [page.name for page in (ROOT / "docs" / folder).glob("*.md") if page.name != "index.md"]
    assert [name for name in pages if f"({name})" not in index] == []


def test_the_layout_names_every_package() -> None:
    packages = [path.parent.name for path in (ROOT / "src" / "remit").glob("*/__init__.py")]
    assert [name for name in packages if not re.search(rf"^  {name}/ ", read("AGENTS.md"), re.MULTILINE)] == []
    assert [name for name in packages if f"| `{name}` |" not in read("docs/concepts/layers.md")] == []


def test_every_make_target_in_a_text_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z]+)\b", read_page(page), re.MULTILINE)}
    assert named - targets == set()


def test_counts_in_texts_are_those_of_the_code() -> None:
    assert f"kills {3 * KILLS} real workers" in read("README.md")
    assert f"There are {len(get_args(Event))} kinds" in read("docs/concepts/sessions.md")
    assert f"{len(list(SAMPLES.glob('*.eml')))} messages" in read("docs/how-to/run-the-support-desk.md")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_of_a_package_is_in_the_reference(package: str) -> None:
    entries = re.findall(r"^::: ([\w.]+)$", read(f"docs/reference/{package.partition('.')[0]}.md"), flags=re.MULTILINE)
    inner = tuple(f"remit.{other}." for other in PACKAGES if other.startswith(f"{package}."))
    own = [entry for entry in entries if entry.startswith(f"remit.{package}.") and not entry.startswith(inner)]
    public: list[str] = importlib.import_module(f"remit.{package}").__all__
    assert sorted(public) == sorted(entry.rpartition(".")[2] for entry in own if entry not in ALONE)


def test_every_name_of_the_face_is_in_the_reference() -> None:
    page = read("docs/reference/remit.md")
    names: list[str] = importlib.import_module("remit").__all__
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_command_and_exit_status_is_in_the_reference() -> None:
    page = read("docs/reference/command-line.md")
    assert [name for name in COMMANDS if f"`remit {name}" not in page] == []
    assert [line for line in (f"| {code} | {what} |" for code, what in MEANINGS.items()) if line not in page] == []


def test_the_agent_of_the_readme_has_at_most_twelve_lines() -> None:
    block = re.search(r"^```python[^\n]*\n(.*?)^```$", read("README.md"), flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    assert len([line for line in block[1].splitlines() if line.strip()]) <= 12


def test_the_rules_for_agents_fit_on_a_page() -> None:
    assert len(read("AGENTS.md").splitlines()) <= 120


def test_a_line_of_the_changelog_is_one_sentence_of_at_most_25_words() -> None:
    lines = [line for line in read("CHANGELOG.md").splitlines() if line.startswith("- ")]
    assert lines
    assert [line for line in lines if len(line.split()) > 26 or not line.endswith(".")] == []
