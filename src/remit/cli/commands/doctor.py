"""`remit doctor`: say what is configured, reachable and missing; the exit status is 1 when something is broken."""

import argparse
import os

from remit.cli import exits
from remit.cli.checks import Finding, Level, machine, place
from remit.cli.options import add_store
from remit.cli.reaching import models, reached
from remit.cli.screen import Screen
from remit.core.values import JsonValue

_MARKS: dict[Level, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "note": ("note", "yellow"),
    "broken": ("BROKEN", "bold red"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Make every check and show what was found."""
    screen = Screen(out=args.out, json=args.json)
    findings: list[Finding] = []
    for finding in machine():
        findings.append(finding)
    async for finding in reached(os.environ):
        findings.append(finding)
    async for finding in models(os.environ):
        findings.append(finding)
    async for finding in place(args.store):
        findings.append(finding)
    broken = sum(finding.level == "broken" for finding in findings)
    if screen.json:
        checks: list[JsonValue] = [{"name": one.name, "level": one.level, "text": one.text} for one in findings]
        screen.result({"checks": checks, "broken": broken})
    else:
        for finding in findings:
            mark, style = _MARKS[finding.level]
            screen.say(f"{mark:<6} {finding.name:<12} {finding.text}", style if finding.level != "ok" else "")
    return exits.FAILED if broken else exits.DONE
