"""Many programs over all tiers that are here, attacks among them, while processes are killed: nothing is left.

Each soak runs in a process of its own, because it counts all that is below it and takes in orphans.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.workflow.problems import VARIABLE, place

from remit.core.programs import Tier

HERE = Path(__file__).resolve().parents[2]
QUICK: tuple[Tier, ...] = ("interpreter", "wasm", "native")
"""Tiers of which hundreds of runs take seconds."""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def ran(*words: str) -> list[str]:
    """Run a module of the bench and return what it prints."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=HERE, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout.splitlines()


@LINUX
@pytest.mark.timeout(180)
@pytest.mark.parametrize("tier", QUICK)
def test_after_a_few_hundred_programs_with_attacks_nothing_is_left(tier: Tier) -> None:
    said = ran("benchmarks.sandboxes.soak", "--runs", "200", "--tiers", tier)
    if any(line.startswith("skipped") for line in said):
        pytest.skip(said[0])
    assert said[-1] == "verdict: nothing leaks, nothing got out", "\n".join(said)


@LINUX
@pytest.mark.timeout(180)
@pytest.mark.parametrize("tier", ["interpreter", "native"])
def test_whatever_is_killed_no_program_reports_a_success_that_it_did_not_have(tier: Tier) -> None:
    said = ran("benchmarks.sandboxes.soak", "--runs", "200", "--kills", "0.1", "--seed", "7", "--tiers", tier)
    if any(line.startswith("skipped") for line in said):
        pytest.skip(said[0])
    assert said[-1] == "verdict: nothing leaks, nothing got out", "\n".join(said)
    assert ", 0 kills" not in said[0]


@pytest.mark.skipif(place() is None, reason=f"HumanEval is not here; {VARIABLE} says where it is")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("tier", ["wasm", "native"])
def test_reference_solutions_pass_and_planted_programs_are_contained(tier: Tier) -> None:
    said = ran("benchmarks.sandboxes.humaneval", tier)
    figures = json.loads(said[-1])
    if "unsupported" in figures:
        pytest.skip(figures["unsupported"])
    assert (figures["passed"], figures["problems"]) == (164, 164), "\n".join(said)
    assert figures["contained"] == figures["planted"] > 0, "\n".join(said)
