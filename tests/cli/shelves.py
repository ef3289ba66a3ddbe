"""Shelves: a bench with a project of two tools."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.bench import Bench, Said

from remit.core.values import JsonObject, JsonValue

MODULE = '''
from typing import Literal
from remit.tools import tool

@tool(effect="read", price=0.01)
async def weather(city: str, units: Literal["c", "f"] = "c", days: list[int] | None = None) -> dict:
    """Weather in a city now.

    Args:
        city: The city's name.
    """
    return {}

@tool
async def sky(city: str) -> str:
    """The sky above a city."""
    return "blue"

TOOLS = [weather, sky]
'''
LOCAL = '[sources.local]\npython = "tools.py:TOOLS"\nowner = "us"\n'


@dataclass(frozen=True)
class Shelf:
    """A project on a bench."""

    bench: Bench

    @property
    def file(self) -> Path:
        """The project's file."""
        return self.bench.folder / "remit.toml"

    def __call__(self, act: str, *words: str) -> Said:
        """Do an act with the project, in this process."""
        return self.bench("tools", act, "--project", str(self.file), *words)

    def module(self, was: str = "", now: str = "") -> None:
        """Write the module of tools, changed."""
        assert was in MODULE
        (self.bench.folder / "tools.py").write_text(MODULE.replace(was, now) if was else MODULE)

    def statuses(self) -> dict[str, JsonValue]:
        """Give how tools stand, by name."""
        return {str(row["name"]): row["status"] for row in rows(self("list", "--json").json["tools"])}


def rows(value: JsonValue) -> Sequence[JsonObject]:
    """Read a list of objects."""
    assert isinstance(value, list)
    return [row for row in value if isinstance(row, dict)]
