"""Places: opens the store or the home a command works on, and finds a session by the beginning of its id."""

import importlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from remit.cli.agents import Loaded
from remit.cli.options import Driving
from remit.cli.standing import Standing, stand
from remit.cli.stores import is_url
from remit.core.errors import ConfigError, UnknownSessionError
from remit.core.limits import Tenant
from remit.core.ports import SessionQuery, SessionRow, Store
from remit.core.state import State
from remit.home import MEMORY, Home, Settings
from remit.journal import Durability, RedactedStore, SqliteJournal
from remit.policy import Secrets
from remit.runtime import FileWorkers

JOURNAL = "journal.db"
WORKERS = "workers"
ALL = 1_000_000


@asynccontextmanager
async def stored(place: str, secrets: Secrets | None = None) -> AsyncGenerator[Store]:
    """Open the store of a home that exists, and keep secrets out of it; raise `ConfigError` where there is none."""
    store = RedactedStore(await _existing(place), secrets or Secrets())
    try:
        yield store
    finally:
        await store.close()


async def _existing(place: str) -> Store:
    if is_url(place):
        return await _database().PostgresJournal.open(place)
    path = Path(place) / JOURNAL
    if not path.is_file():
        raise ConfigError(f"no sessions in {place!r}; `remit run` begins one, --store names another place")
    return SqliteJournal(path)


def driven(loaded: Loaded, wish: Driving) -> Loaded:
    """Give an agent the model that the command line names, if it names one."""
    return replace(loaded, agent=replace(loaded.agent, model=wish.model)) if wish.model else loaded


def settled(loaded: Loaded, tenant: str, durability: Durability | None) -> Settings:
    """Give the settings of a home for an agent: its module's, with what the command line says."""
    settings = loaded.settings or Settings()
    if durability is not None:
        settings = replace(settings, durability=durability)
    if loaded.settings is None and tenant and tenant not in {known.name for known in settings.tenants}:
        # Where nobody declared tenants, a name is enough; where somebody did, an unknown one is refused by the home.
        settings = replace(settings, tenants=(Tenant(name=tenant),))
    return settings


def home(place: str, settings: Settings) -> Home:
    """Open a home for driving."""
    if place != MEMORY and Path(place).is_file():
        raise ConfigError(f"{place!r} is a file; a store is a folder")
    return Home.open(place, settings)


async def find(store: Store, wanted: str) -> str:
    """Give the whole id of a session; raise `UnknownSessionError` unless exactly one begins like this."""
    rows = await store.sessions(SessionQuery(limit=ALL))
    ids = [row.id for row in rows]
    if wanted in ids:
        return wanted
    found = [name for name in ids if wanted and name.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownSessionError(f"{wanted!r} is the beginning of {len(found)} sessions: {', '.join(found[:10])}")
    raise UnknownSessionError(f"no session {wanted!r} here; `remit sessions` lists them")


async def folded(store: Store, session: str) -> State:
    """Give what a session is now."""
    return State.fold(record.event for record in await store.read(session))


async def standing(place: str, store: Store, session: str) -> Standing:
    """Say where a session stands."""
    state = await folded(store, session)
    worker = state.run.worker if state.run else ""
    return stand(session, state, place, alive=bool(await living(place, [worker])))


async def living(place: str, names: Iterable[str]) -> frozenset[str]:
    """Give those of these workers that are alive; the files of the dead are taken away."""
    wanted = {name for name in names if name}
    if wanted and is_url(place):
        return await _database().living(place) & wanted
    folder = Path(place) / WORKERS
    if not wanted or not folder.is_dir():
        return frozenset()
    workers = FileWorkers(folder)
    try:
        return frozenset(name for name in wanted if workers.alive(name))
    finally:
        workers.close()


async def fallen(place: str, store: Store, rows: Sequence[SessionRow]) -> frozenset[str]:
    """Give the ids of those whose run is under way and whose worker is dead."""
    workers: dict[str, str] = {}
    for row in rows:
        if row.status == "running":
            run = (await folded(store, row.id)).run
            if run is not None and run.suspended is None:
                workers[row.id] = run.worker
    alive = await living(place, workers.values())
    return frozenset(name for name, worker in workers.items() if worker not in alive)


class _Opens(Protocol):
    async def open(self, url: str) -> Store: ...


class _Database(Protocol):
    PostgresJournal: _Opens

    async def living(self, url: str) -> frozenset[str]: ...


def _database() -> _Database:
    # Its driver is an extra, and nobody else needs it.
    return cast("_Database", importlib.import_module("remit.journal.postgres"))
