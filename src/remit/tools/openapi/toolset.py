"""Toolsets of documents: chosen operations of an OpenAPI document as tools, under the names and texts a model reads."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.ports import Tool
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, nanos
from remit.policy.hosts import destination
from remit.tools.http.port import Sender
from remit.tools.openapi.document import Entry, OpenAPI
from remit.tools.openapi.operation import operation, output, promise
from remit.tools.openapi.pages import Paged, Pages
from remit.tools.openapi.security import Credentials, Security
from remit.tools.openapi.servers import server_url
from remit.tools.openapi.tool import Effect, OperationTool, effect_of

PAGED: JsonObject = {
    "type": "object",
    "properties": {"items": {"type": "array"}, "pages": {"type": "integer"}, "more": {"type": "boolean"}, "next": {}},
    "required": ["items", "pages", "more"],
    "additionalProperties": False,
}
"""The JSON Schema of pages that were joined."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST = 1000
"""Characters of a description: what a document says goes to a model at every step."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """How one operation becomes a tool, where the document does not say it well."""

    name: str = ""
    """What a model calls it; made of the `operationId` when empty."""
    description: str = ""
    effect: Effect | None = None
    """`None` for what its method promises. A POST or PATCH that is `idempotent` is sent with an `Idempotency-Key`."""
    pages: Pages | None = None
    """How further pages are found, when a model may ask for several at once."""
    media: str = ""
    """The media type of the body, where there are several; JSON goes first."""
    price: float = 0.0
    """Dollars that one call costs at most."""
    timeout: float = 30.0
    """Seconds for one attempt."""
    retries: int = 2
    dangerous: bool = False


class OpenAPITools:
    """The tools of a document. They hold no connection: the sender is the caller's, to share and to close."""

    def __init__(
        self,
        document: OpenAPI,
        sender: Sender,
        *,
        only: Mapping[str, Choice] | Collection[str] | None = None,
        server: str | Mapping[str, str] = "",
        credentials: Credentials | None = None,
    ) -> None:
        """Take a document and who sends; `only` names operations as in `document.keys`, `None` for all of them.

        `server` is a base URL, or values of the variables in the document's. With `credentials` of `None` requests
        leave unsigned, as when the sender adds what is needed.
        """
        self._document, self._sender, self._server, self._credentials = document, sender, server, credentials
        wanted = document.keys if only is None else only
        self._choices: Mapping[str, Choice] = (
            cast("Mapping[str, Choice]", wanted) if isinstance(wanted, Mapping) else {key: Choice() for key in wanted}
        )

    @property
    def name(self) -> str:
        """The title of the API."""
        return self._document.title

    async def open(self) -> Sequence[Tool]:
        """Make the tools; raise `ConfigError` naming every operation that cannot be one, and why."""
        security = Security(self._document, self._credentials, self._sender)
        tools: dict[str, Tool] = {}
        problems: list[str] = []
        for key, choice in self._choices.items():
            try:
                tool = self._tool(key, choice, security)
            except ConfigError as error:
                problems.append(f"{key}: {error}")
                continue
            if tools.setdefault(tool.spec.name, tool) is not tool:
                problems.append(f"{key}: another one is named {tool.spec.name!r} too; give `Choice(name=...)`")
        if problems:
            raise ConfigError(
                f"{len(problems)} of {len(self._choices)} operations of {self.name!r} cannot be tools; "
                f"mend them, or choose others with `only=`:\n" + "\n".join(problems[:20])
            )
        return tuple(tools.values())

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def output(self, key: str) -> JsonObject | None:
        """Give the JSON Schema of an operation's good answer; `None` when the document does not say."""
        return output(self._document, key)

    def _tool(self, key: str, choice: Choice, security: Security) -> Tool:
        taken = operation(self._document, key, choice.media)
        entry = taken.entry
        problem = security.problem(entry)
        if problem:
            raise ConfigError(problem)
        name = choice.name or tool_name(entry)
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no name for a tool; use 1 to 64 letters, digits, _ or -")
        server = server_url(self._document, entry, self._server)
        spec = ToolSpec(
            name=name,
            description=choice.description or _description(entry),
            schema=taken.schema,
            output=_promise(self._document, key, choice),
            effect=choice.effect or effect_of(entry.method),
            price=nanos(choice.price),
            timeout=choice.timeout,
            retries=choice.retries,
            dangerous=choice.dangerous,
            hosts=_hosts(server),
        )
        tool = OperationTool(spec, taken, server, self._sender, security)
        return tool if choice.pages is None else Paged(tool, choice.pages)


def _promise(document: OpenAPI, key: str, choice: Choice) -> JsonObject | None:
    if choice.pages is not None:
        # Pages are joined, and where their items are is not the document's to say.
        return PAGED
    try:
        return promise(document, key)
    except ConfigError:
        # An answer whose schema cannot be read is one of which nothing is promised; the call can be made all the same.
        return None


def _hosts(server: str) -> tuple[str, ...]:
    try:
        return (destination(server).host,)
    except ValueError as error:
        raise ConfigError(f"the server {server!r} is no address: {error}") from None


def tool_name(entry: Entry) -> str:
    """Make a tool's name of an operation's: `repos/get` is `repos_get`, `GET /pets/{id}` is `get_pets_id`."""
    start = f"{entry.method.lower()} {entry.path}" if " /" in entry.key else entry.key
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", start).strip("_") or "operation"
    if len(name) <= 64:
        return name
    # Two long names that begin alike stay two.
    return f"{name[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _description(entry: Entry) -> str:
    texts = [entry.node.get("summary"), entry.node.get("description")]
    lines = list(dict.fromkeys(clean for text in texts if isinstance(text, str) and (clean := _legible(text))))
    if entry.node.get("deprecated") is True:
        lines.insert(0, "Deprecated.")
    whole = "\n".join(lines or [f"{entry.method} {entry.path}"])
    return whole if len(whole) <= _LONGEST else whole[:_LONGEST].rsplit(" ", 1)[0] + " ..."


def _legible(text: str) -> str:
    """Leave out what a person would not see and a model would."""
    return "".join(mark for mark in text if mark == "\n" or mark.isprintable()).strip()
