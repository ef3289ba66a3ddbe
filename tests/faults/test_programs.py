"""Real workers that run programs, killed with `kill -9` at random moments. Effects are counted where they happen."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.zygote import CALLS
from tests.runtime.test_kill import Zygote

from remit import Home
from remit.core.events import EffectEnded, ProgramEnded, ProgramPaused, ProgramStarted, RunResumed
from remit.core.ports import SessionQuery
from remit.core.programs import Tier
from remit.sandbox.choosing import Deferred, standard

KILLS: dict[Tier, int] = {"interpreter": 40, "wasm": 6, "native": 6}


@contextmanager
def zygote(folder: Path, tier: Tier) -> Generator[Zygote]:
    command = [sys.executable, str(Path(__file__).with_name("zygote.py")), str(folder), tier]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Zygote(process)


def here(tier: Tier) -> str:
    """Say why a tier cannot be had."""
    driver = next(one for one in standard().sandboxes if isinstance(one, Deferred) and one.tier == tier)
    known = driver.capabilities()
    return "" if known.available else "; ".join(known.missing)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("tier", list(KILLS))
async def test_killed_workers_repeat_no_call_of_a_program_and_every_program_ends(tier: Tier, tmp_path: Path) -> None:
    why = here(tier)
    if why:
        pytest.skip(why)
    lots = random.Random(tier)
    kills = 0
    with zygote(tmp_path, tier) as workers:
        usual = 0.0
        for _ in range(2):
            began = time.monotonic()
            workers.start()
            assert workers.end() == 0
            usual = time.monotonic() - began
        while kills < KILLS[tier]:
            pid = workers.start()
            # Not to wait for anything: this is the random moment.
            await asyncio.sleep(lots.uniform(0, usual))
            os.kill(pid, signal.SIGKILL)
            kills += workers.end() != 0
        while await unfinished(tmp_path):
            workers.start()
            assert workers.end() == 0
        keys = (tmp_path / "effects").read_text().split()
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    await all_is_done(tmp_path, keys, keeps=tier == "interpreter")


async def unfinished(folder: Path) -> list[str]:
    async with Home.open(folder / "home") as home:
        return [row.id for row in await home.sessions(SessionQuery(limit=100_000)) if row.why != "done"]


async def all_is_done(folder: Path, keys: list[str], *, keeps: bool) -> None:
    happened = Counter(key.rpartition("-")[0] for key in keys)
    resumed = 0
    async with Home.open(folder / "home") as home:
        rows = await home.sessions(SessionQuery(limit=100_000))
        assert sum(happened.values()) == CALLS * sum(count > 0 for count in happened.values())
        for row in rows:
            records = [record.event for record in await home.store.read(row.id)]
            (ended,) = [event for event in records if isinstance(event, ProgramEnded)]
            assert sum(isinstance(event, ProgramStarted) for event in records) == 1
            assert any(isinstance(event, ProgramPaused) for event in records) == keeps
            outcomes = [event.outcome for event in records if isinstance(event, EffectEnded)]
            assert [outcome.status for outcome in outcomes] == ["ok"] * CALLS
            expected = [f"{row.id}-c1_0_{n}_0_0" for n in range(CALLS)]
            assert (ended.status, ended.value) == ("ok", expected)
            assert sorted(key for key in keys if key.startswith(f"{row.id}-")) == sorted(expected)
            resumed += sum(isinstance(event, RunResumed) for event in records)
    # Each waited for a person, and another worker went on.
    assert resumed >= len(rows)
