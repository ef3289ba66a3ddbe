"""Clients of a fleet: they come to any replica, try again with the same key, and read on where they were."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

_BROKEN = (httpx2.TransportError, httpx2.InvalidURL)
_AGAIN = 0.05


@dataclass
class Reading:
    """What a reader was given of a session."""

    session: str
    seqs: list[int] = field(default_factory=list[int])
    kinds: list[str] = field(default_factory=list[str])
    text: str = ""
    """Of the answer that is being written."""
    deltas: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: str, data: str) -> None:
        """Take in one event of the stream."""
        told = msgspec.json.decode(data)
        if event == "delta":
            self.deltas += 1
            self.text = told["text"] if told["fresh"] else self.text + told["text"]
        else:
            self.seqs.append(told["seq"])
            self.kinds.append(told["kind"])
        self.changed.set()

    async def until(self, true: Callable[["Reading"], bool], seconds: float = 60) -> None:
        """Wait until something is true of it."""
        async with asyncio.timeout(seconds):
            while not true(self):
                self.changed.clear()
                await self.changed.wait()


class Client:
    """Somebody who has several replicas to choose from, and does not give up."""

    def __init__(self, *urls: str, key: str = "") -> None:
        """Know these replicas."""
        self.urls = list(urls)
        self.leaving: set[str] = set()
        """Those that were told to stop: they may say so."""
        self.failed: list[str] = []
        """Answers from others that a client should never see."""
        self._turns = itertools.count()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx2.Limits(max_connections=None)
        self._http = httpx2.AsyncClient(timeout=30, limits=limits, headers=headers)

    async def __aenter__(self) -> Self:
        """Be there."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go."""
        await self._http.aclose()

    def _choose(self) -> str:
        return self.urls[next(self._turns) % len(self.urls)]

    async def ask(self, method: str, path: str, body: object = None, *, at: str = "") -> httpx2.Response:
        """Ask one replica once."""
        return await self._http.request(method, (at or self._choose()) + path, json=body)

    async def sure(self, method: str, path: str, body: object = None) -> Any:
        """Ask until somebody does it; give the answer."""
        while True:
            url = self._choose()
            try:
                response = await self.ask(method, path, body, at=url)
            except _BROKEN:
                await asyncio.sleep(_AGAIN)
                continue
            if response.status_code < 500:
                assert response.status_code < 400, f"{method} {path}: {response.text}"
                return response.json() if response.content else None
            self._note(url, response.status_code, f"{method} {path}: {response.text}")
            await asyncio.sleep(_AGAIN)

    async def begin(self, text: str, key: str = "", agent: str = "clerk") -> str:
        """Begin a session, and give its id."""
        body = {"agent": agent, "text": text, **({"key": key} if key else {})}
        return (await self.sure("POST", "/v1/sessions", body))["id"]

    async def send(self, session: str, text: str, key: str) -> None:
        """Leave a message."""
        await self.sure("POST", f"/v1/sessions/{session}/messages", {"text": text, "key": key})

    async def get(self, session: str) -> Any:
        """Look at a session."""
        return await self.sure("GET", f"/v1/sessions/{session}")

    async def read(self, reading: Reading, true: Callable[[Reading], bool], *, at: str = "") -> Reading:
        """Read a session until something is true of what was read; go on elsewhere when a replica is gone."""
        while not true(reading):
            url = at or self._choose()
            headers = {"Last-Event-ID": str(reading.seqs[-1])} if reading.seqs else {}
            path = f"{url}/v1/sessions/{reading.session}/events"
            try:
                async with self._http.stream("GET", path, headers=headers) as response:
                    if response.status_code >= 400:
                        told = (await response.aread()).decode()
                        assert response.status_code >= 500, told
                        self._note(url, response.status_code, told)
                    else:
                        await self._take(response, reading, true)
            except _BROKEN:
                pass
            await asyncio.sleep(_AGAIN)
        return reading

    async def _take(self, response: httpx2.Response, reading: Reading, true: Callable[[Reading], bool]) -> None:
        event = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                reading.take(event, line.removeprefix("data: "))
                if true(reading):
                    return

    def _note(self, url: str, status: int, told: str) -> None:
        if url not in self.leaving:
            self.failed.append(f"{status} of {url}: {told}")


def ended(runs: int) -> Callable[[Reading], bool]:
    """Say whether so many runs have ended, for `Client.read`."""
    return lambda reading: reading.kinds.count("RunEnded") >= runs
