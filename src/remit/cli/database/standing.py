"""Standing: what `remit db status` tells; its exit status is for scripts that wait for a database to be ready."""

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.events import SCHEMA
from remit.core.values import JsonObject
from remit.journal.postgres import Patience, SchemaStatus, status
from remit.journal.postgres.archive import Measured, measured
from remit.journal.postgres.schema import VERSION

_SOON = Patience(outage=3.0)
"""Whoever looks wants to know now whether it can be reached."""


async def standing(url: str, screen: Screen) -> int:
    """Tell it, and give the exit status: waiting while migrations are pending, refused when this code is too old."""
    found = await status(url, patience=_SOON)
    code, state = _state(found)
    inside = await measured(url, patience=_SOON) if found.version and code != exits.REFUSED else None
    if screen.json:
        screen.result(_json(found, state, inside))
        return code
    screen.say(f"{found.place}: {state}")
    screen.say(
        f"version    {found.version or 'none'}; this Remit has {VERSION}; {found.oldest or 'any'} or later works"
    )
    for step in found.pending:
        screen.say(f"pending    {step.version} {step.name}")
    if inside is not None:
        _told(inside, screen)
    if code == exits.WAITING:
        screen.hint("run `remit db migrate`")
    elif code == exits.REFUSED:
        screen.hint("upgrade remit on this machine")
    return code


def _state(found: SchemaStatus) -> tuple[int, str]:
    if found.oldest > VERSION or found.events > SCHEMA:
        return exits.REFUSED, "newer than this Remit, which cannot work with it"
    if found.version == 0:
        return exits.WAITING, "no store yet"
    if found.pending:
        return exits.WAITING, f"{len(found.pending)} migrations pending"
    if found.version > VERSION:
        return exits.DONE, "newer than this Remit, which still works with it"
    return exits.DONE, "up to date"


def _told(inside: Measured, screen: Screen) -> None:
    statuses = ", ".join(f"{count} {name}" for name, count in inside.statuses.items())
    screen.say(f"sessions   {statuses or 'none'}")
    screen.say(f"archived   {inside.archived} in {inside.archives} files")
    screen.say(f"on disk    {', '.join(f'{name} {_bytes(size)}' for name, size in inside.sizes.items())}")
    screen.say(f"workers    {inside.workers} alive")


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _json(found: SchemaStatus, state: str, inside: Measured | None) -> JsonObject:
    told: JsonObject = {
        "place": found.place,
        "state": state,
        "version": found.version,
        "code": VERSION,
        "oldest": found.oldest,
        "events": found.events,
        "pending": [f"{step.version} {step.name}" for step in found.pending],
    }
    if inside is not None:
        told |= {
            "sessions": {**inside.statuses},
            "bytes": {**inside.sizes},
            "workers": inside.workers,
            "archived": inside.archived,
            "archives": inside.archives,
        }
    return told
