"""A process that forks a desk for one mail a line on its input and says, for the next, how it ended.

Run as `python zygote.py FOLDER JIRA_URL SMTP_URL WEBHOOK_URL`, with JIRA_EMAIL and JIRA_TOKEN set. A line is the path
of a mail.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from remit import Home
from remit.apps.desk.agent import desk_agent
from remit.apps.desk.handling import handle
from remit.apps.desk.mind.understanding import trained
from remit.apps.desk.model import OfflineModel
from remit.apps.desk.places import Desk, Places

ENDS = {"handled": 0, "known": 0, "waiting": 3}


async def live(folder: Path, urls: Sequence[str], name: str, raw: bytes) -> int:
    places = Places(
        jira_url=urls[0],
        smtp_url=urls[1],
        webhook_url=urls[2],
        jira_email=os.environ["JIRA_EMAIL"],
        jira_token=os.environ["JIRA_TOKEN"],
        search_lag=timedelta(seconds=0.2),
    )
    async with Desk.open(places, folder) as desk, Home.open(folder) as home:
        handled = await handle(home, desk_agent(desk, OfflineModel()), name, raw)
        return ENDS.get(handled.status, 1)


def main() -> None:
    folder, urls = Path(sys.argv[1]), sys.argv[2:]
    trained()
    for line in sys.stdin:
        mail = Path(line.strip())
        pid = os.fork()
        if pid == 0:
            os._exit(asyncio.run(live(folder, urls, mail.name, mail.read_bytes())))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        # Not reaped before it is asked for, so that its number cannot be another's when it is killed.
        sys.stdin.readline()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
