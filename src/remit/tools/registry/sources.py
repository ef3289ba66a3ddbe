"""Sources: where tools come from, as a project declares it. Nothing is opened here."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from remit.tools.registry.lookups import names
from remit.tools.registry.settings import ToolSettings

_FORMS = (("header", "value"), ("token",), ("user", "password"), ("client", "secret"), ("schemes",))
_SECRET = ("value", "token", "password", "secret")
_SECRETIVE = re.compile(r"(token|secret|password|passwd|passphrase|api_?key|access_?key|private_?key)\Z", re.IGNORECASE)
"""Names of variables that hold secrets."""


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are signed, in one of five forms. Secrets are written `${NAME}` and looked up for each tenant."""

    header: str = ""
    """A header that is added to requests to the source's servers, where they leave."""
    value: str = ""
    token: str = ""
    """An API key or bearer token, for whatever schemes the document declares."""
    user: str = ""
    password: str = ""
    client: str = ""
    """An OAuth 2 client, which gets its tokens itself."""
    secret: str = ""
    schemes: Mapping[str, "Auth"] = {}
    """By the name of a scheme in the document, when they differ."""

    def __post_init__(self) -> None:
        """Refuse a mixture of forms, and secrets that stand in the file."""
        said = {name for name in self.__struct_fields__ if getattr(self, name)}
        if not any(said == set(form) for form in _FORMS):
            forms = "; ".join(" and ".join(f"`{name}`" for name in form) for form in _FORMS)
            raise ValueError(f"`auth` has one of: {forms}")
        for name in _SECRET:
            if name in said and not names(getattr(self, name)):
                raise ValueError(f"`auth.{name}` holds a secret itself; write ${{NAME}}, which is looked up")
        for name, auth in self.schemes.items():
            if auth.schemes or auth.header:
                raise ValueError(f"`auth.schemes.{name}` has a token, a user with a password, or a client")


def _without_login(key: str, url: object) -> None:
    """Refuse a URL with a login in it, and do not repeat it."""
    if isinstance(url, str) and "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError(f"the URL of `{key}` holds a user or a password; write `auth`, which looks them up")


class _Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    owner: str = ""
    """Who answers for its tools, unless a tool says otherwise."""
    only: tuple[str, ...] = ()
    """The tools to take, by the source's names; those of `tools` are taken too. All of them when both are empty."""
    tools: Mapping[str, ToolSettings] = {}
    """What is said of its tools, by the source's names."""


class OpenAPISource(_Declared, frozen=True, kw_only=True):
    """An OpenAPI document."""

    openapi: str
    """A file beside the project file, or an https:// URL."""
    server: str | dict[str, str] = ""
    """The base URL, or values of the variables in the document's."""
    auth: Auth | None = None
    stand_in: str = ""
    """The base URL of a server that contract tests may change."""

    def __post_init__(self) -> None:
        """Refuse secrets that stand in the file."""
        for key in ("openapi", "server", "stand_in"):
            _without_login(key, getattr(self, key))


class _Spoken(_Declared, frozen=True, kw_only=True):
    trusted: bool = False
    """Believe what the server says of the effects of its tools."""
    resources: bool = False
    """Give two more tools that list and read its resources."""
    files: str = ""
    """The folder for pictures and other bytes."""
    patience: float = 30.0
    """Seconds for it to start and to list its tools."""


class McpSource(_Spoken, frozen=True, kw_only=True):
    """An MCP server that is started as a child process in the project's folder."""

    mcp: tuple[str, ...]
    env: Mapping[str, str] = {}
    """Variables it gets; `${NAME}` is looked up as a secret."""
    stand_in: tuple[str, ...] = ()
    """The command of a server that contract tests may change."""

    def __post_init__(self) -> None:
        """Refuse a command of no words."""
        if not self.mcp:
            raise ValueError("`mcp` is a command and its arguments")
        for name, value in self.env.items():
            if value and _SECRETIVE.search(name) and not names(value):
                raise ValueError(f"`env.{name}` holds a secret itself; write ${{{name}}}, which is looked up")


class McpUrlSource(_Spoken, frozen=True, kw_only=True):
    """An MCP server at a URL."""

    mcp_url: str
    auth: Auth | None = None
    stand_in: str = ""
    """The URL of a server that contract tests may change."""

    def __post_init__(self) -> None:
        """Refuse what MCP has no place for, and secrets that stand in the file."""
        for key in ("mcp_url", "stand_in"):
            _without_login(key, getattr(self, key))
        if self.auth is not None and (self.auth.schemes or self.auth.client):
            raise ValueError("`auth` of an MCP server has a header with a value, a token, or a user with a password")


class PythonSource(_Declared, frozen=True, kw_only=True):
    """Tools in a module: a tool, a list of tools, a toolset, or a function that gives one of these."""

    python: str
    """`FILE.py:NAME`, beside the project file, or `module:NAME`."""
    stand_in: str = ""
    """The same, for tools that contract tests may call."""


class PackageSource(_Declared, frozen=True, kw_only=True):
    """Tools of installed packages, which announce them as entry points of the group `remit.tools`."""

    entry_points: tuple[str, ...] | Literal["*"]
    """Their names; an empty list or `*` for all that are installed."""


Source = OpenAPISource | McpSource | McpUrlSource | PythonSource | PackageSource

KINDS: Mapping[str, type[Source]] = {
    "openapi": OpenAPISource,
    "mcp": McpSource,
    "mcp_url": McpUrlSource,
    "python": PythonSource,
    "entry_points": PackageSource,
}
"""By the key that tells what a source is."""


def kind_of(source: Source) -> str:
    """Say in a word what a source is, as in the `source` of its tools."""
    match source:
        case OpenAPISource():
            return "openapi"
        case McpSource() | McpUrlSource():
            return "mcp"
        case PythonSource():
            return "python"
        case PackageSource():
            return "package"


def chosen(source: Source) -> tuple[str, ...] | None:
    """Give the tools to take, by the source's names; `None` for all."""
    return tuple(dict.fromkeys((*source.only, *source.tools))) or None
