"""Every attack works where nothing is held, so that a tier that blocks it has done something."""

import re

import pytest

from remit.sandbox import TIERS
from remit.testing.sandboxes import ATTACKS, EXCEPTIONS, Attack, Unheld, run_attacks


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_the_driver_that_holds_nothing_is_breached(attack: Attack) -> None:
    (attacked,) = await run_attacks(Unheld(), (attack,))
    # What the machine itself refuses says so; an attack with a mistake in it would fail in another way.
    if attack.needs and attacked.verdict == "blocked" and ("[Errno " in attacked.why or "'held'" in attacked.why):
        pytest.skip(f"needs {attack.needs}: {attacked.why}")
    assert (attacked.verdict, attacked.expected) == ("breached", ""), attacked


def test_names_are_told_apart_and_fit_into_a_table() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert max(len(attack.name) for attack in ATTACKS) <= 46


def test_exceptions_name_tiers_and_attacks_that_there_are_and_say_why() -> None:
    names = {attack.name for attack in ATTACKS}
    assert set(EXCEPTIONS) <= set(TIERS) - {"none"}
    for reasons in EXCEPTIONS.values():
        assert set(reasons) <= names
        assert all(reasons.values())


def test_what_would_end_the_caller_is_tried_harmlessly_first() -> None:
    deadly = [attack for attack in ATTACKS if re.search(r"kill\(\S+, 9\)", attack.program)]
    assert len(deadly) == 3
    for attack in deadly:
        assert attack.probe
        assert not re.search(r"kill\(\S+, 9\)", attack.probe)
        assert "SIGURG" in attack.probe
