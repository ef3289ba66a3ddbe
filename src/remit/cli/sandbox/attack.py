"""`remit sandbox attack`: runs the attack suite on tiers and shows what held."""

import argparse
import asyncio
from collections.abc import Sequence

from remit.cli import exits
from remit.cli.sandbox.table import Column, markdown, say, told
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Capabilities, Sandbox, Tier
from remit.sandbox.choosing import Choosing, Deferred, standard
from remit.testing.sandboxes import ATTACKS, Attack, Attacked, Unheld, run_attacks

_WARNING = (
    "the tier 'none' holds nothing: every attack is about to run with your rights; each is harmless, but it is "
    "what a program could do"
)


async def main(args: argparse.Namespace) -> int:
    """Attack the tiers that were asked for, or all that there are."""
    screen = Screen(out=args.out, json=args.json or args.markdown)
    tiers, attacks = _tiers(args.tiers), _attacks(args.only)
    choosing = standard()
    try:
        columns, absent = await _attacked(screen, _asked(choosing, tiers), attacks, given=bool(tiers))
    finally:
        screen.clear()
        await choosing.close()
    if args.json:
        screen.result(told(columns, absent))
    elif args.markdown:
        screen.say(markdown(columns))
    else:
        say(screen, columns, absent)
    return exits.FAILED if any(column.unexpected() for column in columns) else exits.DONE


def _tiers(names: Sequence[str]) -> list[Tier]:
    unknown = [name for name in names if name not in TIERS]
    if unknown:
        raise ConfigError(f"no tier is named {unknown[0]!r}; there are: {', '.join(TIERS)}")
    return [tier for tier in TIERS if tier in names]


def _attacks(text: str) -> tuple[Attack, ...]:
    found = tuple(attack for attack in ATTACKS if text in attack.name)
    if not found:
        raise ConfigError(f"no attack has {text!r} in its name")
    return found


def _asked(choosing: Choosing, tiers: Sequence[Tier]) -> list[Sandbox]:
    among: list[Sandbox] = [Unheld()] if "none" in tiers else []
    for sandbox in choosing.sandboxes:
        if not tiers or (isinstance(sandbox, Deferred) and sandbox.tier in tiers):
            among.append(sandbox)
    return among


async def _attacked(
    screen: Screen, among: Sequence[Sandbox], attacks: Sequence[Attack], *, given: bool
) -> tuple[list[Column], list[Capabilities]]:
    """Run the attacks where it can be done; raise `ConfigError` when one that was `given` is not available."""
    columns: list[Column] = []
    absent: list[Capabilities] = []
    for sandbox in among:
        known = await asyncio.to_thread(sandbox.capabilities)
        if not known.available:
            absent.append(known)
            continue
        if known.tier == "none":
            screen.hint(_WARNING, "yellow")
        columns.append(Column(known, await _column(screen, sandbox, attacks)))
    if absent and (given or not columns):
        lines = "".join(f"\n  {known.tier}: {'; '.join(known.missing)}" for known in absent)
        raise ConfigError(f"not available on this machine:{lines}")
    return columns, absent


async def _column(screen: Screen, sandbox: Sandbox, attacks: Sequence[Attack]) -> tuple[Attacked, ...]:
    found: list[Attacked] = []
    tier = sandbox.capabilities().tier
    for number, attack in enumerate(attacks, 1):
        screen.under_way(f"{tier}: {number} of {len(attacks)}, {attack.name}")
        found += await run_attacks(sandbox, (attack,))
    return tuple(found)
