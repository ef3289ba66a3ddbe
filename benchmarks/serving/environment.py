"""Environment: the peers' own, made when it is first needed. `python -m benchmarks.serving.environment` makes it."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.serving.rows import PINS

FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench-peers"
DONE = FOLDER / "pins.txt"
LIMIT = 900.0
"""Seconds for the installation."""


class AbsentError(Exception):
    """The peers cannot be installed here; the message says why."""


def program(name: str) -> str:
    """Return the path of a program in it."""
    return str(FOLDER / "bin" / name)


def prepare() -> None:
    """Have all that is pinned installed; raise `AbsentError` where that cannot be."""
    wanted = f"{sys.version}\n{PINS.read_text()}"
    if DONE.exists() and DONE.read_text() == wanted:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        venv.create(FOLDER, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise AbsentError(f"not installed: this Python makes no environments: {error}"[:200]) from None
    command = [program("python"), "-m", "pip", "install", "--quiet", "--requirement", str(PINS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise AbsentError(f"not installed: pip took more than {LIMIT:g} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise AbsentError(f"not installed: {(errors or ['pip failed'])[-1]}"[:200])
    DONE.write_text(wanted)


def main() -> None:
    """Make it, or say why not."""
    try:
        prepare()
    except AbsentError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
