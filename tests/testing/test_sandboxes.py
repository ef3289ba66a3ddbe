"""The suites of sandboxes fail where nothing is held."""

import pytest

from remit.core.errors import ConfigError
from remit.sandbox import SandboxPolicy
from remit.testing.sandboxes import ATTACKS, CHECKS, Unheld, run_attacks
from remit.testing.sandboxes.checks import holds_every_bound

SOMETIMES = {
    "read a file through a hard link",
    "open a netlink socket",
    "open a VSOCK socket",
    "trace another process",
    "make a user namespace",
}
"""What the machine itself may refuse."""
HARMLESS = {"use a descriptor of the parent"}
"""What even a plain subprocess does not allow: it is given no descriptors."""


@pytest.mark.slow
async def test_the_driver_that_holds_nothing_is_breached_by_nearly_every_attack() -> None:
    attacked = await run_attacks(Unheld())
    blocked = {one.name for one in attacked if one.verdict == "blocked"}
    assert blocked - SOMETIMES <= HARMLESS, [one for one in attacked if one.name in blocked]
    assert len(attacked) == len(ATTACKS)


async def test_the_driver_that_holds_nothing_refuses_every_policy_but_none() -> None:
    with pytest.raises(ConfigError, match="holds nothing"):
        await Unheld().open(SandboxPolicy())


async def test_names_are_told_apart() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len(set(CHECKS)) == len(CHECKS)
    assert holds_every_bound in CHECKS
