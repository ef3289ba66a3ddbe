"""Endings: what the interpreter's errors say about how a program ended."""

import msgspec
from pydantic_monty import (
    MontyConversionError,
    MontyCrashedError,
    MontyError,
    MontyRuntimeError,
    MontySyntaxError,
)

from remit.core.programs import Bounds, Status
from remit.core.values import JsonValue
from remit.sandbox.monty.values import TooLargeError, UnfitError, made

_FRAMES = 10
_FULL = ("MemoryError: memory limit exceeded", "MemoryError: the worker exceeded its memory limit")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended, without what it did before."""

    status: Status
    value: JsonValue = None
    error: str = ""
    line: int = 0
    why: str = ""
    kept: bytes = b""


class OverError(Exception):
    """The program ran into a bound that is kept here."""

    def __init__(self, status: Status, why: str) -> None:
        """Say which."""
        super().__init__(why)
        self.status: Status = status
        self.why = why


async def completed(output: object, bounds: Bounds) -> Ending:
    """Judge the value of a program."""
    try:
        return Ending(status="ok", value=await made(output, bounds.output))
    except TooLargeError:
        return Ending(status="output_limit", why=f"its value has more than {bounds.output} bytes")
    except (UnfitError, RecursionError) as error:
        return Ending(status="error", error=f"the value of the program cannot be given: {error}")


def failed(error: MontyError) -> Ending:
    """Say how a program ended that did not come to its end."""
    if isinstance(error, MontyCrashedError):
        return Ending(status="timeout" if error.timed_out else "killed", why=f"its worker ended: {error}")
    if isinstance(error, MontyRuntimeError | MontySyntaxError):
        return _raised(error)
    kind = "an input is no JSON" if isinstance(error, MontyConversionError) else "the interpreter gave up"
    return Ending(status="error", error=f"{kind}: {error}")


def _raised(error: MontyRuntimeError | MontySyntaxError) -> Ending:
    frames, text = error.traceback(), str(error)
    # A program can raise the same words, but not without a line of its own.
    if not frames and "time limit exceeded" in text:
        return Ending(status="timeout", why=text)
    if text.startswith(_FULL):
        return Ending(status="oom", why=text)
    line = frames[-1].line if frames else 0
    shown = frames if len(frames) <= _FRAMES else [*frames[:3], *frames[-_FRAMES:]]
    where = "".join(
        f"  line {frame.line}{f', in {frame.function_name}' if frame.function_name else ''}: "
        f"{(frame.source_line or '').strip()[:200]}\n"
        for frame in shown
    )
    kind = "SyntaxError: " if isinstance(error, MontySyntaxError) else ""
    return Ending(status="error", error=f"{where}{kind}{text[:2000]}", line=line)
