"""Gives every test of the registry a project's folder of its own."""

from pathlib import Path

import pytest
from tests.tools.registry.projects import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with a module of tools in it."""
    folder = Folder(tmp_path)
    folder.module()
    return folder
