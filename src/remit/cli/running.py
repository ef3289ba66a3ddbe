"""Running: drives a command's coroutine and turns whatever it raises into one clear line and an exit status."""

import argparse
import asyncio
import contextlib
import gc
import os
import sys
import traceback

import msgspec

from remit.cli import exits
from remit.cli.entry import Command
from remit.cli.screen import visible
from remit.core.errors import ConfigError, DivergedError, OverLimitError, RemitError

DEBUG = "REMIT_DEBUG"


def run(command: Command, args: argparse.Namespace) -> int:
    """Run a command to its end; never raise, whatever it does. `args.out` is where its output goes."""
    # What is loaded by now stays; what sessions leave behind is small and is looked for less often than by default.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
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
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    text = str(error) or type(error).__name__
    if not isinstance(error, RemitError):
        text = f"{type(error).__name__}: {error}"
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
