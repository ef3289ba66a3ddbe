"""Hooks: `POST /v1/hooks/NAME` has an agent begin, for whoever signs what they deliver. A signature is the only way in.

A hook that there is not and a signature that is wrong are answered in the same words, after like work.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from remit.core.errors import ConfigError
from remit.core.values import JsonValue, now_ms
from remit.server.access.floods import Floods
from remit.server.access.paces import Pace, neighbourhood, whole_seconds
from remit.server.access.port import Asked, DeniedError
from remit.server.access.records import recorded
from remit.server.beginnings import deliveries
from remit.server.beginnings.settings import HookSettings
from remit.server.beginnings.signatures import mark
from remit.server.beginnings.starting import Cause, Source, Starter, TakenError
from remit.server.entrance import Entrance, Guest, ProblemError, refused
from remit.server.service import RefusedError

_log = logging.getLogger("remit.beginnings")

PATH = "/v1/hooks/{hook}"

_WRONG = "no hook of this name takes this; sign it with the secret of the hook, lately"

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Secret = Callable[[], Awaitable[str]]
"""Gives a secret as it is now."""


class _Hook:
    """One place where deliveries come in."""

    def __init__(self, source: Source, settings: HookSettings, secrets: Sequence[Secret]) -> None:
        # Looked up at each delivery, so that a new one counts without a restart.
        self.source, self.settings, self._secrets = source, settings, secrets
        a_minute = settings.per_minute
        self.pace = Pace(a_minute / 60, max(1, a_minute // 2))

    async def known(self) -> list[str]:
        """Give the secrets that count now; one that cannot be looked up does not."""
        found: list[str] = []
        for secret in self._secrets:
            try:
                found.append(await secret())
            except ConfigError as error:
                _log.error("%s: %s", self.source.by, error)
        return found


class Hooks:
    """All hooks of a server."""

    def __init__(
        self,
        starter: Starter,
        hooks: Sequence[tuple[Source, HookSettings, Sequence[Secret]]],
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Take what begins sessions; the clock counts milliseconds since the epoch."""
        self._starter, self._now = starter, clock
        self._hooks: Mapping[str, _Hook] = {hook.settings.name: hook for hook in (_Hook(*one) for one in hooks)}
        self._failures, self._floods = Pace(0.5, 10), Floods()

    def front(self, entrance: Entrance) -> Sequence[BaseRoute]:
        """Give the route at which deliveries come in."""

        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            try:
                answer = await self._taken(entrance, request)
            except ClientDisconnect:
                return
            except Exception as error:  # noqa: BLE001 - a sender is told in its own words, whatever broke
                answer = _problem(error)
            await answer(scope, receive, send)

        return [Route(PATH, _App(door), methods=["POST"])]

    async def _taken(self, entrance: Entrance, request: Request) -> Response:
        guest = await entrance.admit(request, None)
        body = await entrance.read(request)
        hook = self._hooks.get(str(request.path_params["hook"]))
        found = await self._mark(hook, guest, body)
        if hook is None or not found:
            raise await self._denied(entrance, guest.asked, hook)
        if len(body) > hook.settings.most_kb << 10:
            raise ProblemError(413, f"the body has more than {hook.settings.most_kb} KiB")
        said = deliveries.read(guest.headers, body)
        if hook.settings.scheme == "slack" and isinstance(said, dict) and said.get("type") == "url_verification":
            return _json({"challenge": str(said.get("challenge", ""))}, 200)
        wait = hook.pace.take("")
        if wait:
            self._starter.count(hook.source, "failed")
            raise DeniedError(429, "too many deliveries for this hook", retry_after=whole_seconds(wait))
        return await self._begin(hook, guest, found, said)

    async def _begin(self, hook: _Hook, guest: Guest, found: str, said: JsonValue) -> Response:
        at = datetime.fromtimestamp(self._now() / 1000, UTC).isoformat(timespec="seconds")
        text = deliveries.message(hook.settings, said, guest.headers, time=at)
        # What a sender calls it may be anything.
        cause = Cause(hook.source, hashlib.sha256(found.encode()).hexdigest()[:24])
        try:
            started = await self._starter.begin(cause, text)
        except TakenError as error:
            self._starter.count(hook.source, "refused")
            await self._starter.tell(hook.source, str(error))
            raise RefusedError("conflict", "this delivery cannot have a session; the server's log says why") from None
        except Exception:
            self._starter.count(hook.source, "failed")
            raise
        return _json({"session": started.session}, 202)

    async def _mark(self, hook: _Hook | None, guest: Guest, body: bytes) -> str:
        # As much work for a name that there is not.
        scheme = hook.settings.scheme if hook is not None else "github"
        secrets = await hook.known() if hook is not None else ["none"]
        return mark(scheme, secrets, guest.headers, body, self._now() / 1000)

    async def _denied(self, entrance: Entrance, asked: Asked, hook: _Hook | None) -> DeniedError:
        """Write a refusal down, slow who has many, and give what they are told."""
        if hook is not None:
            self._starter.count(hook.source, "refused")
        access, near = entrance.access, neighbourhood(asked.peer)
        for one in self._floods.over():
            of = Asked(one.method, one.path, {}, one.peer)
            await access.audit(None, of, f"{one.what} ({one.times} times)", allowed=False)
        wait = self._failures.take(near)
        what = "a delivery that nobody known signed"
        if not wait or self._floods.begins(near, recorded(None, asked, what, allowed=False)):
            await access.audit(None, asked, what, allowed=False)
        if wait:
            return DeniedError(429, "too many failed attempts", retry_after=whole_seconds(wait))
        return DeniedError(401, _WRONG)


class _App:
    """An ASGI application; a plain function would be taken for an endpoint."""

    def __init__(self, call: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._call(scope, receive, send)


def _json(said: Mapping[str, str], status: int) -> Response:
    return Response(msgspec.json.encode(said), status, _HEADERS, media_type="application/json")


def _problem(error: Exception) -> Response:
    why = refused(error)
    said = {"title": "refused", "status": why.status, "detail": why.detail}
    headers = {name: value for name, value in why.headers.items() if name != "WWW-Authenticate"}
    return Response(
        msgspec.json.encode(said), why.status, {**headers, **_HEADERS}, media_type="application/problem+json"
    )
