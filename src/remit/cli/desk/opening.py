"""Opening: a desk in a store, with real places or local stand-ins, and the same one again when a person has decided."""

import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from remit.apps.desk.agent import desk_agent
from remit.apps.desk.knowledge import ARTICLES
from remit.apps.desk.model import OfflineModel
from remit.apps.desk.places import Desk, Places
from remit.apps.desk.standins import JiraStandIn, MailStandIn, WebhookStandIn
from remit.cli.agents import Loaded, load_model
from remit.cli.stores import beside, is_url
from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.home import Settings

OFFLINE = "offline"
"""The name of the model that needs nobody."""
LOCAL = "local"
"""In place of an address: a stand-in on this machine."""
ENVIRONMENT = "environment"
"""In place of an address that is a secret."""
SENDER = "support@lumenorchard.example"
_FILE = "desk.json"
_NOWHERE = Places(jira_url="http://localhost:0", smtp_url="smtp://localhost:0")


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How a desk was opened, as its store remembers it; it holds no credentials."""

    jira: str = LOCAL
    smtp: str = LOCAL
    webhook: str = ""
    """`environment` when it came from there, since its address may be a secret."""
    knowledge: str = ""
    model: str = OFFLINE
    budget: float = 0.50
    """Dollars a mail."""
    tickets: str = ""
    """Where the Jira stand-in keeps its tickets; in the store when empty."""


@dataclass(frozen=True, slots=True)
class World:
    """The places a desk works with, and the stand-ins that serve them, if any."""

    places: Places
    jira: JiraStandIn | None = None
    mail: MailStandIn | None = None
    webhook: WebhookStandIn | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An open desk."""

    agent: Agent
    world: World
    desk: Desk


def remember(store: Path, setup: Setup) -> None:
    """Write down how the desk is opened; raise `ConfigError` when this store's desk works somewhere else."""
    before = recall(store) if (store / _FILE).exists() else setup
    if (before.jira, before.smtp) != (setup.jira, setup.smtp):
        raise ConfigError(
            f"the desk in {str(store)!r} works with {before.jira} and {before.smtp}, not with {setup.jira} and "
            f"{setup.smtp}; its open cases must not end up elsewhere, so use another --store"
        )
    store.mkdir(parents=True, exist_ok=True)
    body = msgspec.json.format(msgspec.json.encode(setup))
    draft = store / f"{_FILE}.{os.getpid()}"
    draft.write_bytes(body)
    draft.replace(store / _FILE)


def setup_of(jira: str, smtp: str, webhook: str, environ: Mapping[str, str]) -> Setup:
    """Say where a desk works: the addresses given, else those of the environment, else stand-ins for all of them."""
    if without_secrets(smtp) != smtp:
        raise ConfigError("put the mail server's password into SMTP_PASSWORD, and the user into SMTP_USER")
    given = webhook or (ENVIRONMENT if environ.get("DESK_WEBHOOK_URL") else "")
    jira, smtp = jira or environ.get("JIRA_URL", ""), smtp or environ.get("SMTP_URL", "")
    if not jira and not smtp:
        return Setup(webhook=given)
    setup = Setup(jira=jira, smtp=without_secrets(smtp), webhook=given)
    _places(setup, environ)
    return setup


def recall(store: Path) -> Setup:
    """Read how the desk was opened; raise `ConfigError` when nobody can tell."""
    try:
        return msgspec.json.decode((store / _FILE).read_bytes(), type=Setup)
    except OSError:
        raise ConfigError(f"{str(store)!r} has no {_FILE}, so its desk cannot be opened; run `remit desk`") from None
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{str(store / _FILE)!r} is damaged: {error}") from None


def without_secrets(url: str) -> str:
    """Leave the user and the password out of an address."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@contextmanager
def world(store: Path, setup: Setup, environ: Mapping[str, str]) -> Generator[World]:
    """Give the places of a desk, starting the stand-ins it needs; what they were sent stays in the store's outbox."""
    if setup.jira != LOCAL:
        yield World(_places(setup, environ))
        return
    tickets = Path(setup.tickets) if setup.tickets else store / "tickets.jsonl"
    tickets.parent.mkdir(parents=True, exist_ok=True)
    with JiraStandIn(store=tickets) as jira, MailStandIn() as mail, WebhookStandIn() as hook:
        places = Places(
            jira_url=jira.url,
            smtp_url=mail.url,
            webhook_url=_webhook(setup, environ) or hook.url,
            jira_email=jira.email,
            jira_token=jira.token,
            sender=SENDER,
            search_lag=timedelta(seconds=0.5),
        )
        try:
            yield World(places, jira, mail, hook)
        finally:
            _keep(store / "outbox", mail, hook)


def _places(setup: Setup, environ: Mapping[str, str]) -> Places:
    smtp = environ.get("SMTP_URL", "")
    # The variable may hold the password that the store does not.
    server = smtp if without_secrets(smtp) == setup.smtp else setup.smtp
    return Places.from_environ(
        {name: value for name, value in environ.items() if name != "DESK_WEBHOOK_URL"},
        jira_url=setup.jira,
        smtp_url=server,
        webhook_url=_webhook(setup, environ),
    )


def _webhook(setup: Setup, environ: Mapping[str, str]) -> str:
    if setup.webhook != ENVIRONMENT:
        return setup.webhook
    found = environ.get("DESK_WEBHOOK_URL", "")
    if not found:
        raise ConfigError("this desk had a webhook; set DESK_WEBHOOK_URL to it again and repeat the command")
    return found


def _keep(outbox: Path, mail: MailStandIn, hook: WebhookStandIn) -> None:
    if not mail.received and not hook.received:
        return
    outbox.mkdir(parents=True, exist_ok=True)
    for received in mail.received:
        name = str(received.message()["Message-ID"] or "").strip("<>").partition("@")[0]
        (outbox / f"{name[:40] or 'mail'}.eml").write_bytes(received.raw)
    with (outbox / "notices.jsonl").open("ab") as file:
        file.writelines(msgspec.json.encode(notice) + b"\n" for notice in hook.received)


@asynccontextmanager
async def opened(store: Path, setup: Setup, environ: Mapping[str, str]) -> AsyncGenerator[Opened]:
    """Open a desk."""
    with world(store, setup, environ) as around:
        async with Desk.open(around.places, store, articles=_articles(setup)) as desk:
            yield Opened(_agent(desk, setup), around, desk)


def settings(setup: Setup, environ: Mapping[str, str]) -> Settings:
    """Give the settings of the desk's home: above all, what never enters a journal."""
    if setup.jira == LOCAL:
        return Settings()
    return Settings(secrets=_places(setup, environ).secrets())


def _articles(setup: Setup) -> Path:
    return Path(setup.knowledge) if setup.knowledge else ARTICLES


def _agent(desk: Desk, setup: Setup) -> Agent:
    chosen = OfflineModel() if setup.model == OFFLINE else load_model(setup.model)[0]
    agent = desk_agent(desk, chosen)
    return replace(agent, limits=msgspec.structs.replace(agent.limits, usd=setup.budget))


def _setup(place: str, store: Path) -> Setup:
    """Say where a desk works; who shares a database with others may never have opened it on this machine."""
    if is_url(place) and not (store / _FILE).exists():
        setup = setup_of("", "", "", os.environ)
        if setup.jira == LOCAL:
            raise ConfigError(
                "nothing here says which places the desk works with: set JIRA_URL and SMTP_URL (and DESK_WEBHOOK_URL), "
                "or run `remit desk` once in this folder to try it with stand-ins"
            )
        return setup
    return recall(store)


def loaded(place: str) -> Loaded:
    """Give the desk of a store for `resume`, `approve` and their like: its declaration now, its places when driven."""
    store = beside(place)
    setup = _setup(place, store)
    known = settings(setup, os.environ)

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Agent]:
        async with opened(store, setup, os.environ) as desk:
            yield desk.agent

    declared = _agent(Desk.open(_NOWHERE, store, articles=_articles(setup)), setup)
    return Loaded(declared, known, ready)
