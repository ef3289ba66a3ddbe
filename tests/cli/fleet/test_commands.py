"""The commands of a fleet, as an operator types them."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.journal.postgres.asking import ask

from remit import Agent
from remit.core.events import RunOpened
from remit.core.ports import SessionQuery
from remit.home import SHARED_KEY, Home
from remit.testing import EchoModel

KEY = "cd" * 32
AGENT = """
from remit import Agent
from remit.testing import EchoModel

agent = Agent("echo", EchoModel())
"""


@pytest.fixture
def environ(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Give the environment of an operator's shell."""
    monkeypatch.setenv(SHARED_KEY, KEY)
    monkeypatch.setenv("REMIT_STORE", url)
    (tmp_path / "agent.py").write_text(AGENT)
    return dict(os.environ)


async def start(environ: dict[str, str], folder: Path, *words: str) -> asyncio.subprocess.Process:
    """Run a command in a folder."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "remit", *words,
        env=environ, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def said(environ: dict[str, str], folder: Path, *words: str) -> tuple[int | None, str, str]:
    """Run a command to its end."""
    process = await start(environ, folder, *words)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_message_from_one_command_is_answered_by_workers_started_with_another(
    url: str, environ: dict[str, str], tmp_path: Path
) -> None:
    workers = [await start(environ, tmp_path, "worker", "agent.py:agent", "--metrics", "0") for _ in range(2)]
    names: set[str] = set()
    for worker in workers:
        assert worker.stdout is not None
        line = json.loads(await worker.stdout.readline())
        assert line["metrics"].endswith("/metrics")
        names.add(line["working"])
    code, out, _ = await said(environ, tmp_path, "fleet", "status", "--json")
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
        code, out, err = await said(environ, tmp_path, "show", session)
        assert (code, "hello" in out) == (0, True), err
        # Another command drives its own session itself, though workers are there.
        code, out, err = await said(environ, tmp_path, "run", "agent.py:agent", "me")
        assert (code, "me" in out) == (0, True), err
        assert {row.why for row in await home.sessions(SessionQuery())} == {"done"}
    _, out, _ = await said(environ, tmp_path, "fleet", "status")
    assert "sessions echo@1: 0 run, 0 wait for somebody, 2 are idle" in out
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [await worker.wait() for worker in workers] == [0, 0]
    assert ask(url, "SELECT count(*) FROM remit.workers")[0][0] == 0


async def test_an_operator_pauses_ranks_and_lets_go(environ: dict[str, str], tmp_path: Path) -> None:
    assert (await said(environ, tmp_path, "fleet", "pause", "agent", "echo"))[0] == 0
    assert (await said(environ, tmp_path, "fleet", "rank", "tenant", "acme", "7"))[0] == 0
    _, out, _ = await said(environ, tmp_path, "fleet", "status")
    assert "agent echo: paused, rank 0" in out
    assert "tenant acme: goes on, rank 7" in out
    assert (await said(environ, tmp_path, "fleet", "go", "agent", "echo"))[0] == 0
    _, out, _ = await said(environ, tmp_path, "fleet", "status")
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
async def test_what_cannot_be_says_what_to_do(
    words: tuple[str, ...], told: str, environ: dict[str, str], tmp_path: Path
) -> None:
    code, _, err = await said(environ, tmp_path, *words)
    assert code not in {0, None}
    assert told in err
    assert "Traceback" not in err
