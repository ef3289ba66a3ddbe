"""Places: where the desk's tickets, mails and notices go, read from the environment or given on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from remit.apps.desk.jira import Jira
from remit.apps.desk.knowledge import ARTICLES, Knowledge
from remit.apps.desk.post import mail_server
from remit.apps.desk.records import Records
from remit.core.errors import ConfigError
from remit.policy import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Addresses and credentials of the desk's outside world."""

    jira_url: str
    smtp_url: str
    webhook_url: str = ""
    """Takes what mail cannot deliver, and escalations; empty for none."""
    jira_email: str = "desk@localhost"
    jira_token: str = ""
    sender: str = "support@localhost"
    """The address answers come from."""
    patience: timedelta = timedelta(seconds=20)
    """For one exchange with Jira or the mail server."""
    search_lag: timedelta = timedelta(seconds=10)
    """How long a new ticket may be missing from Jira's search."""

    def __post_init__(self) -> None:
        """Refuse addresses that cannot be right."""
        if not self.jira_url.startswith(("http://", "https://")):
            raise ConfigError(f"{self.jira_url!r} is no Jira site; expected https://NAME.atlassian.net")
        mail_server(self.smtp_url)

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], *, jira_url: str = "", smtp_url: str = "", webhook_url: str = ""
    ) -> "Places":
        """Read JIRA_URL, JIRA_EMAIL, JIRA_TOKEN, SMTP_URL, SMTP_USER, SMTP_PASSWORD, DESK_WEBHOOK_URL and DESK_SENDER.

        Arguments win; a user in the mail server's URL wins over the variables.
        """
        jira, smtp = jira_url or environ.get("JIRA_URL", ""), smtp_url or environ.get("SMTP_URL", "")
        missing = [name for name, value in (("--jira-url", jira), ("--smtp-url", smtp)) if not value]
        if missing:
            raise ConfigError(f"give {' and '.join(missing)}, or neither to use local stand-ins")
        return cls(
            jira_url=jira,
            smtp_url=_logged_in(smtp, environ.get("SMTP_USER", ""), environ.get("SMTP_PASSWORD", "")),
            webhook_url=webhook_url or environ.get("DESK_WEBHOOK_URL", ""),
            jira_email=environ.get("JIRA_EMAIL", "desk@localhost"),
            jira_token=environ.get("JIRA_TOKEN", ""),
            sender=environ.get("DESK_SENDER", "support@localhost"),
        )

    def secrets(self) -> Secrets:
        """Give what must never enter a journal."""
        password = mail_server(self.smtp_url).password
        named = {"JIRA_TOKEN": self.jira_token, "SMTP_PASSWORD": password, "DESK_WEBHOOK_URL": self.webhook_url}
        return Secrets({name: value for name, value in named.items() if value})


def _logged_in(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    if not user or parts.username:
        return url
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{account}@{parts.netloc}"))


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk's world, opened: what its tools work with."""

    places: Places
    jira: Jira
    records: Records
    knowledge: Knowledge

    @classmethod
    def open(cls, places: Places, folder: Path, *, articles: Path = ARTICLES) -> "Desk":
        """Open the desk's records in a folder and its knowledge base."""
        jira = Jira(places.jira_url, places.jira_email, places.jira_token, timeout=places.patience)
        return cls(places, jira, Records.open(folder / "desk.db"), Knowledge.load(articles))

    async def __aenter__(self) -> "Desk":
        """Open nothing yet; connections are made when needed."""
        await self.jira.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close connections."""
        await self.jira.__aexit__(*error)
