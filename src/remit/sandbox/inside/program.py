"""One program of somebody else's: its names, its tools, its value. Nothing that it says is believed outside."""

import ast
import linecache
import sys
import threading
import traceback
from collections.abc import Callable
from typing import cast

from remit.sandbox.inside.framing import Frame, pack, receive, write
from remit.sandbox.inside.plain import plain

_NAME = "program"
_LINES = 20
"""Frames of a traceback that are shown."""


class ToolError(Exception):
    """A tool said no; the message is the tool's."""


class Caller:
    """Sends calls of tools and waits for their answers, one at a time."""

    def __init__(self, descriptor: int) -> None:
        """Talk over the descriptor."""
        self._descriptor = descriptor
        self._turn = threading.Lock()
        self._made = 0

    def call(self, name: str, arguments: Frame) -> object:
        """Make a call; raise `ToolError` with what the tool said."""
        with self._turn:
            self._made += 1
            frame = {"kind": "call", "id": self._made, "tool": name, "arguments": plain(arguments)}
            write(self._descriptor, pack(frame))
            answer = receive(self._descriptor)
        if answer is None:
            raise SystemExit(1)
        if "error" in answer:
            raise ToolError(answer["error"])
        return answer.get("value")

    def function(self, name: str, parameters: list[str]) -> Callable[..., object]:
        """Make the function that a program calls."""

        def tool(*positional: object, **named: object) -> object:
            if len(positional) > len(parameters):
                raise TypeError(f"{name}() takes {len(parameters)} arguments but {len(positional)} were given")
            arguments = dict(zip(parameters, positional, strict=False))
            for key in named:
                if key in arguments or key not in parameters:
                    raise TypeError(f"{name}() got an unexpected or repeated argument {key!r}")
            return self.call(name, arguments | named)

        tool.__name__ = tool.__qualname__ = name
        return tool


def _execute(code: str, names: dict[str, object]) -> object:
    tree = ast.parse(code, _NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, _NAME, "exec"), names)
    if last is None:
        return None
    expression = ast.Expression(cast("ast.Expr", last).value)
    return eval(compile(expression, _NAME, "eval"), names)


def _failed(error: BaseException) -> Frame:
    """Describe an exception by the program's own lines."""
    if isinstance(error, SyntaxError) and error.filename == _NAME:
        text = "".join(traceback.format_exception_only(error))
        return {"kind": "error", "error": text.strip(), "line": error.lineno or 0}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _NAME]
    lines = traceback.format_list(frames[:2] + frames[2:][-_LINES:])
    text = "".join(["Traceback (most recent call last):\n", *lines, *traceback.format_exception_only(error)])
    text = text.replace("remit.sandbox.inside.program.", "")
    return {"kind": "error", "error": plain(text.strip()), "line": (frames[-1].lineno or 0) if frames else 0}


def _ending(code: str, names: dict[str, object]) -> Frame:
    try:
        return {"kind": "done", "value": plain(_execute(code, names))}
    except MemoryError as error:
        return _failed(error) | {"kind": "oom"}
    except SystemExit as error:
        return {"kind": "done", "value": None} if error.code in (None, 0) else _failed(error)
    except BaseException as error:  # noqa: BLE001  (whatever a program raises is its result)
        return _failed(error)


def run(descriptor: int, order: Frame) -> None:
    """Run the program that was ordered and say over the descriptor how it ended."""
    code = cast("str", order["code"])
    caller = Caller(descriptor)
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": __builtins__, "ToolError": ToolError}
    names.update(cast("Frame", order["inputs"]))
    for name, parameters in cast("dict[str, list[str]]", order["tools"]).items():
        names[name] = caller.function(name, parameters)
    linecache.cache[_NAME] = (len(code), None, code.splitlines(keepends=True), _NAME)
    sys.setrecursionlimit(cast("int", order["recursion"]) + 60)
    frame = _ending(code, names)
    sys.setrecursionlimit(1000)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        data = pack(frame)
    except (MemoryError, ValueError, RecursionError, OSError, AttributeError) as error:
        data = pack({"kind": "oom" if isinstance(error, MemoryError) else "error", "error": repr(error), "line": 0})
    write(descriptor, data)
