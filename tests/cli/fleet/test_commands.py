"""The commands of a fleet, as an operator types them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.cli.fleet.processes import KEY, Processes, processes
from tests.journal.postgres.asking import ask

from remit import Agent
from remit.core.events import RunOpened
from remit.core.ports import SessionQuery
from remit.home import SHARED_KEY, Home
from remit.testing import EchoModel

AGENT = """
from remit import Agent
from remit.testing import EchoModel

agent = Agent("echo", EchoModel())
"""


@pytest_asyncio.fixture
async def fleet(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Processes]:
    """Start commands beside an agent."""
    monkeypatch.setenv(SHARED_KEY, KEY)
    (tmp_path / "agent.py").write_text(AGENT)
    async with processes(tmp_path, url) as made:
        yield made


async def test_a_message_from_one_command_is_answered_by_workers_started_with_another(
    url: str, fleet: Processes
) -> None:
    workers = [await fleet.worker("--metrics", "0", agent="agent.py:agent") for _ in range(2)]
    assert all(worker.said["metrics"].endswith("/metrics") for worker in workers)
    names = {worker.said["working"] for worker in workers}
    code, out, _ = await fleet.run("fleet", "status", "--json")
    assert code == 0
    assert set(json.loads(out)["workers"]) == names
    async with Home.open(url) as home:
        session = await home.begin(Agent("echo", EchoModel()), "hello", tenant="default")
        drivers: list[str] = []
        async for record in home.store.follow(session):
            if isinstance(record.event, RunOpened):
                drivers.append(record.event.worker)
            if type(record.event).__name__ == "RunEnded":
                break
        assert set(drivers) <= names
        code, out, err = await fleet.run("show", session)
        assert (code, "hello" in out) == (0, True), err
        # Another command drives its own session itself, though workers are there.
        code, out, err = await fleet.run("run", "agent.py:agent", "me")
        assert (code, "me" in out) == (0, True), err
        assert {row.why for row in await home.sessions(SessionQuery())} == {"done"}
    _, out, _ = await fleet.run("fleet", "status")
    assert "sessions echo@1: 0 run, 0 wait for somebody, 2 are idle" in out
    assert [await worker.end() for worker in workers] == [0, 0]
    assert ask(url, "SELECT count(*) FROM remit.workers")[0][0] == 0


async def test_an_operator_pauses_ranks_and_lets_go(fleet: Processes) -> None:
    assert (await fleet.run("fleet", "pause", "agent", "echo"))[0] == 0
    assert (await fleet.run("fleet", "rank", "tenant", "acme", "7"))[0] == 0
    _, out, _ = await fleet.run("fleet", "status")
    assert "agent echo: paused, rank 0" in out
    assert "tenant acme: goes on, rank 7" in out
    assert (await fleet.run("fleet", "go", "agent", "echo"))[0] == 0
    _, out, _ = await fleet.run("fleet", "status")
    assert "echo" not in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("worker", "agent.py:agent", "--store", ".remit"), "workers share a database"),
        (("serve", "agent.py:agent", "--store", ".remit", "--workers", "0"), "--workers 0 leaves the work to"),
        (("worker", "agent.py:agent", "--sessions", "0"), "--sessions is at least 1"),
        (("worker", "agent.py:agent", "--adopt", "other@1"), "--adopt is AGENT@VERSION"),
        (("worker", "agent.py:agent", "--store", "mysql://x/y"), "begins with 'postgresql'"),
        (("fleet", "rank", "agent", "echo", "1000"), "a rank is from -100 to 100"),
        (("fleet", "pause", "agent"), "which agent? Give its name"),
        (("fleet", "status", "--store", "here"), "which no fleet works in"),
    ],
)
async def test_what_cannot_be_says_what_to_do(words: tuple[str, ...], told: str, fleet: Processes) -> None:
    code, _, err = await fleet.run(*words)
    assert code not in {0, None}
    assert told in err
    assert "Traceback" not in err
