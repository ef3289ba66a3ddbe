"""Sources that are OpenAPI documents. Needs the extra `openapi`."""

from collections.abc import Callable, Mapping
from typing import assert_never

from msgspec.structs import replace

from remit.core.errors import ConfigError, RemitError
from remit.core.ports import Tool
from remit.core.values import JsonValue
from remit.tools.http import Outgoing
from remit.tools.openapi import (
    Choice,
    Client,
    Credential,
    CursorPages,
    LinkPages,
    Login,
    NumberedPages,
    OpenAPI,
    OpenAPITools,
    Pages,
    Token,
)
from remit.tools.openapi.document import Entry
from remit.tools.openapi.servers import server_url
from remit.tools.openapi.toolset import tool_name
from remit.tools.registry.contracted import Contracted
from remit.tools.registry.edge import Edge, host_of
from remit.tools.registry.ground import Ground, Opened, Taken, nothing
from remit.tools.registry.lookups import filled
from remit.tools.registry.settings import PageSettings, ToolSettings
from remit.tools.registry.sources import Auth, OpenAPISource, chosen

_LARGEST = 50_000_000
"""Bytes of a document that is fetched."""


async def open_source(name: str, source: OpenAPISource, ground: Ground) -> Opened:
    """Read the document and make its tools; of all operations, those that cannot be tools are left out."""
    document = await _document(source, ground)
    server = source.stand_in if ground.standing_in else source.server
    keys = chosen(source)
    said = {key: _said(document, source, ground, key) for key in keys or document.keys}
    credentials = (
        None if source.auth is None or source.auth.header else _credentials(document, source.auth, ground.edge)
    )

    def of(only: Mapping[str, Choice]) -> OpenAPITools:
        return OpenAPITools(document, ground.edge, only=only, server=server, credentials=credentials)

    choices = {key: _choice(one) for key, one in said.items()}
    left_out = await _unfit(choices, of) if keys is None else {}
    choices = {key: choice for key, choice in choices.items() if key not in left_out}
    taken: list[Taken] = []
    for key, tool in zip(choices, await of(choices).open(), strict=True):
        url = server_url(document, document.entry(key), server)
        if source.auth is not None and source.auth.header:
            ground.edge.sign(name, url, source.auth)
        taken.append(Taken(_marked(tool, document.entry(key)), said[key], (host_of(url),), ground.standing_in))
    return Opened(tuple(taken), nothing, left_out)


async def _document(source: OpenAPISource, ground: Ground) -> OpenAPI:
    if "://" not in source.openapi:
        return OpenAPI.read(ground.folder / source.openapi)
    try:
        answer = await ground.edge.send(Outgoing("GET", source.openapi, largest=_LARGEST))
    except RemitError as error:
        raise ConfigError(f"cannot fetch the OpenAPI document: {error}") from None
    if answer.status != 200:
        raise ConfigError(f"cannot fetch the OpenAPI document: {source.openapi} answered {answer.status}")
    return OpenAPI(OpenAPI.read(answer.body.decode("utf-8", "replace") + "\n").root, source.openapi)


def _said(document: OpenAPI, source: OpenAPISource, ground: Ground, key: str) -> ToolSettings:
    return ground.said(source, key, tool_name(document.entry(key)))


def _marked(tool: Tool, entry: Entry) -> Tool:
    """Say in the contract of a tool, not only in its description, that its document deprecates it."""
    if entry.node.get("deprecated") is not True:
        return tool
    spec = tool.spec
    text = spec.description.removeprefix("Deprecated.").strip() or spec.description
    return Contracted(tool, replace(spec, description=text, deprecated="its document says so"))


async def _unfit(choices: Mapping[str, Choice], of: Callable[[Mapping[str, Choice]], OpenAPITools]) -> dict[str, str]:
    """Say which operations cannot be tools, and why, when all are wanted: a document may have a few, but not only."""
    try:
        await of(choices).open()
    except ConfigError as error:
        whole = error
    else:
        return {}
    problems: dict[str, str] = {}
    names: set[str] = set()
    for key, choice in choices.items():
        problem = await _problem(key, of({key: choice}))
        if not problem and choice.name in names:
            problem = f"another operation is named {choice.name!r} too; give one `name`"
        if problem:
            problems[key] = problem
        else:
            names.add(choice.name)
    if not names:
        raise whole
    return problems


async def _problem(key: str, toolset: OpenAPITools) -> str:
    try:
        await toolset.open()
    except ConfigError as error:
        return str(error).rpartition("\n")[2].removeprefix(f"{key}: ")
    return ""


def _choice(said: ToolSettings) -> Choice:
    """Give what an operation must know of itself; the rest is laid over it later."""
    return Choice(
        name=said.name,
        effect=said.effect,
        pages=None if said.pages is None else _pages(said.pages),
        media=said.media,
        timeout=30.0 if said.timeout is None else said.timeout,
    )


def _pages(said: PageSettings) -> Pages:
    match said.by:
        case "link":
            return LinkPages(items=said.items, most=said.most)
        case "cursor":
            return CursorPages(argument=said.argument, next=said.next, items=said.items, most=said.most)
        case "number":
            argument = said.argument or "page"
            return NumberedPages(argument=argument, first=said.first, items=said.items, most=said.most)
        case _:
            assert_never(said.by)


class _Credentials:
    """Gives the credentials of a document's schemes, looked up at each call for its tenant."""

    def __init__(self, auth: Auth, edge: Edge) -> None:
        self._auth, self._edge = auth, edge

    async def __call__(self, scheme: str, tenant: str) -> Credential | None:
        auth = self._auth.schemes.get(scheme) if self._auth.schemes else self._auth
        if auth is None:
            return None
        secret = self._edge.secret
        if auth.token:
            return Token(await filled(auth.token, tenant, secret))
        if auth.client:
            return Client(await filled(auth.client, tenant, secret), await filled(auth.secret, tenant, secret))
        return Login(await filled(auth.user, tenant, secret), await filled(auth.password, tenant, secret))


def _credentials(document: OpenAPI, auth: Auth, edge: Edge) -> _Credentials:
    components = document.root.get("components")
    declared: JsonValue = components.get("securitySchemes") if isinstance(components, dict) else None
    known = declared if isinstance(declared, dict) else {}
    if not known:
        raise ConfigError(
            f"{document.name} declares no security schemes for `auth`; sign with a `header` and its `value`"
        )
    for name in auth.schemes:
        if name not in known:
            raise ConfigError(f"{document.name} has no security scheme {name!r}; it has: {', '.join(sorted(known))}")
    return _Credentials(auth, edge)
