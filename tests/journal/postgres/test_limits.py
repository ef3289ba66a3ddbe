"""Limits that processes share: no cent over the budget, no session over the cap, no child too many or too deep."""

import ast
import asyncio
import sys
from pathlib import Path

import pytest
from tests.journal.postgres.spender import BUDGET, CAP, CHILDREN, LIMITS, SESSIONS, WORST, agent

from remit import Agent, Home, Settings, ToolContext, tool
from remit.core.errors import OverLimitError
from remit.core.limits import Tenant
from remit.core.ports import SessionQuery
from remit.core.state import State
from remit.core.values import now_ms
from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.door import dial
from remit.runtime.ledger import children_account, day, spent_account, tree_account
from remit.testing import ScriptedModel, calls, says, use

WORKERS = 4


async def start(url: str, folder: Path, number: int, *what: str) -> asyncio.subprocess.Process:
    """Start a worker and wait until it is ready."""
    command = (sys.executable, "-m", "tests.journal.postgres.spender", url, str(folder), str(number), *what)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def together(url: str, folder: Path, *what: str) -> list[object]:
    """Run workers at the same time, and give what all of them say."""
    workers = [await start(url, folder, number, *what) for number in range(WORKERS)]
    said: list[object] = []
    try:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(b"\n")
        for worker in workers:
            assert worker.stdout is not None
            said += ast.literal_eval((await asyncio.wait_for(worker.stdout.readline(), 120)).decode())
            assert await asyncio.wait_for(worker.wait(), 60) == 0
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
    return said


def billed(folder: Path) -> float:
    """Say what the model's side has billed."""
    return sum(map(float, (folder / "bills").read_text().split()))


async def folded(journal: PostgresJournal) -> list[State]:
    """Fold all journals."""
    rows = await journal.sessions(SessionQuery(limit=1000))
    return [State.fold(record.event for record in await journal.read(row.id)) for row in rows]


@pytest.mark.slow
async def test_200_sessions_of_4_workers_spend_no_cent_more_than_their_tenant_has(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    before = day(now_ms())
    said = await together(url, tmp_path, "budget")
    assert len(said) == WORKERS * SESSIONS
    # They would spend 12.80 dollars.
    assert set(said) == {"done", "refused"}
    spent = billed(tmp_path)
    days = {before, day(now_ms())}
    used = sum([await journal.used(spent_account("t", one)) for one in days]) / 1e9
    states = await folded(journal)
    assert len(states) == WORKERS * SESSIONS
    assert sum(state.spent for state in states) / 1e9 == pytest.approx(spent)
    assert used == pytest.approx(spent)
    if len(days) == 1:
        assert spent <= BUDGET + 1e-9
        # What was refused had no room beside all that was held at that moment.
        assert spent > BUDGET - WORST * WORKERS * SESSIONS


@pytest.mark.slow
async def test_a_tenant_never_has_more_sessions_running_than_it_may(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    line = await dial(journal.address, 30)
    samples: list[tuple[int, int]] = []

    async def sample() -> None:
        while True:
            [[used, running]] = await line.fetch(
                "SELECT (SELECT used FROM remit.accounts WHERE name = 'runs/tenant/t'), "
                "(SELECT count(*) FROM remit.sessions WHERE status = 'running')"
            )
            samples.append((used or 0, running))

    sampling = asyncio.create_task(sample())
    try:
        said = await together(url, tmp_path, "cap")
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        await line.close()
    assert len(said) == WORKERS * SESSIONS
    assert any(said), "nobody was refused: the cap was never reached"
    assert len(samples) > 50
    assert max(used for used, _ in samples) == CAP
    assert max(running for _, running in samples) == CAP
    assert {used - running for used, running in samples} == {0}
    assert await journal.used("runs/tenant/t") == 0


async def test_the_limits_of_a_tree_hold_for_children_in_other_processes(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    tokens: list[str] = []

    @tool(effect="read")
    async def look(context: ToolContext) -> str:
        """Note the remit."""
        tokens.append(context.token)
        return "ok"

    async with Home(journal, journal.workers, bytes(32), Settings(tenants=(Tenant(name="t"),))) as home:
        root = Agent("root", ScriptedModel([calls(use("look")), says("done")]), tools=[look], limits=LIMITS)
        await home.run(root, "go", session="root")
        refused = await together(url, tmp_path, "tree", tokens[0])
        rows = [row for row in await home.sessions(SessionQuery(limit=1000)) if row.parent == "root"]
        assert len(rows) == CHILDREN
        assert sum(map(bool, refused)) == len(refused) - CHILDREN
        assert await journal.used(children_account("root")) == CHILDREN
        # 20 children would spend 1.28 dollars.
        assert LIMITS.tree_usd is not None
        spent = billed(tmp_path)
        assert LIMITS.tree_usd - WORST * CHILDREN < spent <= LIMITS.tree_usd + 1e-9
        assert await journal.used(tree_account("root")) / 1e9 == pytest.approx(spent)

        @tool(effect="read")
        async def deeper(context: ToolContext) -> str:
            """Have somebody else do it."""
            with pytest.raises(OverLimitError, match="depth/tree/"):
                await home.run(agent(tmp_path), "go", token=context.token)
            return "refused"

        child = Agent("child", ScriptedModel([calls(use("deeper")), says("done")]), tools=[deeper], limits=LIMITS)
        other = Agent("other", ScriptedModel([calls(use("look")), says("done")]), tools=[look], limits=LIMITS)
        await home.run(other, "go", session="other")
        assert (await home.run(child, "go", token=tokens[-1])).output == "done"
