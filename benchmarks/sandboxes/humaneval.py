"""HumanEval in boxes: every reference solution passes its tests, and planted bad programs are contained.

`python -m benchmarks.sandboxes.humaneval TIER` prints how many. The problems are those of the workflow table.
"""

import argparse
import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.sandboxes.places import NONE, MissingError, driver, no_tools, policy
from benchmarks.workflow.problems import HOW_TO, Problem, place, problems
from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Bounds, Result, Sandbox, SandboxPolicy, Tier

AT_ONCE = 4
PASSED = "passed"
BOUNDS = Bounds(wall=20.0, cpu=20.0, memory=512_000_000)
STRICT = Bounds(wall=1.5, cpu=1.5, memory=256_000_000, output=100_000, disk=8_000_000, files=100)


@dataclass(frozen=True, slots=True)
class Planted:
    """A program that a bad or broken model could have written; `secret` is the path of a file outside."""

    name: str
    program: str


PLANTED = (
    Planted("endless loop", "while True:\n    pass"),
    Planted("endless loop that catches", "while 1:\n    try:\n        while 1: pass\n    except BaseException: pass"),
    Planted("endless sleep", "import time\nwhile True:\n    time.sleep(1)"),
    Planted("fork bomb", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"),
    Planted("reads a file of the host", "open(secret).read()"),
    Planted("reads every file that it finds", "import os\nfound = ''\nfor top, _, names in os.walk('/tmp'):\n"
            "    for name in names:\n        try:\n            found += open(os.path.join(top, name)).read(99)\n"
            "        except (OSError, ValueError):\n            pass\nfound"),
    Planted("takes memory at once", "len(bytearray(8 << 30))"),
    Planted("takes memory bit by bit", "kept = []\nwhile True:\n    kept.append('x' * 1_000_000 + str(len(kept)))"),
    Planted("prints without end", "while True:\n    print('x' * 1000)"),
    Planted("fills the disk", "with open('/tmp/full', 'wb') as out:\n    while 1:\n        out.write(bytes(1 << 20))"),
    Planted("never returns", "def f(n):\n    return f(n + 1)\nf(0)"),
    Planted("kills all it can", "import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(os.getppid(), 9)"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of all of them at one tier."""

    problems: int
    failed: tuple[str, ...]
    escaped: tuple[str, ...]
    seconds: float


async def run(sandbox: Sandbox, terms: SandboxPolicy, code: str, secret: str = "") -> Result:
    """Run a program in a box of its own."""
    box = await sandbox.open(terms)
    try:
        return await box.run(code, inputs={"secret": secret}, tools=NONE, bridge=no_tools)
    finally:
        await box.close()


async def solved(sandbox: Sandbox, tier: Tier, all_of_them: Sequence[Problem]) -> tuple[str, ...]:
    """Run the reference solutions with their tests; name those that do not pass."""
    gate = asyncio.Semaphore(AT_ONCE)
    terms = policy(tier, bounds=BOUNDS)

    async def one(problem: Problem) -> str:
        async with gate:
            result = await run(sandbox, terms, f"{problem.solution}\n{problem.tests}\n{PASSED!r}")
        return "" if result.value == PASSED else f"{problem.id}: {result.status} {result.why} {result.error[-200:]}"

    return tuple(filter(None, await asyncio.gather(*map(one, all_of_them))))


async def escaped(sandbox: Sandbox, tier: Tier) -> tuple[str, ...]:
    """Run the planted programs; name those that came to an end they should not reach, or brought out a secret."""
    token = secrets.token_hex(16)
    terms = policy(tier, bounds=STRICT)
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text(token)
        for planted in PLANTED:
            result = await run(sandbox, terms, planted.program, str(secret))
            reads = "reads" in planted.name
            if token in f"{result.value}{result.printed}{result.error}" or (result.status == "ok" and not reads):
                found.append(f"{planted.name}: {result.status}")
            if (await run(sandbox, terms, repr(PASSED))).value != PASSED:
                found.append(f"{planted.name}: no program runs after it")
    return tuple(found)


async def judged(tier: Tier, all_of_them: Sequence[Problem]) -> Outcome:
    """Run all at a tier; raise `MissingError` when it is not on this machine."""
    sandbox = await asyncio.to_thread(driver, tier)
    start = time.perf_counter()
    try:
        failed = await solved(sandbox, tier, all_of_them)
        return Outcome(len(all_of_them), failed, await escaped(sandbox, tier), time.perf_counter() - start)
    finally:
        await sandbox.close()


def main() -> None:
    """Run them at the tier that the command line names, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandboxes.humaneval")
    parser.add_argument("tier", choices=TIERS[1:])
    tier = cast("Tier", parser.parse_args().tier)
    path = place()
    if path is None:
        print(json.dumps({"unsupported": HOW_TO.partition(",")[0]}))
        return
    try:
        outcome = asyncio.run(judged(tier, problems(path)))
    except (MissingError, ConfigError) as error:
        print(json.dumps({"unsupported": " ".join(str(error).split())[:200]}))
        return
    for line in (*outcome.failed, *outcome.escaped):
        print(line)
    figures = {
        "problems": outcome.problems,
        "passed": outcome.problems - len(outcome.failed),
        "planted": len(PLANTED),
        "contained": len(PLANTED) - len(outcome.escaped),
        "seconds": outcome.seconds,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
