"""Opening: everything in a project's `remit.toml` that begins sessions, for a server or a worker to keep running."""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from msgspec.structs import replace

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, now_ms
from remit.policy import Secrets
from remit.server.access.records import AuditLog
from remit.server.beginnings.cron import Cron
from remit.server.beginnings.imap import ImapMailbox
from remit.server.beginnings.mailbox import Mailbox
from remit.server.beginnings.maildir import Maildir
from remit.server.beginnings.schedules import Schedules
from remit.server.beginnings.settings import (
    Declared,
    HookSettings,
    ImapSettings,
    InboxSettings,
    MaildirSettings,
    ScheduleSettings,
    Settings,
)
from remit.server.beginnings.signatures import fitting
from remit.server.beginnings.starting import Kind, Source, Starter
from remit.server.service import Service
from remit.telemetry.metrics import Measured
from remit.tools.registry import Project
from remit.tools.secrets import Vault

_log = logging.getLogger("remit.beginnings")

Secret = Callable[[], Awaitable[str]]
"""Gives a secret as it is now."""

Run = Callable[[], Coroutine[None, None, None]]
"""Goes on until it is cancelled."""

Receiving = tuple[Source, HookSettings, Sequence[Secret]]
"""A hook, for whom it is and what its deliveries are signed with."""


class Beginnings:
    """What begins sessions in this process; nothing begins until it is run."""

    def __init__(self, starter: Starter, clock: Callable[[], int]) -> None:
        """Begin with nothing; `beginning` gives one with what a project declares."""
        self._starter, self._clock = starter, clock
        self.runs: list[Run] = []
        self.hooks: list[Receiving] = []
        self.told: list[JsonObject] = []
        """What there is, for people: kind, name, agent, tenant, and when or where."""

    def front(self, entrance: object) -> Sequence[Any]:
        """Give the routes of hooks, as a `Front` does; without hooks there are none."""
        if not self.hooks:
            return ()
        # What serves them is an extra, which no worker needs.
        made = cast("_Hooking", importlib.import_module("remit.server.beginnings.hooks"))
        return made.Hooks(self._starter, self.hooks, clock=self._clock).front(entrance)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep schedules and inboxes running meanwhile; hooks come in over the front for as long as that is served."""
        tasks = [asyncio.create_task(run(), name="remit-beginnings") for run in self.runs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for found in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(found, Exception):
                    _log.error("what begins sessions broke", exc_info=found)

    def measured(self, now: int) -> list[Measured]:
        """Tell what began: a source of metrics."""
        return self._starter.measured(now)


@contextlib.asynccontextmanager
async def beginning(
    service: Service,
    file: str | Path,
    secrets: Secrets,
    *,
    audit: AuditLog | None = None,
    clock: Callable[[], int] = now_ms,
) -> AsyncGenerator[Beginnings]:
    """Give what a project's file declares for the agents of a service, and keep it running once `running` is entered.

    Every secret is looked up once before, and registered in `secrets`. What is for an agent that is not served here is
    left to who serves it. `clock` counts milliseconds since the epoch. Raise `ConfigError` for what is wrong.
    """
    declared = Declared.read(file)
    starter = Starter(service, audit, clock)
    made = Beginnings(starter, clock)
    # Only where its secrets are matters here: whoever uses the rest of the file reads it.
    vault = Project(file=declared.file, secrets=declared.secrets).vault(secrets)
    opening = _Opening(declared.file.absolute().parent, made, starter, vault)
    for where, one in declared.all():
        with _standing(where):
            await opening.add(one)
    opening.schedule()
    yield made


class _Opening:
    """Makes all of it, one by one."""

    def __init__(self, folder: Path, made: Beginnings, starter: Starter, vault: Vault) -> None:
        self._folder, self._made, self._starter, self._vault = folder, made, starter, vault
        self._service = starter.service
        self._schedules: list[tuple[Source, ScheduleSettings, Cron]] = []

    async def add(self, one: Settings) -> None:
        """Have something begin sessions, unless its agent is served elsewhere."""
        tenants = self._service.home.tenants
        tenant = one.tenant or next(iter(tenants))
        if tenant not in tenants:
            raise ConfigError(f"there is no tenant {tenant!r} here; there are: {', '.join(tenants)}")
        source = Source(_kind(one), one.name, one.agent, tenant)
        if self._service.driver.serves(one.agent) is None:
            served = ", ".join(agent.name for agent in self._service.driver.agents) or "none"
            _log.warning("%s begins nothing here: agent %r is not served; served are: %s", source.by, one.agent, served)
            return
        match one:
            case ScheduleSettings():
                self._schedules.append((source, one, Cron(one.cron, one.timezone)))
                self._told(source, "when", f"{one.cron} {one.timezone}")
            case HookSettings():
                self._made.hooks.append((source, one, await self._secrets(source, one)))
                self._told(source, "where", f"/v1/hooks/{one.name}")
            case MaildirSettings() | ImapSettings():
                mailbox = await self._mailbox(source, one)
                self._made.runs.append(self._inbox(source, one, mailbox))
                self._told(source, "where", str(mailbox))

    def schedule(self) -> None:
        """Have all schedules run beside each other, by one clock."""
        if self._schedules:
            self._made.runs.append(Schedules(self._starter, self._schedules, clock=self._starter.clock).run)

    async def _secrets(self, source: Source, one: HookSettings) -> Sequence[Secret]:
        found: list[Secret] = []
        for name in filter(None, (one.secret, one.old_secret)):
            secret = self._secret(name, source.tenant)
            fitting(one.scheme, await secret(), name)
            found.append(secret)
        return found

    async def _mailbox(self, source: Source, one: InboxSettings) -> Mailbox:
        if isinstance(one, MaildirSettings):
            return Maildir(self._folder / one.path)
        password = self._secret(one.secret, source.tenant)
        await password()
        return ImapMailbox(replace(one, ca=str(self._folder / one.ca)) if one.ca else one, password)

    def _inbox(self, source: Source, one: InboxSettings, mailbox: Mailbox) -> Run:
        # It reads mail as the desk does, which nobody without an inbox should have to load.
        inboxes = cast("_Inboxes", importlib.import_module("remit.server.beginnings.inboxes"))
        several = len(self._service.home.tenants) > 1
        return inboxes.Inbox(self._starter, source, one, mailbox, several=several).run

    def _secret(self, name: str, tenant: str) -> Secret:
        return lambda: self._vault(name, tenant)

    def _told(self, source: Source, what: str, said: str) -> None:
        self._made.told.append(
            {"kind": source.kind, "name": source.name, "agent": source.agent, "tenant": source.tenant, what: said}
        )


def _kind(one: Settings) -> Kind:
    match one:
        case ScheduleSettings():
            return "schedule"
        case HookSettings():
            return "hook"
        case MaildirSettings() | ImapSettings():
            return "inbox"


@contextlib.contextmanager
def _standing(where: str) -> Generator[None]:
    """Say of what is wrong where it stands."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


class _Front(Protocol):
    def front(self, entrance: object) -> Sequence[Any]: ...


class _Hooking(Protocol):
    def Hooks(  # noqa: N802 - a class of that module
        self, starter: Starter, hooks: Sequence[Receiving], *, clock: Callable[[], int]
    ) -> _Front: ...


class _Running(Protocol):
    run: Run


class _Inboxes(Protocol):
    def Inbox(  # noqa: N802 - a class of that module
        self, starter: Starter, source: Source, settings: InboxSettings, mailbox: Mailbox, *, several: bool
    ) -> _Running: ...
