"""`remit serve`: agents, their sessions and what people decide, over HTTP, until it is stopped."""

import argparse
import contextlib
import importlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, cast

from remit.cli import exits
from remit.cli.options import add_driving, add_store, driving, login
from remit.cli.places import home
from remit.cli.resuming import ready
from remit.cli.screen import Screen
from remit.cli.serving import fronts, telemetry
from remit.cli.serving.calm import calm
from remit.cli.serving.drivers import alone, replica
from remit.cli.serving.served import add_grace, loaded, seconds, shared_settings, stopping
from remit.cli.stores import is_url
from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.server.access import (
    Access,
    AccessSettings,
    Cookies,
    PostgresAccessStore,
    access_store,
    open_access,
)
from remit.server.administration import Register
from remit.server.beginnings import beginning
from remit.server.exporting import rules
from remit.server.notices import PostgresClaims, noticing
from remit.server.projection.running import projecting
from remit.server.service import Allows, Service
from remit.server.service.streams import EACH
from remit.server.switches import Board, guarded
from remit.tools.registry import FILE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "agents",
        metavar="FILE.py:NAME",
        nargs="*",
        help="an Agent, or a function giving one; also module:NAME, or `desk`; without any, sessions are only shown",
    )
    parser.add_argument("--host", metavar="NAME", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", metavar="N", type=int, default=8000, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--tenant", metavar="NAME", default="", help="whose sessions those on this machine have")
    add_grace(parser)
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        choices=(0, 1),
        default=1,
        help="0 to drive nothing here but have `remit worker` do it, which needs a database (default: %(default)s)",
    )
    parser.add_argument(
        "--streams", metavar="N", type=int, default=EACH, help="event streams of one person at once (default: 100)"
    )
    parser.add_argument(
        "--views",
        metavar="DIR",
        default="",
        help="keep what the console shows across sessions there; of a database it is else made anew at each start",
    )
    fronts.add_arguments(parser)
    telemetry.add_arguments(parser)
    parser.add_argument(
        "--write-rules",
        metavar="DIR",
        default="",
        help="only write rules for Prometheus and a dashboard for Grafana there",
    )
    add_store(parser)
    add_driving(parser)


async def main(args: argparse.Namespace) -> int:
    """Serve until we are interrupted; then have every session stop after its step, and hand it back."""
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    if args.write_rules:
        screen.result({"written": [str(path) for path in rules.copy(Path(args.write_rules))]})
        return exits.DONE
    api, wish, place = _api(), driving(args), str(args.store)
    _check(args)
    telling, beside = telemetry.wanted(args), fronts.fronts(args)
    found = loaded(args.agents, place, wish)
    settings = shared_settings(found, str(args.tenant), wish.durability)
    async with contextlib.AsyncExitStack() as closing:
        closing.enter_context(calm())
        store = access_store(place)
        closing.push_async_callback(store.close)
        terms = AccessSettings.read(FILE)
        tenant = str(args.tenant) or settings.tenants[0].name
        door = await open_access(store, terms, host=args.host, tenant=tenant, name=login())
        # What it only counted is written before its store closes.
        closing.push_async_callback(door.access.close)
        switches = await closing.enter_async_context(Board(store.switches).kept())
        opened = await closing.enter_async_context(home(place, guarded(settings, switches)))
        claims = PostgresClaims(store.lines) if isinstance(store, PostgresAccessStore) else None
        notices = await closing.enter_async_context(noticing(FILE, settings.secrets, claims))
        agents = [await closing.enter_async_context(ready(one)) for one in found]
        views = await closing.enter_async_context(projecting(opened, place, views=str(args.views)))
        service = Service(
            opened,
            agents,
            allows=Allows(own_approvals=terms.own_approvals, streams=args.streams),
            projection=views,
            switches=switches,
            driving=alone if args.workers else replica,
        )
        register = Register(door.keys, store.log, door.facts, strangers=len(settings.tenants) == 1)
        begun = await closing.enter_async_context(beginning(service, FILE, settings.secrets, audit=store.log))
        app = api.site(service, door.access, cookies=door.cookies, register=register, fronts=[*beside, begun.front])
        bind = api.Bind(host=args.host, port=args.port)
        with stopping() as stop:
            # Around the service: what its last steps were is told too.
            async with (
                telemetry.telling(opened, api, telling, notices, [begun.measured]) as watched,
                api.serving(app, service, bind, grace=args.grace) as url,
                begun.running(),
            ):
                screen.result(_listening(url, watched, begun.told))
                screen.hint("listening; Ctrl-C stops after the steps under way, a second one at once")
                await stop.wait()
                screen.hint("stopping: sessions are handed back after the step they are in")
    return exits.DONE


def _listening(url: str, watched: str, begins: Sequence[JsonObject]) -> JsonObject:
    said: JsonObject = {"listening": url}
    if watched:
        said["metrics"] = watched
    if begins:
        said["begins"] = [*begins]
    return said


def _check(args: argparse.Namespace) -> None:
    """Raise `ConfigError` for numbers that cannot be meant."""
    if not 0 <= args.port < 65536:
        raise ConfigError(f"--port is from 0 to 65535, not {args.port}")
    seconds("--grace", args.grace)
    if not args.workers and not is_url(str(args.store)):
        raise ConfigError(
            "--workers 0 leaves the work to `remit worker`, which shares a database, and "
            f"{str(args.store)!r} is a folder: --store postgresql://USER@HOST/DATABASE, or REMIT_STORE"
        )
    if args.streams < 1:
        raise ConfigError(f"--streams is at least 1, not {args.streams}")


class _Api(Protocol):
    def Bind(self, *, host: str, port: int) -> object: ...  # noqa: N802 - a class of that package
    def listening(self, app: object, bind: object) -> AbstractAsyncContextManager[str]: ...
    def site(
        self,
        service: Service,
        access: Access,
        *,
        cookies: Cookies | None,
        register: Register,
        fronts: Sequence[fronts.Front],
    ) -> object: ...
    def serving(
        self, app: object, service: Service, bind: object, *, grace: float
    ) -> AbstractAsyncContextManager[str]: ...


def _api() -> _Api:
    # Its libraries are an extra, and whoever lacks them is told so.
    try:
        return cast("_Api", importlib.import_module("remit.server.api"))
    except ImportError as error:
        raise ConfigError(f"`remit serve` needs an extra: pip install 'remit[server]' ({error})") from error
