"""Running: drives a command's coroutine and turns whatever it raises into one clear line and an exit status.

Whatever is registered as a secret while it runs is in nothing that it writes: no output, no error, no log.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import sys
import traceback
from collections.abc import Generator

import msgspec

from remit.cli import exits
from remit.cli.entry import Command
from remit.cli.screen import SECRETS, visible
from remit.core.errors import ConfigError, DivergedError, OverLimitError, RemitError
from remit.policy import Secrets
from remit.policy.secrets import RedactingFilter, overheard

DEBUG = "REMIT_DEBUG"


def run(command: Command, args: argparse.Namespace) -> int:
    """Run a command to its end; never raise, whatever it does. `args.out` is where its output goes."""
    # What is loaded by now stays; what sessions leave behind is small and is looked for less often than by default.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with overheard() as secrets, _logs_without(secrets):
        known = SECRETS.set(secrets)
        try:
            return _run(command, args)
        finally:
            SECRETS.reset(known)


def _run(command: Command, args: argparse.Namespace) -> int:
    args.out, json = sys.stdout, bool(getattr(args, "json", False))
    try:
        # A machine reads the output, so what an agent's own code prints must not get in between.
        with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
            status = asyncio.run(command.main(args))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.PAUSED
    except BrokenPipeError:
        # Whoever read our output has left; the interpreter must not try to flush the rest into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - a terminal's user gets a line, not a traceback, whatever broke
        return failed(error, json=json)
    return status


def failed(error: Exception, *, json: bool) -> int:
    """Say what went wrong on standard error, and for machines on standard output too; give the exit status."""
    secrets = SECRETS.get() or Secrets()
    if os.environ.get(DEBUG):
        sys.stderr.write(secrets.redact("".join(traceback.format_exception(error))))
    text = str(error) or type(error).__name__
    if not isinstance(error, RemitError):
        text = f"{type(error).__name__}: {error}"
    text = secrets.redact(text)
    hint = "" if isinstance(error, RemitError) or os.environ.get(DEBUG) else f" ({DEBUG}=1 shows where)"
    sys.stderr.write(f"remit: {visible(text)}{hint}\n")
    if json:
        body = {"error": text, "kind": type(error).__name__}
        sys.stdout.write(f"{msgspec.json.encode(body).decode()}\n")
    match error:
        case ConfigError():
            return exits.USAGE
        case OverLimitError():
            return exits.REFUSED
        case DivergedError():
            return exits.DIVERGED
        case _:
            return exits.FAILED


@contextlib.contextmanager
def _logs_without(secrets: Secrets) -> Generator[None]:
    """Keep secrets out of all logs meanwhile, whichever logger they come from and whoever writes them down."""
    clean, make, root = RedactingFilter(secrets), logging.getLogRecordFactory(), logging.getLogger()

    def made(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        clean.filter(record)
        return record

    # A record gets its extras after it was made, and a logger's filter does not see the records of its children.
    filtered = [root, *root.handlers, *([logging.lastResort] if logging.lastResort else [])]
    for one in filtered:
        one.addFilter(clean)
    logging.setLogRecordFactory(made)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)
        for one in filtered:
            one.removeFilter(clean)
