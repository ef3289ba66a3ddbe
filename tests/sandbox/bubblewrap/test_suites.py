import pytest
from tests.sandbox.bubblewrap.places import needs_bubblewrap

from remit.testing.sandboxes import CHECKS, Check, run_attacks


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_bubblewrap_tier_does_what_every_sandbox_does(check: Check) -> None:
    sandbox = needs_bubblewrap()
    try:
        await check(sandbox)
    finally:
        await sandbox.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_bubblewrap_tier_holds_against_every_attack_of_the_suite() -> None:
    sandbox = needs_bubblewrap()
    try:
        attacked = await run_attacks(sandbox)
    finally:
        await sandbox.close()
    assert attacked
    assert [each for each in attacked if each.verdict == "breached"] == []
