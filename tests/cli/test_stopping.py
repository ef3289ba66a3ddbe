"""Stopping: Ctrl-C pauses after the step under way, a second one stops at once, and a killed process loses nothing."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator

import pytest
from tests.cli.bench import Bench


@pytest.fixture
def at_work(bench: Bench) -> Iterator[subprocess.Popen[str]]:
    """An agent in the middle of a call, which waits for the pipe `gate`."""
    os.mkfifo(bench.folder / "gate")
    process = bench.start("run", "agent.py:waiter", "go")
    assert process.stdout is not None
    assert process.stdout.readline() == "under way\n"
    yield process
    process.kill()
    process.communicate()


def heard(process: subprocess.Popen[str], words: str) -> bool:
    """Wait until the process has said this on standard error."""
    assert process.stderr is not None
    return any(words in line for line in iter(process.stderr.readline, ""))


def open_gate(bench: Bench) -> None:
    """Let the call end; this waits until somebody reads."""
    (bench.folder / "gate").write_text("through")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_pauses_once_the_step_is_done(bench: Bench, at_work: subprocess.Popen[str], number: int) -> None:
    with at_work:
        at_work.send_signal(number)
        assert heard(at_work, "pausing after the step under way")
        open_gate(bench)
        assert heard(at_work, "remit resume")
    assert at_work.returncode == 130
    said = bench.process("sessions", "--json", "--status", "waiting")
    assert '"why":"paused"' in said.out
    session = said.out.partition('"session":"')[2][:12]
    # The call had ended, so it is not made again and nobody needs to open the gate.
    assert bench.process("resume", session, "--quiet").out == "outcome: through\n"


def test_the_second_stops_at_once_and_nothing_is_lost(bench: Bench, at_work: subprocess.Popen[str]) -> None:
    with at_work:
        at_work.send_signal(signal.SIGINT)
        assert heard(at_work, "pausing")
        at_work.send_signal(signal.SIGINT)
        assert heard(at_work, "stopped at once")
    assert at_work.returncode == 130
    check_recovery(bench)


def test_a_killed_process_is_seen_as_crashed_and_its_session_resumed(
    bench: Bench, at_work: subprocess.Popen[str]
) -> None:
    with at_work:
        at_work.kill()
    assert at_work.returncode == -signal.SIGKILL
    assert "died without a word" in bench.process("doctor").out
    check_recovery(bench)


def test_a_session_that_is_driven_is_busy_and_a_cancel_reaches_it(bench: Bench, at_work: subprocess.Popen[str]) -> None:
    with at_work:
        said = bench.process("sessions", "--json", "--status", "running")
        session = said.out.partition('"session":"')[2][:12]
        assert f"session {session}: running" in bench.process("show", session).out
        busy = bench.process("resume", session, "--json")
        assert (busy.status, busy.json["kind"]) == (1, "SessionBusyError")
        assert bench.process("cancel", session, "--json").json["cancelled"] is False
        open_gate(bench)
        assert heard(at_work, "cancelled by tess")
    assert at_work.returncode == 1


def check_recovery(bench: Bench) -> None:
    said = bench.process("sessions", "--json", "--status", "crashed")
    session = said.out.partition('"session":"')[2][:12]
    assert f"session {session}: crashed" in bench.process("show", session).out
    with bench.start("resume", session, "--json") as resumed:
        open_gate(bench)
        assert resumed.stdout is not None
        assert '"output":"outcome: through"' in resumed.stdout.read()
    assert resumed.returncode == 0


def test_a_terminal_sees_text_and_steps_as_they_come_and_no_escape_of_a_model(bench: Bench) -> None:
    ours, theirs = pty.openpty()
    with bench.start("run", "agent.py:hostile", "go", out=theirs, err=theirs) as process:
        os.close(theirs)
        seen = b""
        while piece := read(ours):
            seen += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"red \\x1b[31m alert" in seen
    assert seen.count(b"alert") == 1
    assert b"done" in seen


def read(terminal: int) -> bytes:
    """Read what a terminal shows; nothing when whoever wrote to it is gone, which Linux says with an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
