"""A storm: a thousand sessions against one host that comes and goes. It is left in peace, and nobody hangs."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from random import Random

import pytest

from remit import Agent, Home, Limits, Settings, tool
from remit.core.errors import RejectedError
from remit.core.limits import Flow
from remit.core.messages import ToolMessage
from remit.core.ports import Emit, ModelSpec, Reply, Request, Tool, ToolContext
from remit.home import MEMORY
from remit.models import FlatPrice
from remit.policy import Tolerance
from remit.policy.hosts import HostPolicy
from remit.testing import calls, says, use
from remit.tools.http import Egress, Outgoing

SESSIONS = 1000
RATE, BURST, AT_ONCE = 400.0, 10, 16
UP, DOWN = 1.5, 1.0
"""Seconds in which the host works and does not, in turn."""
COOLDOWN = 0.4
THINKING = Random(7)


@dataclass
class Flapping:
    """A host that works, then refuses or drops connections, then works again; it notes who came when."""

    came: list[tuple[float, bool]] = field(default_factory=list[tuple[float, bool]])
    """When each request came, and whether the host was up."""
    served: dict[str, float] = field(default_factory=dict[str, float])
    """When each session got through."""
    open: set["asyncio.Task[None] | None"] = field(default_factory=set["asyncio.Task[None] | None"])
    inside: int = 0
    most: int = 0
    began: float = 0.0

    def up(self, at: float) -> bool:
        """Say whether it works at a time."""
        return (at - self.began) % (UP + DOWN) < UP

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        self.open.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                now = asyncio.get_running_loop().time()
                self.came.append((now, self.up(now)))
                self.inside += 1
                self.most = max(self.most, self.inside)
                await asyncio.sleep(0.005)
                self.inside -= 1
                if not self.up(now):
                    if len(self.came) % 2:
                        break
                    writer.write(b"HTTP/1.1 503 Sorry\r\ncontent-length: 0\r\n\r\n")
                else:
                    self.served[head.split()[1]] = now
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def flapping() -> AsyncGenerator[tuple[Flapping, int]]:
    host = Flapping(began=asyncio.get_running_loop().time())
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, backlog=2048)
    try:
        yield host, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        # Whoever was connected has left, so all of them come to their end.
        await asyncio.gather(*(task for task in host.open if task is not None))


class Patient:
    """A model that makes its call again, a while after it failed, until it works."""

    spec = ModelSpec("patient", FlatPrice(0, 0))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Call, or be content."""
        last = request.messages[-1]
        if not isinstance(last, ToolMessage):
            return calls(use("fetch"))
        if last.outcome.status == "ok":
            return says("done")
        await asyncio.sleep(THINKING.uniform(0.2, 1.6))
        return calls(use("fetch"))


def fetching(egress: Egress, port: int) -> Tool:
    @tool(effect="idempotent", retries=1, timeout=20, hosts=("127.0.0.1",))
    async def fetch(context: ToolContext) -> str:
        """Fetch something."""
        answer = await egress.send(Outgoing("GET", f"http://127.0.0.1:{port}/{context.session}", timeout=20))
        if answer.status != 200:
            raise RejectedError(f"{answer.status}", retryable=True)
        return answer.body.decode()

    return fetch


async def longest_stall(over: asyncio.Event) -> float:
    """Measure for how long at most this machine did nothing for us: what comes late by as much is not late."""
    loop = asyncio.get_running_loop()
    longest, last = 0.0, loop.time()
    while not over.is_set():
        await asyncio.sleep(0.01)
        now = loop.time()
        longest, last = max(longest, now - last - 0.01), now
    return longest


async def storm(settings: Settings) -> tuple[Flapping, float]:
    """Let all sessions loose; give the host's notes and the longest stall."""
    over = asyncio.Event()
    stalls = asyncio.create_task(longest_stall(over))
    async with (
        flapping() as (host, port),
        Egress(HostPolicy(allow=["127.0.0.1:*"])) as egress,
        Home.open(MEMORY, settings) as home,
    ):
        fetch = fetching(egress, port)
        agent = Agent("a", Patient(), tools=[fetch], limits=Limits(steps=2000), detectors=())
        async with asyncio.timeout(90):
            results = await asyncio.gather(*(home.run(agent, "go", session=f"s{n}") for n in range(SESSIONS)))
        assert {(result.status, result.output) for result in results} == {("done", "done")}
        over.set()
        return host, await stalls


def settings(flow: Flow | None, tolerance: Tolerance) -> Settings:
    return Settings(flows={} if flow is None else {"host:127.0.0.1": flow}, tolerances={"*": tolerance})


def crowding(host: Flapping, window: float) -> int:
    """Count the most that came within any so many seconds."""
    times = [at for at, _ in host.came]
    most = first = 0
    for last, at in enumerate(times):
        while times[first] < at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.slow
async def test_a_thousand_sessions_leave_a_host_that_comes_and_goes_in_peace_and_all_get_through() -> None:
    bears = Tolerance(failures=5, cooldown=COOLDOWN, longest=COOLDOWN)
    host, stall = await storm(settings(Flow(per_second=RATE, burst=BURST, at_once=AT_ONCE, wait=60), bears))
    assert len(host.served) == SESSIONS
    assert host.most <= AT_ONCE
    window = 0.5
    assert crowding(host, window) <= BURST + RATE * (window + stall) + 1
    # While it was down it was asked by those under way, the few failures that a circuit bears, and a probe at a time.
    phases = int((host.came[-1][0] - host.began) / (UP + DOWN)) + 1
    probes = DOWN / COOLDOWN + 2
    assert sum(not up for _, up in host.came) <= phases * (5 + AT_ONCE + probes + RATE * stall)
    for late in recoveries(host):
        assert late <= COOLDOWN + 2 * stall + 0.05
    assert recoveries(host)


def recoveries(host: Flapping) -> list[float]:
    """Say how long after each return of the host the first request came, while there were many left to come."""
    many = sorted(host.served.values())[SESSIONS * 3 // 4]
    returns = [host.began + (UP + DOWN) * number for number in range(1, 500)]
    return [min(at for at, _ in host.came if at >= back) - back for back in returns if back < many]


@pytest.mark.slow
async def test_without_turns_and_circuits_the_same_storm_overruns_the_host() -> None:
    host, _ = await storm(settings(None, Tolerance(failures=10**6, window=10**6)))
    assert host.most > AT_ONCE
    assert crowding(host, 0.5) > BURST + RATE * 0.5
