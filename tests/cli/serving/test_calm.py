"""What is said again and again while something is away is said now and then."""

import logging

from remit.cli.serving.calm import Calm


def _record(name: str, text: str, *args: object, broke: bool = False) -> logging.LogRecord:
    error = OSError("refused\nby the other side")
    return logging.LogRecord(name, 30, "file", 1, text, args, (OSError, error, None) if broke else None, "function")


def test_the_same_line_is_said_once_a_minute() -> None:
    now = [0.0]
    calm = Calm(lambda: now[0])
    line = ("remit.fleet", "cannot look: %s", "away")
    assert [calm.filter(_record(*line)) for _ in range(3)] == [True, False, False]
    assert calm.filter(_record("remit.fleet", "cannot look: %s", "another reason"))
    now[0] = 61
    assert calm.filter(_record(*line))


def test_what_a_library_writes_down_is_one_line_and_ours_keeps_its_traceback() -> None:
    calm = Calm()
    theirs = _record("procrastinate.manager", "listener error: %s", "a\nb", broke=True)
    assert calm.filter(theirs)
    assert (theirs.getMessage(), theirs.exc_info) == ("listener error: a (refused)", None)
    assert not calm.filter(_record("procrastinate.manager", "listener error: %s", "c", broke=True))
    ours = _record("remit.fleet", "session %s broke", "s1", broke=True)
    assert calm.filter(ours)
    assert ours.exc_info is not None


def test_what_a_task_of_a_library_ended_with_is_one_line_and_that_of_an_agent_is_not() -> None:
    calm = Calm()
    theirs = type("ConnectorException", (Exception,), {"__module__": "procrastinate.exceptions"})("gone")
    for name, whole in (("asyncio", False), ("remit.fleet", True)):
        record = logging.LogRecord(name, 40, "file", 1, "broke", (), (type(theirs), theirs, None), "function")
        assert calm.filter(record)
        assert (record.exc_info is not None) == whole


def test_it_does_not_remember_everything() -> None:
    calm = Calm(lambda: 0.0)
    assert all(calm.filter(_record("remit", "line %s", number)) for number in range(3000))
