"""Gives a test of the desk a world of its own."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.apps.desk.rig import Rig, rig


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[Rig]:
    """A desk with Jira, mail and webhook."""
    async with rig(tmp_path / "store") as opened:
        yield opened
