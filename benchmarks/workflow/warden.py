"""Warden: a small process that forks a child with limits for every program it is given, and says what came of it.

Run as a program of its own, without the site's packages: a job is a JSON line on standard input, its verdict one on
standard output. The limits keep mistakes in bounds, not malice: the network is not cut off and files can be read.
"""

import collections
import contextlib
import hashlib
import heapq
import itertools
import json
import math
import os
import random
import re
import resource
import select
import shutil
import signal
import string
import sys
import tempfile
import traceback
import typing
import warnings

WARM = (collections, hashlib, heapq, itertools, math, random, re, string, typing)
"""What solutions import: loaded once, here, and not in every child."""

MEMORY = 512 << 20
FILE = 1 << 20
FINDING = 300
"""Characters of one finding."""
FINDINGS = 5
ADDRESS = re.compile(r"\b0x[0-9a-f]+")
"""Of an object in memory: another one in every run, and a finding must be the same in all."""

Job = dict[str, typing.Any]
Verdict = dict[str, typing.Any]


def limited(cpu: int) -> None:
    """Give this process its limits: seconds of CPU, memory, size of files, no core, no new processes."""
    for what, most in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (most, most))


def same(result: object, expected: object) -> bool:
    """Compare as the tests do, with room for the rounding of floats."""
    if isinstance(result, float) and isinstance(expected, float | int):
        return math.isclose(result, expected, rel_tol=1e-6, abs_tol=1e-6)
    return bool(result == expected)


def worded(error: BaseException) -> str:
    """Describe an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())


def failing_line(error: BaseException, source: str) -> str:
    """Return the line of a source in which an error was raised."""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == "<tests>" and frame.name == "check" and frame.lineno:
            return source.splitlines()[frame.lineno - 1].strip()
    return ""


def judged(job: Job) -> Verdict:
    """Run a program, then its tests or examples, and say what does not hold."""
    random.seed(0)
    space: dict[str, typing.Any] = {"__name__": "program"}
    try:
        exec(compile(job["program"], "<program>", "exec"), space)
    except BaseException as error:  # noqa: BLE001 - a program may raise anything, also an exit
        return {"passed": False, "findings": [f"the program cannot be loaded: {worded(error)}"]}
    findings: list[str] = []
    if job.get("tests"):
        try:
            exec(compile(job["tests"], "<tests>", "exec"), space)
        except BaseException as error:  # noqa: BLE001
            line = failing_line(error, job["tests"])
            findings.append(f"this test failed: {line} ({worded(error)})" if line else worded(error))
    for call, result in job.get("examples", ()):
        try:
            got = eval(call, space)
            expected = eval(result)
            if not same(got, expected):
                findings.append(f"{call} gave {got!r}, but {result} is right")
        except BaseException as error:  # noqa: BLE001
            findings.append(f"{call} raised {worded(error)}, but {result} is right")
    return {"passed": not findings, "findings": [ADDRESS.sub("0x", text)[:FINDING] for text in findings[:FINDINGS]]}


def lived(job: Job, out: int, folder: str) -> typing.NoReturn:
    """Be the child: lose the streams, take the limits, run, say the verdict, and end without a word more."""
    try:
        os.setsid()
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        sys.stdin = sys.stdout = sys.stderr = open(os.devnull, "r+")  # noqa: PTH123, SIM115 - ends with the process
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        limited(job["cpu"])
        warnings.simplefilter("ignore")
        os.write(out, json.dumps(judged(job)).encode("utf-8", "replace"))
    finally:
        os._exit(0)


def watched(child: int, source: int, seconds: float) -> bytes:
    """Return what a child says within its time; it is killed with all it started in any case."""
    said = b""
    ready, _, _ = select.select([source], [], [], seconds)
    if ready:
        while piece := os.read(source, 1 << 16):
            said += piece
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return said


def verdict(job: Job) -> Verdict:
    """Judge a job in a child of its own, in an empty folder."""
    folder = tempfile.mkdtemp(prefix="remit-workflow-")
    source, out = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        lived(job, out, folder)
    os.close(out)
    said = watched(child, source, job["wall"])
    os.close(source)
    os.waitpid(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return json.loads(said)
    except ValueError:
        return {"passed": False, "findings": ["the program did not end within its time and memory"]}


def main() -> None:
    """Serve jobs until there are no more."""
    for line in sys.stdin:
        print(json.dumps(verdict(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
