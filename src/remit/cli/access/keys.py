"""`remit keys`: makes, lists, rotates and revokes the keys that open a server. A key is shown once, and never again."""

import argparse
from collections.abc import Sequence

from remit.cli import exits
from remit.cli.access.places import access, moment, note, span
from remit.cli.options import add_store, login
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.values import JsonObject, now_ms
from remit.server.access import ROLES, AccessStore, Key, Keys

COLUMNS = ("id", "name", "tenant", "role", "made", "expires", "last used", "state")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the acts take."""
    add_store(parser)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "roles:\n  viewer     sees\n  operator   sees, decides for people, stops\n" + (
        "  developer  sees, gives work to agents, stops\n  admin      everything"
    )
    acts = parser.add_subparsers(dest="act", metavar="ACT", required=True)
    new = acts.add_parser("new", help="make a key, and show it once")
    new.add_argument("--name", required=True, help="what decisions made with it are signed with")
    new.add_argument("--tenant", default="default", help="whose sessions it opens (default: %(default)s)")
    new.add_argument("--role", choices=ROLES, default="viewer", help="what it may do (default: %(default)s)")
    new.add_argument("--expires", metavar="TIME", default="90d", help="30m, 12h, 90d, 4w or never (default: 90d)")
    listing = acts.add_parser("list", help="list keys, without their secrets")
    listing.add_argument("--tenant", default=None, help="of this tenant only")
    rotate = acts.add_parser("rotate", help="make a key like an old one, which stays valid for a while")
    rotate.add_argument("id", metavar="ID", help="the key's id, or the beginning of it")
    rotate.add_argument("--grace", metavar="TIME", default="24h", help="how long the old one stays (default: 24h)")
    rotate.add_argument(
        "--expires", metavar="TIME", default="", help="the new one's; as long as the old one's if left out"
    )
    revoke = acts.add_parser("revoke", help="end a key now, and every login made with it")
    revoke.add_argument("id", metavar="ID", help="the key's id, or the beginning of it")
    for act in (new, listing, rotate, revoke):
        # Given before the act or after it: an act that is silent must not take back what was said before it.
        act.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="write JSON, and nothing else")
        act.add_argument("--store", metavar="DIR", default=argparse.SUPPRESS, help="where the home is")


async def main(args: argparse.Namespace) -> int:
    """Do what was asked."""
    screen = Screen(out=args.out, json=args.json)
    async with access(args.store, fresh=args.act == "new") as store:
        keys = Keys(store.keys, clock=store.now)
        match args.act:
            case "new":
                await _new(args, store, keys, screen)
            case "list":
                _list(await store.keys.all(args.tenant), screen)
            case "rotate":
                await _rotate(args, store, keys, screen)
            case _:
                old = await _find(store, args.id)
                await note(store, old.tenant, f"keys revoke: {old.id} of {old.name}")
                _told(await keys.revoke(old.id), screen, f"revoked {old.id} of {old.name}")
    return exits.DONE


async def _new(args: argparse.Namespace, store: AccessStore, keys: Keys, screen: Screen) -> None:
    lives = span(args.expires)
    await note(store, args.tenant, f"keys new: {args.name} as {args.role}, expires {args.expires}")
    key, text = await keys.new(tenant=args.tenant, role=args.role, name=args.name, by=login(), lives=lives)
    _shown(key, text, screen)


async def _rotate(args: argparse.Namespace, store: AccessStore, keys: Keys, screen: Screen) -> None:
    grace, lives = span(args.grace), span(args.expires) if args.expires else None
    if not grace:
        raise ConfigError("an old key cannot stay for ever; say how long with --grace, or let it expire as it is")
    old = await _find(store, args.id)
    await note(store, old.tenant, f"keys rotate: {old.id} of {old.name}, grace {args.grace}")
    key, text = await keys.rotate(old.id, grace=grace, by=login(), lives=lives)
    _shown(key, text, screen)
    screen.hint(f"{old.id} stays valid for {args.grace}, or until it expires")


async def _find(store: AccessStore, wanted: str) -> Key:
    found = [key for key in await store.keys.all() if wanted and key.id.startswith(wanted)]
    if len(found) != 1:
        which = f"is the beginning of {len(found)} keys" if found else "is no key"
        raise ConfigError(f"{wanted!r} {which}; `remit keys list` lists them")
    return found[0]


def _shown(key: Key, text: str, screen: Screen) -> None:
    if screen.json:
        screen.result({**_json(key), "key": text})
        return
    screen.say(text)
    screen.hint(f"{key.id}: {key.role} of {key.tenant}, named {key.name}; it is shown only now")


def _told(key: Key, screen: Screen, text: str) -> None:
    if screen.json:
        screen.result(_json(key))
    screen.hint(text)


def _list(found: Sequence[Key], screen: Screen) -> None:
    if screen.json:
        screen.result({"keys": [_json(key) for key in found]})
        return
    screen.table(COLUMNS, [_row(key) for key in found])
    if not found:
        screen.hint("no keys; `remit keys new` makes one")


def _row(key: Key) -> tuple[str, ...]:
    times = moment(key.made), moment(key.expires) or "never", moment(key.used) or "never"
    return (key.id, key.name, key.tenant, key.role, *times, state(key, now_ms()))


def state(key: Key, at: int) -> str:
    """Say how a key stands at a time."""
    if key.valid(at):
        return f"valid until {moment(key.ends)}, then {key.heir}" if key.ends else "valid"
    if 0 < key.ends <= at:
        return f"rotated to {key.heir}" if key.heir else "revoked"
    return "expired"


def _json(key: Key) -> JsonObject:
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "role": key.role,
        "made": key.made,
        "by": key.by,
        "expires": key.expires,
        "ends": key.ends,
        "used": key.used,
        "heir": key.heir,
        "state": state(key, now_ms()),
    }
