"""`remit tools diff`: what changed since tools were reviewed. The exit status tells how bad it is."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from remit.cli import exits
from remit.cli.screen import Screen
from remit.cli.tools.listing import beside, say_beside
from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts import Change, Kind, same, worst
from remit.tools.registry import Catalogue, Found, Project, Registry

COMPATIBLE, BREAKING, SUSPICIOUS = 10, 11, 12

STATUSES = f"""exit status:
   {exits.DONE}  nothing changed
   {exits.FAILED}  a source is broken, and nothing worse than compatible was found elsewhere
  {COMPATIBLE}  compatible changes, or tools that nobody has reviewed
  {BREAKING}  a breaking change, or a tool that is gone
  {SUSPICIOUS}  a suspicious change: a text that seems to give orders to the model"""

_STYLES: dict[Kind, str] = {"compatible": "", "breaking": "yellow", "suspicious": "bold red"}


@dataclass(frozen=True, slots=True)
class Differences:
    """What changed since tools were reviewed."""

    changed: tuple[Found, ...]
    new: tuple[Found, ...]
    removed: tuple[str, ...]
    catalogue: Catalogue

    @property
    def worst(self) -> Kind | None:
        """How bad the worst of it is."""
        kinds = [change for one in (*self.changed, *self.new) for change in one.changes]
        if self.removed:
            kinds.append(Change("breaking", "", "is gone", "removed"))
        found = worst(kinds)
        return "compatible" if found is None and (self.changed or self.new) else found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these tools; patterns as in `jira:search_*`")
    parser.epilog = STATUSES


async def main(args: argparse.Namespace, project: Project) -> int:
    """Say what changed."""
    screen = Screen(out=args.out, json=args.json)
    found = await differences(project, args.names)
    if screen.json:
        screen.result(_told(found))
    else:
        say(screen, found)
        say_beside(screen, found.catalogue)
        if not (found.worst or found.catalogue.broken):
            screen.hint("nothing changed since it was reviewed")
    return _status(found)


async def differences(project: Project, names: Sequence[str]) -> Differences:
    """Compare tools with what was reviewed, all of them unless some are named."""
    lock = project.lock()
    async with Registry(project) as registry:
        catalogue = Catalogue(await registry.find(*names), {}, {}) if names else await registry.catalogue()
    here = {one.name for one in catalogue.found}
    broken = {source for source in catalogue.broken if not source.startswith("tools.")}
    gone = [name for name in lock if name not in here and lock[name].contract.source.partition(":")[2] not in broken]
    return Differences(
        changed=tuple(
            one for one in catalogue.found if one.name in lock and not same(lock[one.name].contract, one.contract)
        ),
        new=tuple(one for one in catalogue.found if one.name not in lock),
        removed=() if names else tuple(gone),
        catalogue=catalogue,
    )


def say(screen: Screen, found: Differences) -> None:
    """Write what changed, tool by tool."""
    for one in found.changed:
        for change in one.changes:
            screen.say(f"{one.name}: {change}", _STYLES[change.kind])
        if not one.changes:
            screen.say(f"{one.name}: compatible: nothing that a caller relies on")
    for one in found.new:
        screen.say(f"{one.name}: new: {one.now.effect}: {one.now.description}")
        for change in one.changes:
            screen.say(f"{one.name}: {change}", _STYLES[change.kind])
    for name in found.removed:
        screen.say(f"{name}: breaking: it is gone", _STYLES["breaking"])


def _told(found: Differences) -> JsonObject:
    listed = [(one.name, change) for one in (*found.changed, *found.new) for change in one.changes]
    changes: list[JsonValue] = [{"tool": name, **msgspec.to_builtins(change)} for name, change in listed]
    return {
        "worst": found.worst,
        "changes": changes,
        "changed": [one.name for one in found.changed],
        "new": [one.name for one in found.new],
        "removed": list(found.removed),
        **beside(found.catalogue),
    }


def _status(found: Differences) -> int:
    match found.worst:
        case "suspicious":
            return SUSPICIOUS
        case "breaking":
            return BREAKING
        case kind:
            return exits.FAILED if found.catalogue.broken else COMPATIBLE if kind else exits.DONE
