"""Real workers, killed with `kill -9` at random moments. Effects are counted where they happen."""

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

from remit import Home
from remit.core.events import EffectEnded
from remit.core.ports import SessionQuery

KILLS = 70
"""For each of three effect classes: more than 200 in all."""


class Zygote:
    """Starts workers in no time and tells how they ended."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def start(self) -> int:
        """Start a worker and give its process id."""
        return self._ask("live")

    def end(self) -> int:
        """Wait for the worker and give how it ended; 0 when nobody killed it."""
        return self._ask("reap")

    def _ask(self, word: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def zygote(folder: Path, effect: str) -> Generator[Zygote]:
    command = [sys.executable, str(Path(__file__).with_name("zygote.py")), str(folder), effect]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Zygote(process)


@pytest.mark.parametrize("effect", ["once", "once+probe", "idempotent"])
async def test_killed_workers_never_repeat_an_effect_and_lose_no_outcome(effect: str, tmp_path: Path) -> None:
    lots = random.Random(effect)
    kills = 0
    with zygote(tmp_path, effect) as workers:
        usual = 0.0
        for _ in range(2):
            began = time.monotonic()
            workers.start()
            assert workers.end() == 0
            usual = time.monotonic() - began
        while kills < KILLS:
            pid = workers.start()
            # Not to wait for anything: this is the random moment.
            await asyncio.sleep(lots.uniform(0, usual))
            os.kill(pid, signal.SIGKILL)
            kills += workers.end() != 0
        workers.start()
        assert workers.end() == 0
        keys = (tmp_path / "effects").read_text().split()
    happened = keys if effect != "idempotent" else list(dict.fromkeys(keys))
    assert [key for key, count in Counter(happened).items() if count > 1] == []
    await all_is_done(tmp_path, happened)


async def all_is_done(folder: Path, happened: list[str]) -> None:
    async with Home.open(folder / "home") as home:
        # A life that ends before it is killed leaves a session too, so there may be any number of them.
        rows = await home.sessions(SessionQuery(limit=100_000))
        assert len(rows) >= 3
        assert {row.why for row in rows} == {"done"}
        recorded = [
            f"{row.id}-{record.event.outcome.call}"
            for row in rows
            for record in await home.store.read(row.id)
            if isinstance(record.event, EffectEnded)
        ]
    assert sorted(recorded) == sorted(happened)
