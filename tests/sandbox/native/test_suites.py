import asyncio
import json
import sys

import pytest
from tests.sandbox.native.places import FOUND, LEVELS, everywhere

from remit.sandbox.native import Level, NativeSandbox
from remit.testing.sandboxes import ATTACKS, CHECKS, Check

ATTACKING = """
import asyncio, json, sys
from remit.sandbox.native import NativeSandbox
from remit.testing.sandboxes import run_attacks

async def main():
    sandbox = NativeSandbox(level=sys.argv[1])
    attacked = await run_attacks(sandbox)
    await sandbox.close()
    print(json.dumps([[each.name, each.verdict, each.why] for each in attacked]))

asyncio.run(main())
"""
"""In a process of its own for each level, since the canaries of attacks are this process's environment."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_native_tier_does_what_every_sandbox_does(check: Check) -> None:
    async def checked(level: Level) -> None:
        sandbox = NativeSandbox(level=level)
        try:
            await check(sandbox)
        finally:
            await sandbox.close()

    await everywhere(checked)


async def test_the_native_tier_holds_against_every_attack_of_the_suite() -> None:
    async def attacked(level: Level) -> list[list[str]]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", ATTACKING, level, stdout=pipe)
        said, _ = await process.communicate()
        return json.loads(said)

    for verdicts in await everywhere(attacked):
        assert len(verdicts) == len(ATTACKS)
        assert [each for each in verdicts if each[1] == "breached"] == []


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_that_is_reached_is_said_and_what_is_above_it_is_missing_with_a_hint(level: Level) -> None:
    found = FOUND[level]
    if found.available:
        assert found.level == level
    above = LEVELS[: LEVELS.index(level)]
    assert len([each for each in found.missing if "not tried; " in each]) >= len(above)
