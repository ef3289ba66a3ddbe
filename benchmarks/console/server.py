"""Server: the console over a filled store, in a process of its own; `python -m benchmarks.console.server FOLDER`.

Beside the console there is an empty page, the floor of what any page takes; and a switch that has sessions change.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from benchmarks.console.filling import TENANT
from remit.core import events as ev
from remit.core.limits import Tenant
from remit.core.ports import SessionQuery, Store
from remit.home import Home, Settings
from remit.server.access import LocalAccess
from remit.server.api import Bind, serving, site
from remit.server.console import console
from remit.server.entrance import Bounds, Entrance
from remit.server.projection.running import projecting
from remit.server.service import Service

EMPTY = "/floor"
CHANGING = "/changing"
_PAGE = "<!doctype html><html lang=en><title>floor</title><p id=floor>nothing</p></html>"


class Changing:
    """Has so many sessions change a second, one after the other of the newest."""

    def __init__(self, store: Store) -> None:
        """Begin at rest."""
        self._store, self._task = store, asyncio.create_task(asyncio.sleep(0))

    async def set(self, request: Request) -> Response:
        """Change as many as the path says, from now on."""
        self._task.cancel()
        self._task = asyncio.create_task(self._change(int(request.path_params["number"])))
        return PlainTextResponse("so be it")

    async def _change(self, a_second: int) -> None:
        rows = await self._store.sessions(SessionQuery(status="idle", tenant=TENANT, limit=150))
        tails = {row.id: (await self._store.read(row.id))[-1].seq for row in rows}
        number = 0
        while a_second:
            name = rows[number % len(rows)].id
            number += 1
            run = 2 + number // len(rows)
            events: list[ev.Event] = [
                ev.MessageReceived("and once more"),
                ev.RunOpened(run, "react@1", "w", 0),
                ev.RunEnded(run, "done", f"done for the {run}. time"),
            ]
            tails[name] = await self._store.append(name, events, after=tails[name])
            await asyncio.sleep(1 / a_second)


async def _serve(folder: str) -> None:
    async with _opened(folder) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _opened(folder: str) -> AsyncIterator[str]:
    settings = Settings(tenants=(Tenant(name=TENANT, usd_per_day=25.0),))
    async with Home.open(folder, settings) as home, projecting(home, folder) as views:
        changing = Changing(home.store)

        async def empty(request: Request) -> Response:
            return HTMLResponse(_PAGE, headers={"Cache-Control": "no-store"})

        def floor(entrance: Entrance) -> Sequence[BaseRoute]:
            return [Route(EMPTY, empty), Route(f"{CHANGING}/{{number:int}}", changing.set, methods=["POST"])]

        service = Service(home, [], projection=views)
        app = site(service, LocalAccess(TENANT, None, name="ann"), Bounds(), fronts=[console, floor])
        async with serving(app, service, Bind(port=0), grace=1.0) as url:
            yield url


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(sys.argv[1]))
