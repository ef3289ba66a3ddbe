"""Signing in: OAuth for an MCP server, with a browser of the person at this machine (RFC 8252, RFC 7636)."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from remit.tools.mcp.tokens import TokenFile

PORT = 33418
"""Where the browser is sent back to, on the loopback interface; a server remembers it with our registration."""

_PATIENCE = 300.0
"""Seconds a person has to sign in."""
_LONGEST = 16 << 10
_PATH = "/callback"
_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nDone; you can close this page.\n"
_LOST = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"

_LONG_AGO = 1.0

Show = Callable[[str], Awaitable[None]]


async def _print(url: str) -> None:
    sys.stderr.write(f"To let the agent use this server, open:\n  {url}\n")


def sign_in(
    url: str, tokens: TokenFile, *, scope: str = "", port: int = PORT, show: Show = _print, metadata_url: str = ""
) -> "Renewing":
    """Make the `auth` of an `Http`: it signs in when the server wants that, keeps the tokens and renews them.

    `show` brings the address to sign in at to a person; the browser must be on this machine. `metadata_url` names a
    document that says who we are, for servers that want one instead of a registration.
    """
    desk = _Desk(port, show)
    wanted = OAuthClientMetadata(
        client_name="Remit", redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}{_PATH}")], scope=scope or None
    )
    provider = OAuthClientProvider(
        url,
        wanted,
        tokens,
        redirect_handler=desk.send,
        callback_handler=desk.wait,
        client_metadata_url=metadata_url or None,
    )
    return Renewing(provider)


class Renewing(httpx2.Auth):
    """Renews a token that the server refuses before a person is asked to sign in again.

    The SDK does so only for tokens whose age it knows, which it forgets when the process ends.
    """

    requires_response_body = True

    def __init__(self, provider: OAuthClientProvider) -> None:
        """Wrap what signs in."""
        self.provider = provider

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Sign a request; raise `OAuthFlowError` when nobody signs in."""
        context, renewed = self.provider.context, False
        while True:
            async with aclosing(self.provider.async_auth_flow(request)) as flow:
                sent = await anext(flow)
                response = yield sent
                if (
                    response.status_code == 401
                    and sent.url == request.url
                    and context.can_refresh_token()
                    and not renewed
                ):
                    context.token_expiry_time, renewed = _LONG_AGO, True
                    continue
                with suppress(StopAsyncIteration):
                    while True:
                        response = yield await flow.asend(response)
                return


@dataclass(slots=True)
class _Desk:
    """Where the browser comes back to with the code."""

    port: int
    show: Show
    _server: asyncio.Server | None = None
    _answer: "asyncio.Future[AuthorizationCodeResult] | None" = None

    async def send(self, url: str) -> None:
        """Open the desk, then send the person away."""
        try:
            self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port, limit=_LONGEST)
        except OSError as error:
            raise OAuthFlowError(f"port {self.port} cannot be listened on ({error}); give `sign_in` another") from error
        self._answer = asyncio.get_running_loop().create_future()
        await self.show(url)

    async def wait(self) -> AuthorizationCodeResult:
        """Wait for the person to come back."""
        assert self._server is not None
        assert self._answer is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._answer
        except TimeoutError:
            raise OAuthFlowError(f"nobody signed in within {_PATIENCE:g} s") from None
        finally:
            self._server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readline()).decode("ascii", "replace")
            target = urlsplit(line.split(" ")[1] if line.count(" ") == 2 else "")
            known = target.path == _PATH
            writer.write(_PAGE if known else _LOST)
            await writer.drain()
            if known:
                self._settle({name: values[0] for name, values in parse_qs(target.query).items()})
        except (OSError, ValueError):
            # A browser that breaks off may come again.
            pass
        finally:
            writer.close()

    def _settle(self, said: dict[str, str]) -> None:
        answer = self._answer
        if answer is None or answer.done():
            return
        if "code" in said:
            answer.set_result(AuthorizationCodeResult(code=said["code"], state=said.get("state"), iss=said.get("iss")))
            return
        why = said.get("error_description") or said.get("error") or "no code was sent"
        answer.set_exception(OAuthFlowError(f"the sign-in failed: {why}"))
