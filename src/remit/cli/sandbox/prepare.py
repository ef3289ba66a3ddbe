"""`remit sandbox prepare`: build and download once what tiers need, so that no program waits for it."""

import argparse

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.programs import TIERS
from remit.core.values import JsonValue
from remit.sandbox.choosing import Deferred, standard


async def main(args: argparse.Namespace) -> int:
    """Prepare the tiers that were named, or all."""
    unknown = [name for name in args.tiers if name not in TIERS[1:]]
    if unknown:
        raise ConfigError(f"no tier {unknown[0]!r}; there are: {', '.join(TIERS[1:])}")
    screen = Screen(out=args.out, json=args.json)
    sandbox = standard()
    found: dict[str, str] = {}
    try:
        for each in sandbox.sandboxes:
            if isinstance(each, Deferred) and (not args.tiers or each.tier in args.tiers):
                found[each.tier] = await _prepared(screen, each)
    finally:
        screen.clear()
        await sandbox.close()
    if screen.json:
        told: dict[str, JsonValue] = {**found}
        screen.result({"tiers": told})
    else:
        for tier, said in found.items():
            screen.say(f"{tier:<12}  {said}")
    return exits.FAILED if any(tier in args.tiers and said not in _GOOD for tier, said in found.items()) else exits.DONE


_GOOD = ("ready", "needs nothing")


async def _prepared(screen: Screen, each: Deferred) -> str:
    screen.under_way(f"preparing {each.tier}")
    try:
        return "ready" if await each.prepare() else "needs nothing"
    except ConfigError as error:
        return str(error)
