"""Door: lets a request in to its endpoint: who asks, whether they may, what they say. In this order."""

import asyncio
from collections.abc import Mapping

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from remit.server.access.port import Access, Asked, Principal
from remit.server.api.declaring import Answer, Bounds, Endpoint, Heard
from remit.server.api.problems import ProblemError, problem
from remit.server.service import Service

_NOBODY = Principal(name="", tenant="", role="viewer")


class Door:
    """One endpoint, as an ASGI application."""

    def __init__(self, endpoint: Endpoint, service: Service, access: Access, bounds: Bounds) -> None:
        """Take what is behind it and who guards it."""
        self._endpoint, self._service, self._access, self._bounds = endpoint, service, access, bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        request = Request(scope, receive)
        try:
            answer = self._written(await self._endpoint.handle(await self._heard(request)))
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            answer = problem(error)
        await answer(scope, receive, send)

    async def _heard(self, request: Request) -> Heard:
        if sum(len(name) + len(value) for name, value in request.scope["headers"]) > self._bounds.headers:
            raise ProblemError(431, f"the headers have more than {self._bounds.headers} bytes")
        if "transfer-encoding" in request.headers and "content-length" in request.headers:
            # Whoever stands before us may have read the other one, and taken the rest for a request of somebody else.
            raise ProblemError(400, "a body has one length: Content-Length or Transfer-Encoding", close=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.client.host if request.client else ""
        asked = Asked(request.method, request.url.path, headers, peer)
        principal = await self._let_in(asked)
        return Heard(
            self._service,
            principal,
            {name: str(value) for name, value in request.path_params.items()},
            headers,
            self._bounds,
            lambda: self._let_in(asked),
            await self._body(request, headers),
            self._query(request),
        )

    async def _let_in(self, asked: Asked) -> Principal:
        action = self._endpoint.action
        if action is None:
            return _NOBODY
        principal = await self._access.identify(asked)
        await self._access.permit(principal, action, asked)
        return principal

    def _query(self, request: Request) -> msgspec.Struct | None:
        kind = self._endpoint.query
        if kind is None:
            return None
        try:
            return msgspec.convert(dict(request.query_params), kind, strict=False)
        except msgspec.ValidationError as error:
            raise ProblemError(422, f"the query is not what is wanted: {error}") from None

    async def _body(self, request: Request, headers: Mapping[str, str]) -> msgspec.Struct | None:
        kind = self._endpoint.body
        if kind is None:
            return None
        body = await self._read(request, headers)
        if not body and self._endpoint.optional:
            return kind()
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise ProblemError(415, "the body must be application/json")
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            raise ProblemError(422, f"the body is not what is wanted: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProblemError(400, f"the body is no JSON: {error}") from None
        except RecursionError:
            raise ProblemError(400, "the body is nested too deeply") from None

    async def _read(self, request: Request, headers: Mapping[str, str]) -> bytes:
        most = self._bounds.body
        said = headers.get("content-length", "")
        if said.isdecimal() and int(said) > most:
            raise ProblemError(413, f"the body has more than {most} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(self._bounds.slow):
                async for piece in request.stream():
                    body += piece
                    if len(body) > most:
                        raise ProblemError(413, f"the body has more than {most} bytes")
        except TimeoutError:
            raise ProblemError(408, f"the body did not come within {self._bounds.slow:g} s") from None
        return bytes(body)

    def _written(self, answer: Answer) -> Response:
        if isinstance(answer, Response):
            return answer
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if answer is None:
            return Response(None, self._endpoint.status, headers)
        return Response(msgspec.json.encode(answer), self._endpoint.status, headers, media_type="application/json")
