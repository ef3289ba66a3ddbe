"""The service: makes and ends machines, runs cells in them and carries their files, over HTTP.

Source: E2B's `spec/openapi.yml`, `spec/envd/envd.yaml` and the server of its code interpreter. No request is ever
repeated that may have done something, except the making of a machine, which ends by itself when nobody uses it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import httpx2
import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject

_CELLS, _FILES = 49999, 49983
"""Ports of a machine: its code interpreter and its `envd`."""
_TRIES = 3
_LONGEST_WAIT = 30.0
_REQUEST = 60.0
_SILENCE = 30.0
"""Seconds without a word of a cell; the service says every five that it is alive."""
_LARGEST_ERROR = 300


class GoneError(OSError):
    """The machine is not there any more, or not what it was."""


class Remote(msgspec.Struct, frozen=True, rename="camel"):
    """A machine, as the service describes it."""

    sandbox_id: str = msgspec.field(name="sandboxID")
    domain: str | None = None
    envd_access_token: str | None = None
    traffic_access_token: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the service is and which machines to ask for."""

    api: str = "https://api.e2b.app"
    domain: str = "e2b.app"
    gateway: str = ""
    """One address for all machines, as a self-hosted service has; otherwise each has a name of its own."""
    template: str = "code-interpreter-v1"
    lifetime: int = 300
    """Seconds after which the service ends a machine that nobody has used."""


class Service:
    """A client with a key, which it shows to nobody but the service."""

    def __init__(self, key: str, settings: Settings) -> None:
        """Talk to the service with this key."""
        self._key, self._settings = key, settings
        self._http = httpx2.AsyncClient(timeout=httpx2.Timeout(_REQUEST), follow_redirects=False)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def check(self) -> str:
        """Say why the service cannot be used, or nothing."""
        try:
            await self._api("GET", "/v2/sandboxes?limit=1")
        except (ConfigError, OSError) as error:
            return str(error)
        return ""

    async def make(self) -> Remote:
        """Make a machine without a network; raise `ConfigError` when the service does not."""
        order: JsonObject = {
            "templateID": self._settings.template,
            "timeout": self._settings.lifetime,
            "secure": True,
            "allow_internet_access": False,
        }
        try:
            return msgspec.json.decode(await self._api("POST", "/sandboxes", order), type=Remote)
        except (msgspec.DecodeError, OSError) as error:
            raise ConfigError(f"the service {self._settings.api} made no machine: {error}") from error

    async def end(self, remote: Remote) -> None:
        """End a machine; one that is gone already is no error. Raise `ConfigError` or `OSError` when it may go on."""
        try:
            await self._api("DELETE", f"/sandboxes/{remote.sandbox_id}")
        except GoneError:
            return

    async def prolong(self, remote: Remote, seconds: float) -> None:
        """Have the service end a machine so many seconds from now; raise `OSError` when it is gone."""
        await self._api("POST", f"/sandboxes/{remote.sandbox_id}/timeout", {"timeout": int(seconds)})

    async def _api(self, method: str, path: str, order: JsonObject | None = None) -> bytes:
        answer = await self._asked(method, path, order)
        for attempt in range(_TRIES - 1):
            if answer.status_code != 429 and answer.status_code < 500:
                break
            await asyncio.sleep(_wait(answer.headers.get("retry-after", ""), attempt))
            answer = await self._asked(method, path, order)
        if answer.status_code < 300:
            return answer.content
        if answer.status_code in (401, 403):
            raise ConfigError(f"{self._settings.api} does not accept the key (HTTP {answer.status_code})")
        if answer.status_code == 404:
            raise GoneError(f"not found: {self._said(answer.content)}")
        raise ConfigError(f"{self._settings.api} answered HTTP {answer.status_code}: {self._said(answer.content)}")

    async def _asked(self, method: str, path: str, order: JsonObject | None) -> httpx2.Response:
        try:
            return await self._http.request(
                method, self._settings.api + path, json=order, headers={"X-API-KEY": self._key}
            )
        except httpx2.HTTPError as error:
            raise OSError(f"{self._settings.api} cannot be reached: {type(error).__name__}") from error

    def _said(self, content: bytes) -> str:
        return content[:_LARGEST_ERROR].decode(errors="replace").replace(self._key, "...")

    def _address(self, remote: Remote, port: int) -> tuple[str, dict[str, str]]:
        headers = {"E2b-Sandbox-Id": remote.sandbox_id, "E2b-Sandbox-Port": str(port)}
        if remote.envd_access_token:
            headers["X-Access-Token"] = remote.envd_access_token
        if remote.traffic_access_token:
            headers["E2B-Traffic-Access-Token"] = remote.traffic_access_token
        own = f"https://{port}-{remote.sandbox_id}.{remote.domain or self._settings.domain}"
        return self._settings.gateway or own, headers

    async def put(self, remote: Remote, path: str, data: bytes) -> None:
        """Write a file of a machine; raise `OSError`."""
        address, headers = self._address(remote, _FILES)
        await self._file("POST", address, path, headers, files={"file": (path, data)})

    async def get(self, remote: Remote, path: str, most: int) -> bytes:
        """Read a file of a machine; raise `FileNotFoundError` or another `OSError`."""
        address, headers = self._address(remote, _FILES)
        data = await self._file("GET", address, path, headers)
        if len(data) > most:
            raise OSError(f"{path!r} has more than {most:,} bytes")
        return data

    async def _file(
        self,
        method: str,
        address: str,
        path: str,
        headers: dict[str, str],
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> bytes:
        try:
            answer = await self._http.request(
                method, f"{address}/files", params={"path": path, "username": "user"}, headers=headers, files=files
            )
        except httpx2.HTTPError as error:
            raise GoneError(f"the machine cannot be reached: {type(error).__name__}") from error
        if answer.status_code == 404:
            raise FileNotFoundError(f"there is no file {path!r}")
        if answer.status_code >= 300:
            raise OSError(f"HTTP {answer.status_code} for {path!r}: {self._said(answer.content)}")
        return answer.content

    @asynccontextmanager
    async def cell(self, remote: Remote, code: str) -> AsyncGenerator[AsyncGenerator[JsonObject]]:
        """Run a cell and give what it says, line by line; raise `OSError` when the machine is gone.

        Leaving early closes the connection, by which the service interrupts the cell.
        """
        address, headers = self._address(remote, _CELLS)
        limits = httpx2.Timeout(_SILENCE)
        try:
            async with self._http.stream(
                "POST", f"{address}/execute", json={"code": code}, headers=headers, timeout=limits
            ) as answer:
                if answer.status_code >= 300:
                    raise GoneError(f"HTTP {answer.status_code}: {self._said(await answer.aread())}")
                yield _sentences(answer)
        except httpx2.HTTPError as error:
            raise GoneError(f"the machine broke off: {type(error).__name__}") from error


def _wait(wish: str, attempt: int) -> float:
    seconds = float(wish) if wish.replace(".", "", 1).isdecimal() else 0.5 * 2**attempt
    return min(seconds, _LONGEST_WAIT)


async def _sentences(answer: httpx2.Response) -> AsyncGenerator[JsonObject]:
    rest = b""
    async for part in answer.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.strip():
                yield _object(line)
    if rest.strip():
        yield _object(rest)


def _object(line: bytes) -> JsonObject:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise GoneError("the service sent a line that is no JSON") from error
    if not isinstance(found, dict):
        raise GoneError("the service sent a line that is no object")
    return cast("JsonObject", found)
