"""Gives every test of the command line a bench of its own."""

from pathlib import Path

import pytest
from tests.cli.bench import AGENTS, Bench
from tests.cli.shelves import LOCAL, Shelf


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    """A folder of its own with the agents in it."""
    (tmp_path / "agent.py").write_text(AGENTS.read_text(encoding="utf-8"), encoding="utf-8")
    return Bench(tmp_path, capsys)


@pytest.fixture
def shelf(bench: Bench) -> Shelf:
    """A project with two tools."""
    shelf = Shelf(bench)
    shelf.module()
    shelf.file.write_text(LOCAL)
    return shelf
