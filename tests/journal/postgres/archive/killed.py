"""Archives, and dies at a step. Run as `python killed.py URL FOLDER STEP`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from remit.journal.postgres.archive import Plan, Step, archive


def heard(step: Step, _: str) -> None:
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(archive(sys.argv[1], Plan(folder=Path(sys.argv[2]), older=-60.0, sessions=2), heard=heard))
