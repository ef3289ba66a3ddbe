"""A fleet whose workers, network, disk and database are broken at random loses nothing and does nothing twice.

The run is a process of its own, which has many below it. Nothing here depends on how fast the machine is: there is a
deadline, far off, for everything to come to rest, and all else is read from what was written down.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.journal.postgres.server import NoServerError, programs

HERE = Path(__file__).resolve().parents[3]
SEED = "20261121"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a small chaos, with few sessions at a time: other tests want the machine too."""
    try:
        programs()
    except NoServerError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "benchmarks.chaos", "--each", "0", "--at-once", "8", "--seed", SEED, *words]
    done = subprocess.run(command, cwd=HERE, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"seed {SEED}\n"), done.stderr
    return done


@LINUX
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_minutes_of_chaos_lose_nothing_and_do_nothing_twice() -> None:
    done = ran("--seconds", "120", "--deadline", "300")
    assert done.returncode == 0, done.stdout + done.stderr


@LINUX
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fleet_that_acts_before_its_intent_is_durable_is_found_out() -> None:
    done = ran("--seconds", "6", "--deadline", "25", "--without", "intent")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "x): no effect without an intent that was durable before it" in done.stdout, done.stdout
