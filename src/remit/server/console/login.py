"""Login: people paste a key once, and are known by a cookie until they leave. Where nobody needs one, it leads on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from remit.core.errors import ConfigError
from remit.server.access.chained import Chained
from remit.server.access.cookies import CSRF_HEADER
from remit.server.access.port import Asked, DeniedError
from remit.server.entrance import Entrance, ProblemError, refused

Made = Callable[..., bytes]
"""Makes a document of a template and what goes into it."""

_FIELDS = 10
_PLAIN = {"Cache-Control": "no-store"}


class Login:
    """The pages by which people come in and go out."""

    def __init__(self, entrance: Entrance, made: Made, headers: Mapping[str, str]) -> None:
        """Take how requests come in; raise `ConfigError` for cookies without anything that slows who guesses."""
        self._entrance, self._made, self._headers = entrance, made, headers
        self._access = entrance.access if isinstance(entrance.access, Chained) else None
        if entrance.cookies is not None and self._access is None:
            raise ConfigError("cookies let people in only where failures are slowed and written down: with `Chained`")

    def routes(self) -> list[BaseRoute]:
        """Give the routes."""
        return [
            Route("/login", _Told(self._shown, self._problem), methods=["GET"]),
            Route("/login", _Told(self._entered, self._problem), methods=["POST"]),
            Route("/logout", _Told(self._left, self._problem), methods=["POST"]),
        ]

    async def _shown(self, request: Request) -> Response:
        guest = await self._entrance.admit(request, None)
        cookies, wanted = self._entrance.cookies, path_here(request.query_params.get("next", ""))
        if cookies is None or await cookies.recognise(guest.asked) is not None:
            return RedirectResponse(wanted, 303, _PLAIN)
        return self._form(wanted)

    async def _entered(self, request: Request) -> Response:
        guest = await self._entrance.admit(request, None)
        form = await self._fields(request)
        cookies, access, wanted = self._entrance.cookies, self._access, path_here(form.get("next", ""))
        if cookies is None or access is None:
            return RedirectResponse(wanted, 303, _PLAIN)
        try:
            entered = await access.trying(guest.asked, cookies.enter(guest.asked, form.get("key", "")))
        except DeniedError as error:
            if error.status not in {401, 429}:
                raise
            return self._form(wanted, problem=str(error), error=error)
        await access.audit(entered.principal, guest.asked, "signed in", allowed=True)
        return _setting(wanted, entered.cookies)

    async def _left(self, request: Request) -> Response:
        guest = await self._entrance.admit(request, None)
        form = await self._fields(request)
        cookies, access = self._entrance.cookies, self._access
        if cookies is None or access is None:
            return RedirectResponse("/", 303, _PLAIN)
        asked = _shown_in(guest.asked, form.get("csrf", ""))
        principal = await access.trying(asked, cookies.recognise(asked))
        if principal is not None:
            await access.audit(principal, asked, "signed out", allowed=True)
            return _setting("/login", await cookies.leave(asked))
        return _setting("/login", ())

    async def _fields(self, request: Request) -> dict[str, str]:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/x-www-form-urlencoded":
            raise ProblemError(415, "the body must be the fields of a form: application/x-www-form-urlencoded")
        try:
            found = parse_qs((await self._entrance.read(request)).decode("ascii"), max_num_fields=_FIELDS)
        except ValueError:
            raise ProblemError(400, "the body is no form") from None
        return {name: values[-1] for name, values in found.items()}

    def _form(self, wanted: str, problem: str = "", error: DeniedError | None = None) -> Response:
        headers = dict(self._headers)
        if error is not None and error.retry_after is not None:
            headers["Retry-After"] = f"{error.retry_after:.0f}"
        body = self._made("login.html", next=wanted, problem=problem)
        return Response(body, error.status if error else 200, headers, media_type="text/html")

    def _problem(self, error: Exception) -> Response:
        why = refused(error)
        body = self._made("problem.html", status=why.status, title=HTTPStatus(why.status).phrase, detail=why.detail)
        return Response(body, why.status, {**self._headers, **why.headers}, media_type="text/html")


class _Told:
    """Answers a request in words, whatever comes of it."""

    def __init__(
        self, handle: Callable[[Request], Awaitable[Response]], problem: Callable[[Exception], Response]
    ) -> None:
        self._handle, self._problem = handle, problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._handle(Request(scope, receive))
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a person is told in words, whatever broke
            answer = self._problem(error)
        await answer(scope, receive, send)


def path_here(wanted: str) -> str:
    """Give a path of this site as it was wanted, the first page for anything else: nobody is sent elsewhere."""
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or "\\" in wanted or not wanted.isprintable():
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    here = not parts.scheme and not parts.netloc and not parts.path.startswith(("/login", "/logout"))
    return wanted if here else "/"


def _shown_in(asked: Asked, csrf: str) -> Asked:
    """Read the token from the form, which cannot send a header."""
    return Asked(asked.method, asked.path, {**asked.headers, CSRF_HEADER: csrf}, asked.peer)


def _setting(where: str, cookies: Sequence[str]) -> Response:
    answer = RedirectResponse(where, 303, _PLAIN)
    for cookie in cookies:
        answer.headers.append("set-cookie", cookie)
    return answer
