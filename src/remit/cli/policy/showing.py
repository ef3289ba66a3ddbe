"""`remit policy schema`: what policies may speak of, in Cedar's own words or as its JSON."""

import argparse

from remit.cli import exits
from remit.cli.policy.sources import tools
from remit.cli.screen import Screen
from remit.policy.cedar import schema_of, schema_text


async def main(args: argparse.Namespace) -> int:
    """Show it."""
    screen = Screen(out=args.out, json=args.json)
    specs = await tools(args)
    if screen.json:
        screen.result(schema_of(specs))
    else:
        screen.say(schema_text(specs).rstrip())
    return exits.DONE
