import pytest

from remit.sandbox.containers import ContainerSandbox
from remit.testing.sandboxes import CHECKS, Check, run_attacks


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_container_tier_does_what_every_sandbox_does(check: Check, sandbox: ContainerSandbox) -> None:
    await check(sandbox)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_container_tier_holds_against_every_attack_of_the_suite(sandbox: ContainerSandbox) -> None:
    attacked = await run_attacks(sandbox)
    assert attacked
    assert [each for each in attacked if each.verdict == "breached"] == []
