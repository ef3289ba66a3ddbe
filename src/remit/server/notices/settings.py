"""Settings of notices: the table `[notices]` of a `remit.toml`. Read strictly."""

from pathlib import Path
from typing import Annotated

import msgspec

from remit.core.errors import ConfigError
from remit.policy.hosts import destination
from remit.tools.registry.tables import converted, parsed, table
from remit.tools.secrets.port import checked

_Above = Annotated[float, msgspec.Meta(gt=0)]


class NoticeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told that something waits."""

    url: str
    """Where each call that begins to wait for a person is told: a POST of JSON."""
    secret: str
    """The name of the secret that notices are signed with, looked up where `[secrets]` says."""
    escalation_url: str = ""
    """Where those are told that waited too long; `url` when empty."""
    console: str = ""
    """Where people reach this server, such as `https://agents.example.com`, for links."""
    content: bool = False
    """Whether the question and the arguments of a call are told too; they may be personal."""
    timeout: _Above = 10.0
    """Seconds that a receiver has to answer."""
    hours: _Above = 24.0
    """How long one is tried again that no receiver took."""

    @classmethod
    def read(cls, path: str | Path) -> "NoticeSettings | None":
        """Read the table of a project's file; `None` without one. Raise `ConfigError` naming what is wrong."""
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ConfigError(f"cannot read {str(file)!r}: {why}") from None
        said = parsed(text, str(file)).get("notices")
        if said is None:
            return None
        settings = converted(table(said, f"{file}: notices"), cls, f"{file}: [notices]")
        for name in ("url", "escalation_url", "console"):
            _check(getattr(settings, name), f"{file}: [notices] {name}", optional=name != "url")
        checked(settings.secret)
        return settings


def _check(url: str, where: str, *, optional: bool) -> None:
    if not url and optional:
        return
    try:
        to = destination(url)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    if to.scheme not in {"http", "https"}:
        raise ConfigError(f"{where}: it begins with https:// or http://, not {to.scheme!r}")
