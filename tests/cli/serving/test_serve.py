"""`remit serve`: what it accepted is done, once, however it ends."""

import asyncio
import random
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from tests.cli.bench import Bench
from tests.cli.serving.served import served

_BROKEN = (httpx2.TransportError, httpx2.InvalidURL)


class Client:
    """Somebody with work for an agent, who does not give up."""

    def __init__(self) -> None:
        """Begin without an address."""
        self.url = ""
        self.accepted: dict[str, list[str]] = {}
        self.seen: list[int] = []
        self.wanted, self.enough = 0, asyncio.Event()
        """Set when so much was accepted, or read."""
        self._http = httpx2.AsyncClient(timeout=20, limits=httpx2.Limits(max_connections=100))

    async def work(self, name: str) -> None:
        """Begin a session and tell it two things, each until it is accepted."""
        session = (await self._sure("/v1/sessions", {"agent": "clerk", "text": f"{name}/0", "key": name}))["id"]
        self.accepted[session] = [f"{name}/0"]
        for number in (1, 2):
            text = f"{name}/{number}"
            await self._sure(f"/v1/sessions/{session}/messages", {"text": text, "key": text})
            self.accepted[session].append(text)
            if self.count() >= self.wanted:
                self.enough.set()

    def count(self) -> int:
        """Say how many messages were accepted."""
        return sum(map(len, self.accepted.values()))

    async def close(self) -> None:
        """Give up after all."""
        await self._http.aclose()

    async def _sure(self, path: str, body: dict[str, Any]) -> Any:
        while True:
            try:
                response = await self._http.post(self.url + path, json=body)
                assert response.status_code < 300, response.text
                return response.json()
            except _BROKEN:
                await asyncio.sleep(0.05)

    async def read(self, session: str, runs: int) -> None:
        """Read a session until so many runs ended, from where it was whenever the server is gone."""
        while runs:
            headers = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
            try:
                path = f"{self.url}/v1/sessions/{session}/events"
                async with self._http.stream("GET", path, headers=headers) as response:
                    async for line in response.aiter_lines():
                        if not line.startswith('data: {"seq"'):
                            continue
                        record = msgspec.json.decode(line.removeprefix("data: "))
                        self.seen.append(record["seq"])
                        if len(self.seen) == 12:
                            self.enough.set()
                        runs -= record["kind"] == "RunEnded"
                        if not runs:
                            return
            except _BROKEN:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", [1])
async def test_a_server_killed_under_load_loses_no_accepted_message_and_does_nothing_twice(
    seed: int, tmp_path: Path
) -> None:
    chance, client = random.Random(seed), Client()
    works: list[asyncio.Task[None]] = []
    for life in range(3):
        async with served(tmp_path) as server:
            client.url = server.url
            client.wanted, client.enough = client.count() + 15, asyncio.Event()
            works += [asyncio.create_task(client.work(f"s{life}-{number}")) for number in range(12)]
            await client.enough.wait()
            await asyncio.sleep(chance.uniform(0, 0.2))
            await server.end(signal.SIGKILL)
    async with served(tmp_path) as server:
        client.url = server.url
        await asyncio.gather(*works)
        kinds: Counter[str] = Counter()
        for session, texts in client.accepted.items():
            kinds.update(record["kind"] for record in await _idle(client, session, texts))
        assert await server.end(signal.SIGTERM) == 0
    await client.close()
    assert len(client.accepted) == 36
    assert kinds["RunResumed"] > 0, "nothing was under way when it was killed"
    keys = (tmp_path / "effects").read_text().splitlines()
    assert [key for key, count in Counter(keys).items() if count > 1] == []


async def test_a_reader_finds_everything_once_though_the_server_is_killed(tmp_path: Path) -> None:
    client = Client()
    async with served(tmp_path) as server:
        client.url = server.url
        client.wanted = 99
        await client.work("one")
        (session,) = client.accepted
        reading = asyncio.create_task(client.read(session, 1))
        await client.enough.wait()
        await server.end(signal.SIGKILL)
    async with served(tmp_path) as server:
        client.url = server.url
        await reading
    await client.close()
    assert client.seen == list(range(1, len(client.seen) + 1))


async def test_a_server_that_is_stopped_hands_its_sessions_back_and_the_next_one_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    client = Client()
    async with served(tmp_path) as server:
        client.url = server.url
        await client.work("one")
        (session,) = client.accepted
        assert await server.end(signal.SIGTERM) == 0
    async with served(tmp_path) as server:
        client.url = server.url
        kinds = Counter(record["kind"] for record in await _idle(client, session, client.accepted[session]))
        assert kinds["EffectInDoubt"] == 0
        assert kinds["RunSuspended"] == kinds["RunResumed"] == 1
        assert await server.end(signal.SIGINT) == 0
    await client.close()
    effects = (tmp_path / "effects").read_text().splitlines()
    assert len(set(effects)) == len(effects) == kinds["EffectStarted"]


def test_a_server_that_others_can_reach_does_not_open_without_keys(bench: Bench) -> None:
    """The address is one of documentation, so nothing could listen there."""
    refused = bench("serve", bench.ref("agent"), "--host", "192.0.2.1", "--port", "0")
    assert refused.status == 2
    assert "remit keys new" in refused.err


def test_a_port_that_there_is_not_and_one_that_is_taken_are_refused(bench: Bench) -> None:
    assert bench("serve", bench.ref("agent"), "--port", "70000").status == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = bench("serve", bench.ref("agent"), "--port", str(taken.getsockname()[1]))
    assert refused.status == 2
    assert "cannot be listened on: Address already in use; stop what listens there, or choose another" in refused.err


async def _idle(client: Client, session: str, texts: list[str]) -> list[Any]:
    """Wait until everything that was said is answered; give all that happened."""
    records: list[Any] = []
    async with (
        httpx2.AsyncClient(base_url=client.url, timeout=30) as http,
        http.stream("GET", f"/v1/sessions/{session}/events") as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith('data: {"seq"'):
                records.append(msgspec.json.decode(line.removeprefix("data: ")))
                if records[-1]["kind"] == "RunEnded" and _answered(records, texts):
                    break
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    return records


def _answered(records: list[Any], texts: list[str]) -> bool:
    said = [record["fields"]["text"] for record in records if record["kind"] == "MessageReceived"]
    last = max((n for n, record in enumerate(records) if record["kind"] == "MessageReceived"), default=0)
    opened = any(record["kind"] == "RunOpened" for record in records[last:])
    assert len(set(said)) == len(said), "a message was received twice"
    return said == texts and opened
