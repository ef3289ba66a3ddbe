"""Checking: all tools, one after the other."""

import importlib
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from remit.core.ports import Tool
from remit.core.values import now_ms
from remit.tools.checking.calling import Pace
from remit.tools.checking.options import Options
from remit.tools.checking.report import Checked, Report


class _Trial(Protocol):
    async def checked(self) -> Checked: ...


class _Trials(Protocol):
    """The module that needs the extra `contracts`, which is loaded only when tools are checked."""

    def Trial(self, tool: Tool, options: Options, pace: Pace, run: str) -> _Trial: ...  # noqa: N802 - it is a class


async def check_tools(
    tools: Sequence[Tool],
    options: Options | None = None,
    *,
    under_way: Callable[[str], None] = lambda _: None,
    pace: Pace | None = None,
) -> Report:
    """Call tools as their contracts allow and forbid, and report what does not keep to them.

    `under_way` is told the name of each tool before its turn. Raise `ConfigError` without the extra `contracts`.
    """
    trials = cast("_Trials", importlib.import_module("remit.tools.checking.trial"))
    wanted, at, run = options or Options(), now_ms(), secrets.token_hex(6)
    turns = pace or Pace(wanted.per_second)
    found: list[Checked] = []
    for tool in tools:
        under_way(tool.spec.name)
        found.append(await trials.Trial(tool, wanted, turns, run).checked())
    return Report(tuple(found), wanted.seed, at, wanted.allow_unproven)
