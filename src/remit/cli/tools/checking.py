"""`remit tools check`: call the tools as their contracts say, and see whether they keep them."""

import argparse
import os
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.ports import Tool
from remit.core.values import JsonObject
from remit.telemetry import duration
from remit.tools.checking import FILE, Checked, Options, Report, check_tools, junit, keep, reproduction
from remit.tools.registry import Catalogue, Project, Registry

_STYLES = {"ok": "green", "breach": "bold red", "unproven": "yellow", "skipped": "dim"}
_KEPT = "HYPOTHESIS_STORAGE_DIRECTORY"
_USUAL = Options()

Examples = dict[str, list[JsonObject]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    add = parser.add_argument
    add("--only", metavar="GLOB", action="append", default=[], help="only tools whose names match; may be repeated")
    add("--stand-in", action="store_true", help="call the sources' stand-ins, and there also what acts once")
    add("--seed", metavar="N", type=int, default=_USUAL.seed, help="the same seed makes the same calls (%(default)s)")
    add("--calls", metavar="N", type=int, default=_USUAL.calls, help="of one tool at most (default: %(default)s)")
    add("--samples", metavar="N", type=int, default=_USUAL.samples, help="random calls of one tool (%(default)s)")
    add("--per-second", metavar="N", type=float, help="calls of all tools together in a second at most")
    add("--timeout", metavar="S", type=float, help="seconds for a call, in place of the tool's own")
    add("--examples", metavar="FILE", help='JSON: arguments that work, as {"tool": [{"id": "A-1"}]}')
    add("--allow-unproven", action="store_true", help="pass also when every valid call of a tool is refused")
    add("--junit", metavar="FILE", help="write JUnit XML for CI")
    add("--health", metavar="FILE", help=f"append a line a tool to it (default: {FILE.name} in the store)")
    parser.epilog = (
        "exit status:\n  0  every tool kept its contract, or was skipped\n"
        "  1  one did not, could not be opened, or nothing was proven of it\n"
        "  2  the command line or the project is wrong"
    )


async def main(args: argparse.Namespace, project: Project) -> int:
    """Check them and report."""
    options = _options(args)
    if "hypothesis" not in sys.modules:
        os.environ.setdefault(_KEPT, str(Path(args.store) / "hypothesis"))
    screen = Screen(out=args.out, json=args.json)
    async with Registry(project, standing_in=args.stand_in) as registry:
        catalogue = await registry.catalogue()
        tools = _chosen(catalogue, args.only)
        report = await check_tools(tools, options, under_way=lambda name: screen.under_way(f"checking {name}"))
    screen.clear()
    keep(report, Path(args.health) if args.health else Path(args.store) / FILE.name)
    if args.junit:
        _write(Path(args.junit), junit(report))
    if screen.json:
        broken: JsonObject = dict(catalogue.broken)
        screen.result({**told(report), "broken": broken})
    else:
        tell(report, screen)
        for name, why in catalogue.broken.items():
            screen.hint(f"{name}: {why}", "red")
    return exits.DONE if report.passed and not catalogue.broken else exits.FAILED


def told(report: Report) -> JsonObject:
    """Write a report for machines."""
    tools: list[JsonObject] = [
        {**msgspec.to_builtins(tool), "error_rate": round(tool.error_rate, 4), "failed": report.fails(tool)}
        for tool in report.tools
    ]
    return {"passed": report.passed, "seed": report.seed, "at": report.at, "tools": list(tools)}


def tell(report: Report, screen: Screen) -> None:
    """Write a report for people."""
    width = max((len(tool.tool) for tool in report.tools), default=0)
    for tool in report.tools:
        screen.say(f"{tool.status.upper() if report.fails(tool) else tool.status:<8}  {tool.tool:<{width}}  "
                   f"{_figures(tool)}", _STYLES[tool.status])  # fmt: skip
        if tool.reason:
            screen.say(f"          {tool.reason}")
        for breach in tool.breaches:
            lines = f"{breach.phase}: {reproduction(breach)}".splitlines()
            screen.say("\n".join(f"          {line}" for line in lines))
        for note in tool.notes:
            screen.say(f"          note: {note}", "dim")
    counts = [(status, sum(tool.status == status for tool in report.tools)) for status in _STYLES]
    said = ", ".join(f"{count} {status}" for status, count in counts if count)
    screen.say(f"{counted(len(report.tools), 'tool')}: {said}; --seed {report.seed} makes the same calls again")


def counted(number: int, what: str, plural: str = "s") -> str:
    """Write a count with its noun."""
    return f"{number} {what}{'' if number == 1 else plural}"


def _figures(tool: Checked) -> str:
    if not tool.calls:
        return "not called"
    times = f"p50 {tool.latency.p50:.0f} ms, p95 {tool.latency.p95:.0f} ms, max {tool.latency.max:.0f} ms"
    found = counted(len(tool.breaches), "breach", "es")
    ends = f"{counted(tool.calls, 'call')}: {tool.ok} ok, {tool.refused} refused, {found}"
    return f"{ends}; errors {tool.error_rate:.0%}; {times}; {duration(round(tool.seconds * 1000))}"


def _chosen(catalogue: Catalogue, only: Sequence[str]) -> list[Tool]:
    found = [one.tool for one in catalogue.found if not only or any(fnmatchcase(one.now.name, glob) for glob in only)]
    if only and not found:
        known = ", ".join(one.now.name for one in catalogue.found) or "none"
        raise ConfigError(f"--only: no tool is named {', '.join(only)}; there are: {known}")
    return found


def _options(args: argparse.Namespace) -> Options:
    return Options(
        seed=args.seed,
        calls=args.calls,
        samples=args.samples,
        per_second=args.per_second,
        timeout=args.timeout,
        stand_in=args.stand_in,
        allow_unproven=args.allow_unproven,
        examples=_examples(Path(args.examples)) if args.examples else {},
    )


def _examples(path: Path) -> Examples:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Examples)
    except OSError as error:
        raise ConfigError(f"--examples: {path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f'--examples: {path} is not {{"tool": [{{arguments}}]}}: {error}') from None


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise ConfigError(f"--junit: {path} cannot be written: {error.strerror}") from None
