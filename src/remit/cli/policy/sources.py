"""Sources: where policies are read from, and the tools they are about."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from remit.cli.agents import load
from remit.core.errors import ConfigError
from remit.core.toolspec import ToolSpec
from remit.home.project import read_policies
from remit.runtime import Toolsets
from remit.tools.registry import Project, Registry

TABLES = ".tests.toml"


@dataclass(frozen=True, slots=True)
class Given:
    """Policies with the tools they are about."""

    folder: Path
    files: Mapping[str, str]
    """The text of each file, by its path as a person would type it."""
    specs: tuple[ToolSpec, ...]


async def given(args: argparse.Namespace) -> Given:
    """Read what a command line names, or else the project; raise `ConfigError` when there is nothing."""
    folder = _folder(args)
    return Given(folder, read_policies(folder), await tools(args))


async def tools(args: argparse.Namespace) -> tuple[ToolSpec, ...]:
    """Give the contracts of the agent's tools, or of all of the project's; raise `ConfigError` for a broken source."""
    if args.agent:
        toolsets = Toolsets()
        try:
            found = await toolsets.tools(load(args.agent).agent)
            return tuple(tool.spec for tool in found.values())
        finally:
            await toolsets.close()
    async with Registry(Project.read(args.project)) as registry:
        catalogue = await registry.catalogue()
    if catalogue.broken:
        lines = (f"{name}: {why}" for name, why in catalogue.broken.items())
        raise ConfigError("\n".join(("policies cannot be held against tools whose source is broken:", *lines)))
    # A policy may be written before its tools are reviewed.
    return tuple(one.tool.spec if one.verdict.reviewed else one.now for one in catalogue.found)


def text(path: Path) -> str:
    """Read a file; raise `ConfigError` when that cannot be."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read: {why}") from None


def _folder(args: argparse.Namespace) -> Path:
    if args.policies:
        return Path(args.policies)
    if args.agent and not Path(args.project).is_file():
        raise ConfigError("--policies DIR names the folder of the policies")
    project = Project.read(args.project)
    if project.cedar_folder is None:
        raise ConfigError(f'{args.project} names no policies; add `cedar = "policies"` to [policy], or --policies DIR')
    # As it was typed, so that what is printed can be clicked.
    return Path(args.project).parent / project.policy.cedar
