"""Project: the file `remit.toml`, which says where tools come from and under which terms. Read strictly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.policy import Secrets
from remit.policy.hosts import HostPolicy
from remit.tools.contracts import Drift, Lock
from remit.tools.registry.settings import HostSettings, ToolSettings
from remit.tools.registry.sources import (
    KINDS,
    McpSource,
    McpUrlSource,
    OpenAPISource,
    PackageSource,
    PythonSource,
    Source,
)
from remit.tools.registry.tables import converted, known_keys, parsed, table, tables
from remit.tools.secrets import EnvironmentSecrets, FileSecrets, KeyringSecrets, SecretSource, Vault

FILE = "remit.toml"
"""What a project's file is called."""

_PARTS = (
    "registry",
    "policy",
    "secrets",
    "sources",
    "tools",
    "hosts",
    "access",
    "notices",
    "schedule",
    "hook",
    "inbox",
)
"""The last five are the server's, which reads them itself."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How tools are held to what was reviewed: the table `[registry]`."""

    lock: str = "remit.lock"
    """A file beside the project's."""
    drift: Drift = Drift()


class Policies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where policies are: the table `[policy]`."""

    hosts: str = ""
    """A file of `allow:` and `block:` lines, which all HTTP of tools keeps to."""
    cedar: str = ""
    """A folder with `*.cedar`."""


class Places(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where secrets are kept: the table `[secrets]`."""

    sources: tuple[str, ...] = ("env",)
    """`env`, `env:PREFIX`, `files:FOLDER` or `keyring:SERVICE`; the first that has one counts."""
    ttl: Annotated[float, msgspec.Meta(ge=0)] = 300.0
    """Seconds for which a value is kept before it is looked up again."""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project's declarations."""

    file: Path
    registry: Terms = Terms()
    policy: Policies = Policies()
    sources: Mapping[str, Source] = {}
    tools: Mapping[str, ToolSettings] = {}
    """What is said of tools by their final names, over what their sources say."""
    secrets: Places = Places()
    by_host: Mapping[str, HostSettings] = {}
    """What is said of hosts, by name."""

    @classmethod
    def read(cls, path: str | Path) -> "Project":
        """Read a project's file; raise `ConfigError` naming the table and the key that is wrong."""
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            hint = "; `remit tools add` makes one" if isinstance(error, FileNotFoundError) else ""
            raise ConfigError(f"cannot read the project {str(file)!r}: {error.strerror}{hint}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"the project {str(file)!r} is not UTF-8; save it as that") from None
        return cls.parse(text, file)

    @classmethod
    def parse(cls, text: str, file: Path) -> "Project":
        """Read the text of a project's file; raise `ConfigError` as `read` does."""
        name = str(file)
        root = parsed(text, name)
        known_keys(root, _PARTS, name)
        sources = tables(root.get("sources", {}), f"{name}: sources")
        tools = tables(root.get("tools", {}), f"{name}: tools")
        for key, said in tools.items():
            if "name" in said:
                raise ConfigError(f"{name}: [tools.{key}] is named already; a `name` stands with its source")
        terms = table(root.get("registry", {}), f"{name}: registry")
        known_keys(table(terms.get("drift", {}), f"{name}: drift"), Drift.__struct_fields__, f"{name}: drift")
        return cls(
            file=file,
            registry=converted(terms, Terms, f"{name}: [registry]"),
            policy=converted(table(root.get("policy", {}), f"{name}: policy"), Policies, f"{name}: [policy]"),
            sources={key: _source(said, f"{name}: [sources.{key}]", key) for key, said in sources.items()},
            tools={key: converted(said, ToolSettings, f"{name}: [tools.{key}]") for key, said in tools.items()},
            secrets=converted(table(root.get("secrets", {}), f"{name}: secrets"), Places, f"{name}: [secrets]"),
            by_host={
                key: converted(said, HostSettings, f'{name}: [hosts."{key}"]')
                for key, said in tables(root.get("hosts", {}), f"{name}: hosts").items()
            },
        )

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self.file.absolute().parent

    @property
    def lock_file(self) -> Path:
        """Where the reviewed contracts are."""
        return self.folder / self.registry.lock

    @property
    def cedar_folder(self) -> Path | None:
        """Where policies in Cedar are; `None` without any."""
        return self.folder / self.policy.cedar if self.policy.cedar else None

    def lock(self) -> Lock:
        """Read the reviewed contracts; empty when there is no file yet."""
        return Lock.read(self.lock_file)

    def vault(self, secrets: Secrets) -> Vault:
        """Give who looks secrets up, registering each in `secrets` first; raise `ConfigError` for an unknown place."""
        return Vault([self._place(said) for said in self.secrets.sources], secrets, ttl=self.secrets.ttl)

    def _place(self, said: str) -> SecretSource:
        kind, _, rest = said.partition(":")
        match kind:
            case "env":
                return EnvironmentSecrets(rest)
            case "files" if rest:
                return FileSecrets(self.folder / rest)
            case "keyring" if rest:
                return KeyringSecrets(rest)
            case _:
                known = "env, env:PREFIX, files:FOLDER, keyring:SERVICE"
                raise ConfigError(f"{self.file}: [secrets] sources: {said!r} is none of {known}")

    def hosts(self) -> HostPolicy:
        """Read the host policy; without one, public places and the servers that sources name may be reached."""
        if not self.policy.hosts:
            named = (url for source in self.sources.values() for url in _urls(source))
            return HostPolicy(allow=sorted({place for url in named for place in _places(url)}), otherwise="allow")
        path = self.folder / self.policy.hosts
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConfigError(f"{self.file}: [policy] hosts: {path} cannot be read: {why}") from None
        return HostPolicy.read(text, str(path))


def _source(said: JsonObject, where: str, name: str) -> Source:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise ConfigError(f"{where} is named {name!r}; use letters, digits, _ and -")
    kinds = [kind for kind in KINDS if kind in said]
    if len(kinds) != 1:
        found = f"{' and '.join(kinds)} together" if kinds else f"only {', '.join(said) or 'an empty table'}"
        raise ConfigError(f"{where} has one of {', '.join(KINDS)}, not {found}")
    rest = {key: value for key, value in said.items() if key != "tools"}
    source = converted(rest, KINDS[kinds[0]], where)
    tools = tables(said.get("tools", {}), f"{where} tools")
    settings = {key: converted(one, ToolSettings, f'{where[:-1]}.tools."{key}"]') for key, one in tools.items()}
    return msgspec.structs.replace(source, tools=settings)


def _urls(source: Source) -> tuple[str, ...]:
    match source:
        case OpenAPISource():
            said = (source.server if isinstance(source.server, str) else "", source.stand_in)
        case McpUrlSource():
            said = (source.mcp_url, source.stand_in)
        case McpSource() | PythonSource() | PackageSource():
            said = ()
    return tuple(url for url in said if url)


def _places(url: str) -> tuple[str, ...]:
    """Name the host and port of a URL as rules do."""
    place = url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url
    host, _, port = place.partition(":")
    # An address inside is reached only where a rule names it, and this name is known to lead to these.
    return (place, f"127.0.0.1:{port or 80}", f"[::1]:{port or 80}") if host == "localhost" else (place,)
