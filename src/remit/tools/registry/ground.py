"""Ground: what a source stands on when it is opened, and what it gives then."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from remit.core.ports import Tool
from remit.tools.registry.edge import Edge
from remit.tools.registry.settings import UNSAID, ToolSettings, over
from remit.tools.registry.sources import Source


@dataclass(frozen=True, slots=True)
class Ground:
    """What a source stands on."""

    folder: Path
    """Where relative paths begin."""
    edge: Edge
    tools: Mapping[str, ToolSettings] = field(default_factory=dict[str, ToolSettings])
    """What the project says of tools by their final names."""
    standing_in: bool = False
    """Open the stand-in of a source, not the source itself."""

    def said(self, source: Source, key: str, usual: str) -> ToolSettings:
        """Give all that is said of a tool, by its name at the source and the one it usually gets; its name is set."""
        own = source.tools.get(key, UNSAID)
        name = own.name or usual
        return over(over(ToolSettings(name=name, owner=source.owner), own), self.tools.get(name, UNSAID))


@dataclass(frozen=True, slots=True)
class Taken:
    """A tool as its source has it, with what is said of it."""

    tool: Tool
    settings: ToolSettings
    hosts: tuple[str, ...] = ()
    standing_in: bool = False
    """Whether it is a stand-in's: then it may be at another host than the one that was reviewed."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a source gave."""

    taken: tuple[Taken, ...]
    close: Callable[[], Awaitable[None]]
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why tools that are there cannot be offered, by the source's names."""


class Opener(Protocol):
    """The module of a kind of source."""

    async def open_source(self, name: str, source: Source, ground: Ground) -> Opened:
        """Open it; raise `ConfigError` or `ToolError`, saying what to do, when that cannot be."""
        ...


async def nothing() -> None:
    """Close what needs no closing."""
