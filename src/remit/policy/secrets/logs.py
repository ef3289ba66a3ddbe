"""Logs: a filter of the standard library's loggers that lets no registered value through."""

import logging
import traceback
from collections.abc import Mapping
from typing import cast

from remit.policy.secrets.registered import Secrets

_OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
"""What every record has; the rest came in by `extra`."""


class RedactingFilter:
    """Takes registered values out of a record's message, arguments, traceback and extras, and lets every record pass.

    Add it to handlers: a logger's own filter does not see what its children say.
    """

    def __init__(self, secrets: Secrets) -> None:
        """Keep these values out, also those registered later."""
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean a record in place, for every handler that comes after."""
        if self._secrets.version:
            self._message(record)
            self._trace(record)
            for name in vars(record).keys() - _OWN:
                setattr(record, name, self._clean(getattr(record, name)))
        return True

    def _message(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - it does not fit its arguments; logging says so, and shows both
            record.msg, record.args = self._clean(record.msg), self._arguments(record.args)
            return
        cleaned = self._secrets.redact(said)
        if cleaned is said:
            # The words may show only a part of an argument, and some handlers write arguments down by themselves.
            record.args = self._arguments(record.args)
        else:
            record.msg, record.args = cleaned, ()

    def _arguments(self, args: object) -> "tuple[object, ...] | Mapping[str, object] | None":
        if isinstance(args, Mapping):
            named = cast("Mapping[str, object]", args)
            return {name: self._clean(value) for name, value in named.items()}
        if isinstance(args, tuple):
            return tuple(self._clean(value) for value in cast("tuple[object, ...]", args))
        return None

    def _trace(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0] is not None:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            cleaned = self._secrets.redact(text)
            if cleaned is not text:
                # A formatter takes the text as it is when there is one.
                record.exc_text, record.exc_info = cleaned, None
        if record.exc_text:
            record.exc_text = self._secrets.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._secrets.redact(record.stack_info)

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self._secrets.redact(value)
        if value is None or isinstance(value, int | float):
            return value
        try:
            shown = (str(value), repr(value))
        except Exception as error:  # noqa: BLE001 - a stranger's object that cannot be shown cannot be searched
            return f"<{type(value).__name__}: {type(error).__name__}>"
        cleaned = self._secrets.redact(shown[0])
        return value if cleaned is shown[0] and self._secrets.redact(shown[1]) is shown[1] else cleaned
