"""Real processes, killed with `kill -9` at random moments of a case. Tickets and mails are counted at their side."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.apps.desk.rig import Rig, sample

from remit.apps.desk.handling import session_of
from remit.apps.desk.mail import Mail, read_mail
from remit.apps.desk.post import message_id
from remit.apps.desk.standins import JiraFault
from remit.core.events import EffectReconciled, EffectStarted
from remit.runtime import doubted, settle

KILLS = 20
SENDER = "support@localhost"


class Zygote:
    """Starts desks in no time and tells how they ended."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def start(self, mail: Path) -> int:
        """Start a desk on a mail and give its process id."""
        return self._ask(str(mail))

    def end(self) -> int:
        """Wait for the desk and give its exit status, -9 when it was killed."""
        return self._ask("reap")

    def whole(self, mail: Path) -> int:
        """Let a desk live as long as it wants."""
        self.start(mail)
        return self.end()

    def _ask(self, line: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def zygote(world: Rig) -> Generator[Zygote]:
    script = str(Path(__file__).with_name("zygote.py"))
    command = [sys.executable, script, str(world.folder), world.jira.url, world.mail.url, world.hook.url]
    environ = os.environ | {"JIRA_EMAIL": world.jira.email, "JIRA_TOKEN": world.jira.token}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as process:
        yield Zygote(process)


def mail(folder: Path, number: int) -> tuple[Path, str]:
    """Write a mail that is like no other, and name its session."""
    raw = sample("01-sync-duplicates.eml") + f"\r\ncase {number:03}.\r\n".encode()
    path = folder / f"{number:03}.eml"
    path.write_bytes(raw)
    read = read_mail(raw)
    assert isinstance(read, Mail)
    return path, session_of(read)


async def looks(world: Rig, session: str) -> None:
    """Be the person who looks at the mail server and says whether the answer went out."""
    for doubt in doubted(await world.home.session(session)):
        assert doubt.call.tool == "send_reply", "everything else can be found out without a person"
        happened = world.mail.taken[message_id(f"{session}-{doubt.call.id}", SENDER)] > 0
        await settle(world.home.store, session, doubt.call.id, happened=happened, by="ann")


async def test_a_killed_desk_files_one_ticket_and_sends_one_answer(world: Rig, tmp_path: Path) -> None:
    lots = random.Random("desk")
    kills = 0
    with zygote(world) as desks:
        sessions: list[str] = []
        usual = 0.0
        for number in (0, 1):
            path, session = mail(tmp_path, number)
            sessions.append(session)
            began = time.monotonic()
            assert desks.whole(path) == 0
            usual = time.monotonic() - began
        while kills < KILLS:
            path, session = mail(tmp_path, len(sessions))
            sessions.append(session)
            # The ticket is there long before its answer, so that many moments lie between the two.
            world.jira.fail(JiraFault(kind="hang", operation="create", applied=True, seconds=usual / 3))
            pid = desks.start(path)
            # Not to wait for anything: this is the random moment.
            await asyncio.sleep(lots.uniform(0, usual * 1.3))
            os.kill(pid, signal.SIGKILL)
            kills += desks.end() == -signal.SIGKILL
            while desks.whole(path) != 0:
                await looks(world, session)
    labels = [label for fields in world.tickets() for label in fields["labels"]]
    for session in sessions:
        assert len([label for label in labels if label.startswith(f"remit-{session}-")]) == 1
    assert sorted(world.mail.taken.values()) == [1] * len(sessions)
    assert await probed(world, sessions) > 0, "or nobody was killed between a ticket and its record"


async def probed(world: Rig, sessions: list[str]) -> int:
    """Count the cases in which a probe found the ticket that a dead process had made."""
    count = 0
    for session in sessions:
        tickets: set[str] = set()
        for record in await world.home.store.read(session):
            match record.event:
                case EffectStarted(call=call):
                    tickets.add(call)
                case EffectReconciled(call=call, happened=True, by="probe"):
                    count += call in tickets
                case _:
                    pass
    return count
