"""A backup that was made while agents worked brings their sessions back, and they go on."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.journal.postgres.asking import ask
from tests.journal.postgres.server import NoServerError, programs

from remit import Agent, AskBefore, Home, Settings, Tenant, ToolContext, tool
from remit.core.events import Record
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.home import SHARED_KEY
from remit.journal.postgres import status
from remit.testing import EchoModel, ScriptedModel, calls, says, use

KEY = "0123456789abcdef" * 4
SETTINGS = Settings(tenants=[Tenant(name="default", usd_per_day=10)])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the key of the home, as an operator does."""
    monkeypatch.setenv(SHARED_KEY, KEY)


Program = Callable[..., None]


@pytest.fixture
def program() -> Program:
    """Run one of PostgreSQL's programs, of the server's own version."""

    def run(name: str, *words: str) -> None:
        try:
            beside = None if os.environ.get("REMIT_TEST_POSTGRES") else shutil.which(name, path=str(programs()))
        except NoServerError:
            beside = None
        found = beside or shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        done = subprocess.run([found, *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    return run


def destroy(url: str, administered: str) -> None:
    """Lose a database, and have an empty one in its place."""
    name = urlsplit(url).path.removeprefix("/")
    ask(administered, f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")


def bury(url: str) -> None:
    """Let the signs of life that were backed up be over, as they are by themselves a few seconds later."""
    ask(url, "DELETE FROM remit.workers")


@dataclass
class Bank:
    """The other side: what was paid, by key."""

    paid: dict[str, float] = field(default_factory=dict[str, float])
    asked: int = 0
    inside: asyncio.Event = field(default_factory=asyncio.Event)
    on: asyncio.Event = field(default_factory=asyncio.Event)

    async def pay(self, usd: float, key: str) -> str:
        """Pay once for a key, however often it is asked."""
        self.asked += 1
        self.paid.setdefault(key, usd)
        self.inside.set()
        await self.on.wait()
        return "paid"


def payer(bank: Bank, *, asks: bool = False) -> Agent:
    """Give an agent that pays, and one answer after that."""

    async def find(key: str) -> str | None:
        return "paid" if key in bank.paid else None

    @tool(effect="once", reconcile=find)
    async def pay(usd: float, context: ToolContext) -> str:
        """Pay."""
        return await bank.pay(usd, context.key)

    def answer(request: Request) -> Reply:
        # By what was said so far: whoever goes on with the session has a model of its own.
        return says("It is paid.") if isinstance(request.messages[-1], ToolMessage) else calls(use("pay", usd=5))

    model = ScriptedModel(repeat(answer))
    return Agent("payer", model, tools=[pay], guards=[AskBefore("pay")] if asks else [])


async def journals(home: Home) -> dict[str, list[Record]]:
    """Give all that is recorded, by session."""
    return {row.id: await home.store.read(row.id) for row in await home.sessions()}


async def test_sessions_go_on_after_the_database_was_lost(
    bare: str, administered: str, program: Program, tmp_path: Path
) -> None:
    bank, dump = Bank(), str(tmp_path / "remit.dump")
    async with Home.open(bare, SETTINGS) as home:
        done = await home.run(Agent("echo", EchoModel()), "hello", session="done")
        waiting = await home.run(payer(bank, asks=True), "pay", session="waits")
        await home.begin(Agent("echo", EchoModel()), "nobody read this", tenant="default", session="new")
        running = asyncio.create_task(home.run(payer(bank), "pay", session="runs"))
        await bank.inside.wait()
        # In the middle of a call whose outcome nobody knows yet.
        await asyncio.to_thread(program, "pg_dump", "--format=custom", f"--file={dump}", bare)
        before = await journals(home)
        bank.on.set()
        assert (done.status, waiting.status, (await running).status) == ("done", "waiting", "done")
    destroy(bare, administered)
    program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={bare}", dump)
    bury(bare)

    assert (await status(bare)).pending == ()
    async with Home.open(bare, SETTINGS) as home:
        assert await journals(home) == before
        assert (await home.resume(Agent("echo", EchoModel()), "new")).output == "nobody read this"
        # Asked by its key, the bank knows the payment: it is not made again.
        assert (await home.resume(payer(bank), "runs")).output == "It is paid."
        assert bank.asked == 1
        await home.approve("waits", by="ann")
        assert (await home.resume(payer(bank, asks=True), "waits")).output == "It is paid."
        assert (bank.asked, sorted(bank.paid.values())) == (2, [5, 5])


async def test_what_was_done_after_the_backup_is_done_again_with_the_same_key(
    bare: str, administered: str, program: Program, tmp_path: Path
) -> None:
    bank, dump = Bank(), str(tmp_path / "remit.dump")
    bank.on.set()
    async with Home.open(bare, SETTINGS) as home:
        await home.run(payer(bank, asks=True), "pay", session="s")
        await asyncio.to_thread(program, "pg_dump", "--format=custom", f"--file={dump}", bare)
        await home.approve("s", by="ann")
        await home.resume(payer(bank, asks=True), "s")
    assert bank.asked == 1
    destroy(bare, administered)
    program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={bare}", dump)
    bury(bare)

    async with Home.open(bare, SETTINGS) as home:
        # Nothing of the approval and the payment is known any more.
        assert (await home.session("s")).run is not None
        await home.approve("s", by="ann")
        assert (await home.resume(payer(bank, asks=True), "s")).output == "It is paid."
    # Asked for twice, and paid once: the key is made of the session and the call, so the other side knows it.
    assert (bank.asked, list(bank.paid.values())) == (2, [5])
