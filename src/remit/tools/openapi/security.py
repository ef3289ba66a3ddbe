"""Security: credentials for the schemes of a document, added when a call is made and never shown to a model."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urljoin

import msgspec

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.core.ports import Clock
from remit.core.values import JsonObject, JsonValue
from remit.policy import Secrets
from remit.tools.http.port import Outgoing, Sender
from remit.tools.openapi.document import Entry, OpenAPI
from remit.tools.openapi.styles import header

_EARLY = 30.0
"""Seconds before its end from which a token is not used any more."""


@dataclass(frozen=True, slots=True)
class Token:
    """An API key, or a bearer token of any scheme."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password, for HTTP's basic scheme."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """A client that gets its tokens itself, by OAuth 2's client credentials grant."""

    id: str
    secret: str = field(repr=False)


Credential = Token | Login | Client
Credentials = Callable[[str, str], Awaitable[Credential | None]]
"""Gives the credential of a scheme, by its name in the document, for a tenant; `None` when there is none."""


@dataclass(slots=True)
class Signed:
    """What is added to one request, and what must not be seen of it."""

    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    query: list[str] = field(default_factory=list[str])
    cookies: list[str] = field(default_factory=list[str])
    secrets: Secrets = field(default_factory=Secrets)
    cached: bool = False
    """Whether a token was used that the server may have forgotten since."""

    def hide(self, value: str) -> None:
        """Keep a value out of what comes back."""
        try:
            self.secrets.register("credential", value)
        except ConfigError:
            return  # too short or too common to be told from chance


class _Scheme(msgspec.Struct, frozen=True):
    name: str
    node: JsonObject
    scopes: tuple[str, ...]


class _Asker(msgspec.Struct, frozen=True):
    """For whom a request is signed, and of which server."""

    tenant: str
    server: str
    session: str
    call: str


class Security:
    """Signs requests of one document's operations."""

    def __init__(
        self, document: OpenAPI, credentials: Credentials | None, sender: Sender, clock: Clock = time.monotonic
    ) -> None:
        """Take who gives credentials; with `None` requests leave as they are, as when the sender adds them."""
        self._document, self._credentials, self._sender, self._clock = document, credentials, sender, clock
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}
        self._asking: dict[tuple[str, ...], asyncio.Lock] = {}

    def problem(self, entry: Entry) -> str:
        """Say why no request of an operation could be signed; empty when one can."""
        ways = self._ways(entry)
        problems = [[problem for scheme in way if (problem := _problem(scheme))] for way in ways]
        return problems[0][0] if self._credentials and problems and all(problems) else ""

    async def sign(self, entry: Entry, tenant: str, server: str, *, session: str = "", call: str = "") -> Signed:
        """Give what to add to a request; raise `RejectedError` when there is no credential.

        `session` and `call` are for the record of what must be asked first, such as a token.
        """
        ways = self._ways(entry)
        if self._credentials is None or not ways:
            return Signed()
        missing: list[str] = []
        for way in ways:
            found: list[tuple[_Scheme, Credential]] = []
            for scheme in way:
                credential = None if _problem(scheme) else await self._credentials(scheme.name, tenant)
                if credential is None:
                    missing.append(scheme.name)
                    break
                found.append((scheme, credential))
            else:
                try:
                    return await self._signed(found, _Asker(tenant, server, session, call))
                except ValueError as error:
                    raise RejectedError(f"not sent: a credential {error}; a person must mend it") from None
        wanted = " or ".join(dict.fromkeys(missing))
        raise RejectedError(f"not sent: there is no credential for {wanted}; a person must provide it")

    def forget(self) -> None:
        """Drop all tokens: the server does not take one of them."""
        self._tokens.clear()

    def _ways(self, entry: Entry) -> list[list[_Scheme]]:
        """Give the alternatives, each a list of schemes that are needed together."""
        said = entry.node.get("security", self._document.root.get("security"))
        return [self._way(way) for way in said if isinstance(way, dict)] if isinstance(said, list) else []

    def _way(self, way: JsonObject) -> list[_Scheme]:
        components = self._document.root.get("components")
        known = components.get("securitySchemes") if isinstance(components, dict) else None
        schemes: list[_Scheme] = []
        for name, scopes in way.items():
            if not isinstance(known, dict) or name not in known:
                raise ConfigError(f"it needs the security scheme {name!r}, which the document does not declare")
            listed = tuple(map(str, scopes)) if isinstance(scopes, list) else ()
            schemes.append(_Scheme(name, self._document.resolve(known[name]), listed))
        return schemes

    async def _signed(self, found: Sequence[tuple[_Scheme, Credential]], asker: _Asker) -> Signed:
        signed = Signed()
        for scheme, credential in found:
            match credential:
                case Token(value):
                    _place(signed, scheme, value)
                case Login(user, password):
                    written = base64.b64encode(f"{user}:{password}".encode()).decode()
                    signed.headers.append(("Authorization", f"Basic {written}"))
                    signed.hide(password)
                    signed.hide(written)
                case Client():
                    token, signed.cached = await self._token(scheme, credential, asker)
                    signed.headers.append(("Authorization", header(f"Bearer {token}")))
                    signed.hide(token)
                    signed.hide(credential.secret)
        return signed

    # -- OAuth 2 ---------------------------------------------------------------------------------------------------

    async def _token(self, scheme: _Scheme, client: Client, asker: _Asker) -> tuple[str, bool]:
        """Give a token, and whether it was here already."""
        url = urljoin(f"{asker.server}/", _token_url(scheme))
        # What one server granted is not for another.
        place = (scheme.name, asker.tenant, client.id, url, *scheme.scopes)
        # One at a time: many calls that begin together need one token, not one each.
        async with self._asking.setdefault(place, asyncio.Lock()):
            token, until = self._tokens.get(place, ("", 0.0))
            if token and self._clock() < until:
                return token, True
            token, seconds = await self._granted(scheme, client, url, asker)
            self._tokens[place] = token, self._clock() + seconds - _EARLY
            return token, False

    async def _granted(self, scheme: _Scheme, client: Client, url: str, asker: _Asker) -> tuple[str, float]:
        login = base64.b64encode(f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}".encode()).decode()
        fields = {"grant_type": "client_credentials"} | ({"scope": " ".join(scheme.scopes)} if scheme.scopes else {})
        headers = (
            ("Authorization", f"Basic {login}"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
        )
        request = Outgoing(
            "POST",
            url,
            headers,
            urlencode(fields).encode(),
            tenant=asker.tenant,
            session=asker.session,
            call=asker.call,
        )
        try:
            answer = await self._sender.send(request)
        except ToolError as error:
            retryable = not isinstance(error, RejectedError) or error.retryable
            raise RejectedError(f"not sent: no token for {scheme.name}", retryable=retryable) from None
        if answer.status != 200:
            retryable = answer.status >= 500 or answer.status == 429
            message = f"not sent: no token for {scheme.name}: its server answered {answer.status}"
            raise RejectedError(message, retryable=retryable)
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except msgspec.DecodeError:
            raise RejectedError(f"not sent: no token for {scheme.name}: the answer holds none") from None
        return granted.access_token, granted.expires_in


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 300.0


def _place(signed: Signed, scheme: _Scheme, value: str) -> None:
    signed.hide(value)
    node = scheme.node
    name = str(node.get("name", ""))
    match (node.get("type"), node.get("in")):
        case ("apiKey", "query"):
            signed.query.append(f"{quote(name, safe='')}={quote(value, safe='')}")
        case ("apiKey", "cookie"):
            signed.cookies.append(f"{name}={quote(value, safe='')}")
        case ("apiKey", _):
            signed.headers.append((name, header(value)))
        case _:
            signed.headers.append(("Authorization", header(f"Bearer {value}")))


def _problem(scheme: _Scheme) -> str:
    kind = scheme.node.get("type")
    if kind == "http" and str(scheme.node.get("scheme", "")).lower() in {"basic", "bearer"}:
        return ""
    if kind in {"apiKey", "oauth2", "openIdConnect"}:
        return ""
    what = scheme.node.get("scheme") if kind == "http" else kind
    return f"its security scheme {scheme.name!r} is {what!r}, which is not known here"


def _token_url(scheme: _Scheme) -> str:
    flows = scheme.node.get("flows")
    flow: JsonValue = flows.get("clientCredentials") if isinstance(flows, dict) else None
    url = flow.get("tokenUrl") if isinstance(flow, dict) else None
    if not isinstance(url, str):
        raise RejectedError(f"not sent: {scheme.name} has no client credentials flow; give a Token for it")
    return url
