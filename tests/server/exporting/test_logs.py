"""Logs are lines of JSON in a file, also what the server says itself, and a disk that fails is nobody's trouble."""

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from tests.telemetry.spans.test_tracing import BEGIN, STORY

from remit import Agent, Home
from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.policy import Secrets
from remit.policy.secrets import RedactingFilter
from remit.server.exporting import watching
from remit.server.exporting.logs import LogExport, Logging
from remit.testing import EchoModel


class Shelf:
    """An output that keeps what it is given, once it is let."""

    def __init__(self, *, room: int = 10**9) -> None:
        self.text, self.room = b"", room
        self.go, self.held = threading.Event(), threading.Event()
        self.go.set()

    def write(self, lines: bytes, /) -> None:
        self.held.set()
        self.go.wait()
        if len(lines) > self.room:
            raise OSError(28, "no space left")
        self.text += lines

    def close(self) -> None:
        pass

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.text.splitlines()]


def show(export: LogExport, session: str = "s1", *, fresh: bool = True) -> None:
    for place, event in enumerate(STORY):
        export.see(session, ev.Record(place + 1, BEGIN + place * 1000, event), fresh=fresh)


async def test_a_session_of_a_home_is_in_a_file_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "remit.log"
    export = LogExport(Logging(to=str(path)))
    async with Home.open("memory") as home, watching(home, [], [export]):
        result = await home.run(Agent("echo", EchoModel()), "my secret wish")
    found = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["event"] for line in found] == [
        "session.opened", "message.received", "run.opened", "model.answered", "run.ended",
    ]  # fmt: skip
    assert {(line["session"], line["tenant"], line["logger"]) for line in found} == {
        (result.session, "default", "remit.session")
    }
    assert found[0]["time"].endswith("Z")
    assert b"secret wish" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (export.written, export.crowded, export.failed) == (5, 0, 0)


async def test_a_file_that_is_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "remit.log"
    export = LogExport(Logging(to=str(path)))
    show(export)
    export.flush()
    path.rename(tmp_path / "older.log")
    show(export, "s2")
    await export.close()
    assert b'"s2"' not in (tmp_path / "older.log").read_bytes()
    assert path.read_bytes().count(b'"s2"') == 9


async def test_loggers_of_the_process_are_told_in_the_same_form_and_without_secrets() -> None:
    shelf, secrets = Shelf(), Secrets()
    secrets.register("key", "hunter2hunter2")
    root, clean = logging.getLogger(), RedactingFilter(secrets)
    root.addFilter(clean)
    export = LogExport(output=shelf)
    try:
        with export.heard():
            logging.getLogger("some.library").warning("the key is %s", "hunter2hunter2")
            try:
                raise ValueError("hunter2hunter2")  # noqa: TRY301 - to be logged
            except ValueError:
                logging.getLogger("some.library").exception("broke")
    finally:
        root.removeFilter(clean)
    logging.getLogger("some.library").warning("not heard any more")
    await export.close()
    told, broke = shelf.lines
    assert (told["level"], told["logger"]) == ("warning", "some.library")
    assert told["event"].startswith("the key is ")
    assert (broke["level"], broke["event"]) == ("error", "broke")
    assert "ValueError" in broke["exception"]
    assert b"hunter2" not in shelf.text


async def test_an_output_that_hangs_keeps_nobody_waiting_and_what_is_lost_is_counted() -> None:
    shelf = Shelf()
    shelf.go.clear()
    export = LogExport(Logging(room=20, every=0.001), output=shelf)
    running = asyncio.create_task(export.run())
    show(export)
    await asyncio.to_thread(shelf.held.wait)
    for number in range(10):
        show(export, f"s{number}")
    shelf.go.set()
    await export.close()
    running.cancel()
    assert export.crowded == 70
    assert shelf.lines[-1]["event"] == "log.lost"
    assert shelf.lines[-1]["lines"] == 70
    assert len(shelf.lines) == 9 + 20 + 1


async def test_lines_that_cannot_be_written_are_counted_and_said_once_it_works_again() -> None:
    shelf = Shelf(room=10)
    export = LogExport(output=shelf)
    show(export)
    export.flush()
    shelf.room = 10**9
    show(export, "s2")
    await export.close()
    assert (export.failed, export.written) == (9, 10)
    assert shelf.lines[-1]["lines"] == 9
    told = {(one.family.name, *sample.labels): sample.value for one in export.measured(0) for sample in one.samples}
    assert told[("remit_log_lines_lost_total", "not_written")] == 9
    assert told[("remit_log_lines_total",)] == 10


async def test_what_is_not_fresh_is_not_written_again_and_a_processor_may_change_and_drop_lines() -> None:
    shelf = Shelf()

    def only_tools(logger: object, name: str, told: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if told["event"] != "tool.ended":
            raise structlog.DropEvent
        return {**told, "service": "desk"}

    export = LogExport(output=shelf, processors=[only_tools])
    show(export, "s1", fresh=False)
    show(export, "s2")
    export.forget("s2")
    export.survey(())
    await export.close()
    (line,) = shelf.lines
    assert (line["session"], line["service"]) == ("s2", "desk")


async def test_standard_error_is_the_place_when_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    export = LogExport()
    show(export)
    await export.close()
    assert len(capsys.readouterr().err.splitlines()) == 9


def test_a_file_that_cannot_be_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        LogExport(Logging(to=str(tmp_path / "none" / "remit.log")))
