import pytest
from tests.sandbox.native.places import LEVELS, needs

from remit.sandbox.native import Level, NativeSandbox
from remit.testing.sandboxes import CHECKS, Check, run_attacks


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_native_tier_does_what_every_sandbox_does(check: Check, level: Level) -> None:
    needs(level)
    sandbox = NativeSandbox(level=level)
    try:
        await check(sandbox)
    finally:
        await sandbox.close()


@pytest.mark.parametrize("level", LEVELS)
async def test_the_native_tier_holds_against_every_attack_of_the_suite(level: Level) -> None:
    needs(level)
    sandbox = NativeSandbox(level=level)
    try:
        attacked = await run_attacks(sandbox)
    finally:
        await sandbox.close()
    assert attacked
    assert [each for each in attacked if each.verdict == "breached"] == []
