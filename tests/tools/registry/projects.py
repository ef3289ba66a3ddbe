"""Projects for the tests: a folder with a `remit.toml`, a module of tools, and whatever else a source needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from remit.core.ports import Tool, ToolContext
from remit.tools.contracts import Lock
from remit.tools.registry import Catalogue, Project, Registry

CONTEXT = ToolContext(key="k1", session="s1", call="c1")

MODULE = '''
from pathlib import Path

from remit.tools import tool

LIFE = Path(__file__).with_name("life.txt")

@tool(effect="read")
async def weather(city: str) -> str:
    """Weather in a city now."""
    return f"rain in {city}"

@tool
async def search_notes(text: str) -> list[str]:
    """Search notes."""
    return [text]

@tool
async def search_mail(text: str) -> list[str]:
    """Search mail."""
    return [text]

TOOLS = [weather, search_notes, search_mail]

class Group:
    name = "group"

    async def open(self):
        LIFE.write_text((LIFE.read_text() if LIFE.exists() else "") + "opened ")
        return [weather]

    async def close(self):
        LIFE.write_text(LIFE.read_text() + "closed ")

group = Group()

def make():
    return (search_notes, group)

async def make_later():
    return weather

def broken():
    raise LookupError("no shelf")

def endless():
    return endless
'''
LOCAL = '[sources.local]\npython = "tools.py:TOOLS"\n'


@dataclass(frozen=True)
class Folder:
    """A project's folder."""

    path: Path

    @property
    def file(self) -> Path:
        """The project's file."""
        return self.path / "remit.toml"

    def write(self, text: str) -> Project:
        """Write the project's file, and read it."""
        self.file.write_text(text, encoding="utf-8")
        return Project.read(self.file)

    @property
    def life(self) -> str:
        """What became of the group of tools."""
        return (self.path / "life.txt").read_text().strip()

    def module(self, text: str = MODULE, name: str = "tools.py") -> None:
        """Write a module of tools."""
        (self.path / name).write_text(text, encoding="utf-8")

    async def lock(self, project: Project, *patterns: str) -> None:
        """Review tools, all of them unless some are named."""
        lock = Lock.read(project.lock_file)
        async with Registry(project) as registry:
            for found in await registry.find(*(patterns or ("*",))):
                lock = lock.with_(found.contract, "ann", date(2026, 1, 2).isoformat())
        lock.write(project.lock_file)


def by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    """Give tools by their names."""
    return {tool.spec.name: tool for tool in tools}


async def picked(project: Project, *patterns: str) -> dict[str, Tool]:
    """Open a toolset, close it, and give what it had."""
    toolset = Registry(project).pick(*patterns)
    try:
        return by_name(await toolset.open())
    finally:
        await toolset.close()


async def catalogue(project: Project) -> Catalogue:
    """Give all tools of a project."""
    async with Registry(project) as registry:
        return await registry.catalogue()


def statuses(found: Catalogue) -> dict[str, str]:
    """Give how tools stand, by name."""
    return {one.name: one.status for one in found.found}
