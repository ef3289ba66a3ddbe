"""`remit policy check`: what is wrong with policies, and which tools they leave to nobody."""

import argparse

import msgspec

from remit.cli import exits
from remit.cli.policy.sources import given
from remit.cli.screen import Screen
from remit.core.toolspec import ToolSpec
from remit.policy.cedar import CedarPolicies, check_policies


async def main(args: argparse.Namespace) -> int:
    """Say it, with a line for each mistake."""
    screen = Screen(out=args.out, json=args.json)
    known = await given(args)
    problems = check_policies(known.files, known.specs)
    if problems:
        if screen.json:
            screen.result({"ok": False, "problems": msgspec.to_builtins(problems)})
        for problem in problems if not screen.json else ():
            screen.say(str(problem), "red")
        return exits.USAGE
    policies = CedarPolicies(known.files, known.specs)
    closed = policies.closed()
    if screen.json:
        counts = {"policies": len(policies.policies), "files": len(known.files), "tools": len(known.specs)}
        screen.result({"ok": True, "problems": [], **counts, "closed": list(closed)})
        return exits.DONE
    for name in closed:
        screen.say(f"note: nobody may use `{name}`{_why(name, known.specs)}")
    screen.say(
        f"{_count(len(policies.policies), 'policy', 'policies')} in {_count(len(known.files), 'file', 'files')} "
        f"{'is' if len(policies.policies) == 1 else 'are'} fine for {_count(len(known.specs), 'tool', 'tools')}"
    )
    return exits.DONE


def _why(name: str, specs: tuple[ToolSpec, ...]) -> str:
    dangerous = any(spec.name == name and spec.dangerous for spec in specs)
    return ": it is dangerous, and no permit names it" if dangerous else ": no permit covers it"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
