"""The conformance suite of sandboxes fails where a driver does less than it must, and says what it left out."""

import pytest

from remit.core.errors import ConfigError
from remit.sandbox import SandboxPolicy
from remit.sandbox.monty import MontySandbox
from remit.testing.sandboxes import CHECKS, Check, Unheld
from remit.testing.sandboxes.checks import holds_every_bound

FAILED_WHERE_NOTHING_IS_HELD = {
    "gives_values_as_json",
    "holds_every_bound",
    "ends_a_program_that_is_interrupted",
    "keeps_files_between_programs",
    "mounts_read_only",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_check_passes_or_fails_where_nothing_is_held(check: Check) -> None:
    if check is holds_every_bound:
        pytest.skip("its programs would run without end")
    if check.__name__ in FAILED_WHERE_NOTHING_IS_HELD:
        with pytest.raises(AssertionError):
            await check(Unheld())
    else:
        await check(Unheld())


async def test_what_a_tier_does_not_claim_is_told_with_the_reason() -> None:
    sandbox = MontySandbox()
    if not sandbox.capabilities().available:
        pytest.skip("; ".join(sandbox.capabilities().missing))
    try:
        reasons = [await check(sandbox) for check in CHECKS if check.__name__ == "keeps_files_between_programs"]
    finally:
        await sandbox.close()
    assert "no files" in str(reasons)


async def test_the_driver_that_holds_nothing_refuses_every_policy_but_none() -> None:
    with pytest.raises(ConfigError, match="holds nothing"):
        await Unheld().open(SandboxPolicy())


def test_checks_are_told_apart() -> None:
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
