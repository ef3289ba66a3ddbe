"""Logs: a handler with the filter writes no registered value, whatever part of a record it came in by."""

import io
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest

from remit.policy.secrets import RedactingFilter, Secrets

KEY = "sk-live-4f9a77c1"
MARK = "[secret:api]"


class Kept(logging.Handler):
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.out = io.StringIO()
        self._writer = logging.StreamHandler(self.out)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep and write a record."""
        self.records.append(record)
        self._writer.handle(record)


@pytest.fixture
def secrets() -> Secrets:
    return Secrets({"api": KEY})


@pytest.fixture
def kept(secrets: Secrets) -> Iterator[tuple[logging.Logger, Kept]]:
    logger, handler = logging.getLogger(f"logs-{uuid4()}"), Kept()
    handler.addFilter(RedactingFilter(secrets))
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, handler
    logger.removeHandler(handler)


Log = tuple[logging.Logger, Kept]


class Strange:
    """An object that shows a value."""

    def __repr__(self) -> str:
        """Show it."""
        return f"<Strange {KEY}>"


class Mute:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        """Fail."""
        raise ValueError(KEY)


def fail(why: str, cause: Exception | None) -> None:
    raise ValueError(why) from cause


def test_messages_and_their_arguments_are_clean(kept: Log) -> None:
    logger, handler = kept
    logger.warning("use %s or %s", KEY, Strange())
    logger.warning("split %s%s", KEY[:7], KEY[7:])
    logger.warning("%(first).3s of %(rest)s", {"first": KEY, "rest": 1})
    assert handler.out.getvalue() == f"use {MARK} or <Strange {MARK}>\nsplit {MARK}\n[se of 1\n"
    assert [record.args for record in handler.records] == [(), (), {"first": MARK, "rest": 1}]


def test_a_record_without_a_value_is_left_as_it_is(kept: Log) -> None:
    logger, handler = kept
    args = ("a", 1, None, object())
    logger.warning("%s %s %s %s", *args)
    assert handler.records[0].args == args
    logger.warning("nothing")
    assert handler.records[1].args == ()


def test_a_message_that_does_not_fit_its_arguments_is_clean_too(secrets: Secrets) -> None:
    record = logging.LogRecord("x", logging.WARNING, "x.py", 1, f"%d {KEY}", (KEY, Mute()), None)
    assert RedactingFilter(secrets).filter(record)
    assert (record.msg, record.args) == (f"%d {MARK}", (MARK, "<Mute: ValueError>"))
    record = logging.LogRecord("x", logging.WARNING, "x.py", 1, "%d %d", None, None)
    record.args = 5  # pyright: ignore[reportAttributeAccessIssue] - what a stranger's logger may do
    RedactingFilter(secrets).filter(record)
    assert record.args is None


def test_tracebacks_and_stacks_are_clean(kept: Log) -> None:
    logger, handler = kept
    try:
        fail(f"401 for {KEY}", KeyError(KEY))
    except ValueError:
        logger.exception("failed", stack_info=True)
    record = handler.records[0]
    assert record.exc_info is None
    assert record.exc_text is not None
    assert f"ValueError: 401 for {MARK}" in record.exc_text
    assert KEY not in handler.out.getvalue()
    assert "Traceback" in handler.out.getvalue()


def test_a_clean_traceback_is_left_to_the_formatter(kept: Log) -> None:
    logger, handler = kept
    try:
        fail("401", None)
    except ValueError:
        logger.exception("failed")
    logger.warning("none", exc_info=True)
    assert handler.records[0].exc_info
    assert "ValueError: 401" in handler.out.getvalue()


def test_a_traceback_that_was_written_down_before_is_clean(secrets: Secrets) -> None:
    record = logging.makeLogRecord({"msg": "x", "exc_text": f"boom {KEY}", "stack_info": f"at {KEY}"})
    RedactingFilter(secrets).filter(record)
    assert (record.exc_text, record.stack_info) == (f"boom {MARK}", f"at {MARK}")


def test_extras_are_clean(kept: Log) -> None:
    logger, handler = kept
    logger.warning("x", extra={"key": KEY, "headers": {"Authorization": KEY}, "size": 5, "odd": Strange(), "ok": [1]})
    extras = vars(handler.records[0])
    assert (extras["key"], extras["size"], extras["ok"]) == (MARK, 5, [1])
    assert extras["headers"] == str({"Authorization": MARK})
    assert extras["odd"] == f"<Strange {MARK}>"


def test_a_value_registered_later_counts_and_none_costs_nothing(kept: Log, secrets: Secrets) -> None:
    logger, handler = kept
    logger.warning("fresh-value")
    secrets.register("fresh", "fresh-value")
    logger.warning("fresh-value")
    assert handler.out.getvalue() == "fresh-value\n[secret:fresh]\n"
    record = logging.makeLogRecord({"msg": KEY})
    assert RedactingFilter(Secrets()).filter(record)
    assert record.msg == KEY
