"""The documentation keeps its promises: links lead somewhere, every public name has its entry, texts stay short."""

import importlib
import re
from pathlib import Path

import pytest

from remit.cli.entry import COMMANDS
from remit.cli.exits import MEANINGS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGES = ("journal", "models", "policy", "runtime", "strategies", "telemetry", "testing", "tools")


def read(name: str) -> str:
    """Read a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Give a page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", prose(page))
    broken = [link for link in links if "://" not in link and not (page.parent / link).is_file()]
    assert broken == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_of_a_package_is_in_the_reference(package: str) -> None:
    entries = re.findall(r"^::: [\w.]+\.(\w+)$", read(f"docs/reference/{package}.md"), flags=re.MULTILINE)
    public: list[str] = importlib.import_module(f"remit.{package}").__all__
    assert sorted(public) == sorted(set(entries) - {"crash", "journals"})


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
