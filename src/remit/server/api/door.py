"""Door: takes a request that was let in to its endpoint, understood, and its answer back."""

from collections.abc import Mapping

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.api.problems import problem
from remit.server.entrance import Entrance, ProblemError, packed


class Door:
    """One endpoint, as an ASGI application."""

    def __init__(self, endpoint: Endpoint, entrance: Entrance) -> None:
        """Take what is behind it and how requests come in."""
        self._endpoint, self._entrance = endpoint, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        request = Request(scope, receive)
        try:
            answer = self._written(request, await self._endpoint.handle(await self._heard(request)))
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            answer = problem(error)
        await answer(scope, receive, send)

    async def _heard(self, request: Request) -> Heard:
        entrance = self._entrance
        guest = await entrance.admit(request, self._endpoint.action)
        return Heard(
            entrance,
            guest,
            {name: str(value) for name, value in request.path_params.items()},
            await self._body(request, guest.headers),
            self._query(request),
        )

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
        body = await self._entrance.read(request)
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

    def _written(self, request: Request, answer: Answer) -> Response:
        if isinstance(answer, Response):
            return answer
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if answer is None:
            return Response(None, self._endpoint.status, headers)
        whole = Response(msgspec.json.encode(answer), self._endpoint.status, headers, media_type="application/json")
        return packed(request.headers, whole)
