"""Settings of beginnings: `[[schedule]]`, `[[hook]]` and `[[inbox]]` of a `remit.toml`. Read strictly."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.server.access.sites import is_loopback
from remit.tools.registry.project import Places
from remit.tools.registry.tables import converted, parsed, table
from remit.tools.secrets.port import checked

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?")
_HOLE = re.compile(r"\$\{([^}]*)\}")
_FOLDER = re.compile(r"[ -~]{1,200}")
_Seconds = Annotated[float, msgspec.Meta(ge=1, le=86_400)]

Scheme = Literal["standard", "github", "slack", "stripe"]
"""How a sender signs what it delivers."""

HOLES = ("name", "time")
"""What may stand in a message as `${...}`; nothing that somebody elsewhere wrote is among it."""


class ScheduleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent that begins by the clock: `[[schedule]]`."""

    name: str
    cron: str
    """Minute, hour, day, month and weekday, as cron has them, or `@daily` and its like."""
    agent: str
    message: str
    """What it is told; `${time}` is when it was to begin."""
    tenant: str = ""
    """Whose session it is; the first of the home when empty."""
    timezone: str = "UTC"
    """Where the clock hangs, such as `Europe/Berlin`."""
    catch_up: Literal["none", "last", "all"] = "last"
    """What becomes of times at which nobody ran."""


class HookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent that begins when a program elsewhere says so: `[[hook]]`, at `POST /v1/hooks/NAME`."""

    name: str
    agent: str
    scheme: Scheme
    secret: str
    """The name of the secret that deliveries are signed with, looked up where `[secrets]` says."""
    message: str
    """What the agent is told to do; what was delivered follows it, as data."""
    old_secret: str = ""
    """The name of one that is still believed while senders change to the new one."""
    tenant: str = ""
    fields: tuple[str, ...] = ()
    """What of a body the agent is shown, such as `issue.title`; all of it when empty."""
    most_kb: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 256
    """The largest body."""
    per_minute: Annotated[int, msgspec.Meta(ge=1)] = 600
    """How many deliveries a process takes, those that came before included."""


class MaildirSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent that begins for each mail in a folder: `[[inbox]]` of `kind = "maildir"`."""

    name: str
    agent: str
    kind: Literal["maildir"]
    path: str
    """The Maildir, with `new` and `cur` in it; beside the project's file unless it is absolute."""
    tenant: str = ""
    every: _Seconds = 5.0
    """Seconds between two looks."""
    most_mb: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 30
    """The largest mail that is read."""
    automatic: Literal["", "begin", "skip"] = ""
    """What becomes of mail from machines. When empty, the desk, which never answers it, begins; others skip it."""


class ImapSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent that begins for each unseen mail on a server: `[[inbox]]` of `kind = "imap"`."""

    name: str
    agent: str
    kind: Literal["imap"]
    url: str
    """`imaps://HOST[:PORT]`; `imap://`, which is not encrypted, to this machine only."""
    user: str
    secret: str
    """The name of the secret that is the password."""
    folder: str = "INBOX"
    move_to: str = ""
    """Where a mail goes once its session is kept; it is marked as seen instead when empty."""
    ca: str = ""
    """A file with the certificates to trust instead of the system's."""
    timeout: _Seconds = 30.0
    """Seconds of silence after which a connection is given up."""
    tenant: str = ""
    every: _Seconds = 30.0
    most_mb: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 30
    automatic: Literal["", "begin", "skip"] = ""

    @property
    def place(self) -> SplitResult:
        """Give the address in its pieces."""
        return urlsplit(self.url)


InboxSettings = MaildirSettings | ImapSettings
Settings = ScheduleSettings | HookSettings | MaildirSettings | ImapSettings


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that begins sessions in a project."""

    file: Path
    schedules: tuple[ScheduleSettings, ...] = ()
    hooks: tuple[HookSettings, ...] = ()
    inboxes: tuple[InboxSettings, ...] = ()
    secrets: Places = Places()

    @classmethod
    def read(cls, path: str | Path) -> "Declared":
        """Read what a project's file declares, if there is one; raise `ConfigError` naming what is wrong."""
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(file=file)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ConfigError(f"cannot read {str(file)!r}: {why}") from None
        root = parsed(text, str(file))
        found = cls(
            file=file,
            schedules=_each(root, "schedule", ScheduleSettings, file),
            hooks=_each(root, "hook", HookSettings, file),
            inboxes=tuple(_inboxes(root, file)),
            secrets=converted(table(root.get("secrets", {}), f"{file}: secrets"), Places, f"{file}: [secrets]"),
        )
        _differ(found)
        return found

    def all(self) -> Iterable[tuple[str, Settings]]:
        """Give each with where it stands."""
        for schedule in self.schedules:
            yield self.where("schedule", schedule), schedule
        for hook in self.hooks:
            yield self.where("hook", hook), hook
        for inbox in self.inboxes:
            yield self.where("inbox", inbox), inbox

    def where(self, kind: str, one: Settings) -> str:
        """Say where something stands, for those who must mend it."""
        return f"{self.file}: [[{kind}]] {one.name}"


def filled(message: str, *, name: str, time: str) -> str:
    """Fill the holes of a message that was checked."""
    said = {"name": name, "time": time}
    return _HOLE.sub(lambda found: said[found[1]], message)


def _listed(root: JsonObject, kind: str, file: Path) -> list[tuple[str, JsonObject]]:
    said: JsonValue = root.get(kind, [])
    if not isinstance(said, list):
        raise ConfigError(f"{file}: {kind} is written with two brackets, [[{kind}]], once for each")
    found = [table(one, f"{file}: [[{kind}]]") for one in said]
    return [(f"{file}: [[{kind}]] {one.get('name') or number}", one) for number, one in enumerate(found, 1)]


def _each(root: JsonObject, kind: str, shape: type[T], file: Path) -> tuple[T, ...]:
    return tuple(converted(one, shape, where) for where, one in _listed(root, kind, file))


def _inboxes(root: JsonObject, file: Path) -> Iterable[InboxSettings]:
    for where, one in _listed(root, "inbox", file):
        match one.get("kind"):
            case "maildir":
                yield converted(one, MaildirSettings, where)
            case "imap":
                yield converted(one, ImapSettings, where)
            case other:
                raise ConfigError(f"{where}: kind is 'maildir' or 'imap', not {other!r}")


def _differ(found: Declared) -> None:
    seen: set[str] = set()
    for where, one in found.all():
        if not _NAME.fullmatch(one.name):
            raise ConfigError(f"{where}: a name has up to 24 small letters, digits and dashes, not {one.name!r}")
        if one.name in seen:
            raise ConfigError(f"{where}: another schedule, hook or inbox is called so; its sessions would be taken for")
        seen.add(one.name)
        if not one.agent:
            raise ConfigError(f"{where}: agent is the name of the one that begins")
        _sound(where, one)


def _sound(where: str, one: Settings) -> None:
    match one:
        case ScheduleSettings():
            _message(where, one.message)
        case HookSettings():
            _message(where, one.message)
            _secrets(where, one.secret, *((one.old_secret,) if one.old_secret else ()))
            _paths(where, one.fields)
        case MaildirSettings():
            if not one.path:
                raise ConfigError(f"{where}: path is the folder with `new` and `cur` in it")
        case ImapSettings():
            _secrets(where, one.secret)
            _imap(where, one)


def _message(where: str, message: str) -> None:
    if not message.strip():
        raise ConfigError(f"{where}: message is what the agent is told; it is empty")
    for hole in _HOLE.findall(message):
        if hole not in HOLES:
            known = ", ".join(f"${{{one}}}" for one in HOLES)
            raise ConfigError(f"{where}: message has ${{{hole}}}, which nothing fills; there are: {known}")


def _secrets(where: str, *names: str) -> None:
    for name in names:
        try:
            checked(name)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}; it is the name of a secret, never its value") from None


def _paths(where: str, fields: Sequence[str]) -> None:
    for one in fields:
        if not all(one.split(".")):
            raise ConfigError(f"{where}: fields are paths such as 'issue.title', not {one!r}")


def _imap(where: str, one: ImapSettings) -> None:
    try:
        place = one.place
        host, _ = place.hostname, place.port
    except ValueError as error:
        raise ConfigError(f"{where}: url: {error}") from None
    if place.scheme not in {"imap", "imaps"} or not host or place.path not in {"", "/"} or place.query:
        raise ConfigError(f"{where}: url is imaps://HOST or imaps://HOST:PORT, not {one.url!r}")
    if "@" in place.netloc:
        raise ConfigError(f"{where}: url has no user and no password; those are `user` and `secret`")
    if place.scheme == "imap" and not is_loopback(host):
        raise ConfigError(f"{where}: imap:// sends the password in the open; write imaps://{place.netloc}")
    for name, said in (("user", one.user), ("folder", one.folder), ("move_to", one.move_to or "-")):
        if not _FOLDER.fullmatch(said):
            raise ConfigError(f"{where}: {name} has 1 to 200 printable ASCII characters, not {said!r}")
    if one.move_to == one.folder:
        raise ConfigError(f"{where}: move_to is another folder than the one that is looked into")
