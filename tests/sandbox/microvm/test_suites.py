"""The suites. Under emulation each machine takes a third of a second, so a part of the attacks is run here.

`remit sandbox attack microvm` runs all of them.
"""

import pytest
from tests.sandbox.microvm.places import FOUND, needs

from remit.testing.sandboxes import ATTACKS, CHECKS, Check, run_attacks

CHOSEN = {
    "read a file of the host",
    "read /etc/shadow or /etc/passwd",
    "write a file of the host",
    "have the host read through a symbolic link",
    "use any descriptor that was left open",
    "mount a file system",
    "connect over TCP",
    "open a netlink socket",
    "open a VSOCK socket",
    "read the environment",
    "read its own environment in /proc",
    "signal a process outside",
    "kill every process",
    "start more processes than allowed",
    "take a gigabyte of memory",
    "sleep past the limit",
    "write to its output past the limit",
    "write more than the disk allows, in parts",
    "make more files than allowed",
    "make a user namespace",
    "replay a call",
    "report a result twice",
    "announce a frame of four gigabytes",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_machines_do_what_every_sandbox_does(check: Check) -> None:
    needs()
    try:
        why = await check(FOUND)
    finally:
        await FOUND.close()
    if why:
        pytest.skip(why)


@pytest.mark.timeout(300)
async def test_machines_hold_against_attacks() -> None:
    needs()
    chosen = [attack for attack in ATTACKS if attack.name in CHOSEN]
    assert len(chosen) == len(CHOSEN), CHOSEN - {attack.name for attack in ATTACKS}
    try:
        attacked = await run_attacks(FOUND, chosen)
    finally:
        await FOUND.close()
    assert [each for each in attacked if each.verdict != "blocked"] == []
