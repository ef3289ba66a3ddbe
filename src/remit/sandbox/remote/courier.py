"""What a cell does in a machine: starts the program as a process, prints what it says, and hands it the answers.

It runs there alone, with the standard library: `main` is called by what `cells` writes in front of it. Each line is the
run's own word, a kind and base64: `F` of a frame, `O` of printed text, `E` of the end. Answers come as files.
"""

import base64
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from typing import cast

_TICK = 0.02
_START = """
import json, os, resource, sys, types
given = json.load(sys.stdin)
for name, source in given["modules"]:
    module = types.ModuleType(name)
    module.__path__ = []
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
order = given["order"]
with open("/proc/self/statm") as file:
    memory = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + order["memory"]
cpu = max(1, -(-int(order["cpu"] * 1000) // 1000))
for name, pair in ((resource.RLIMIT_AS, (memory, memory)), (resource.RLIMIT_CPU, (cpu, cpu + 1)),
                   (resource.RLIMIT_FSIZE, (order["disk"],) * 2), (resource.RLIMIT_CORE, (0, 0))):
    resource.setrlimit(name, pair)
os.dup2(int(sys.argv[1]), 3)
os.closerange(4, 256)
sys.modules["remit.sandbox.inside.program"].run(3, order)
os._exit(0)
"""


class Courier:
    """Stands between one program and the lines of its cell."""

    def __init__(self, word: str, folder: str, output: int) -> None:
        """Say `word` before everything, look into `folder` for answers, and carry so many bytes of printed text."""
        self._word, self._folder, self._output = word, folder, output
        self._answers = 0

    def run(self, given: dict[str, object], scratch: str) -> None:
        """Run the program to its end, or until it is told to stop."""
        ours, theirs = socket.socketpair()
        printed, write = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", _START, str(theirs.fileno())],
            stdin=subprocess.PIPE,
            stdout=write,
            stderr=write,
            pass_fds=[theirs.fileno()],
            cwd=scratch,
            env={},
            start_new_session=True,
        )
        theirs.close()
        os.close(write)
        try:
            assert process.stdin
            process.stdin.write(json.dumps(given).encode())
            process.stdin.close()
            self._follow(process, ours, printed)
        except BrokenPipeError:
            process.wait()
        finally:
            self._sweep(process.pid)
            process.wait()
            self._drain(ours, printed)
            self._say("E", json.dumps({"status": process.returncode}).encode())

    def _say(self, kind: str, data: bytes) -> None:
        sys.stdout.write(f"{self._word} {kind} {base64.b64encode(data).decode()}\n")
        sys.stdout.flush()

    def _follow(self, process: "subprocess.Popen[bytes]", ours: socket.socket, printed: int) -> None:
        while process.poll() is None:
            ready, _, _ = select.select([ours, printed], [], [], _TICK)
            if ours in ready:
                self._frames(ours.recv(1 << 16))
            if printed in ready:
                self._text(os.read(printed, 1 << 16))
            self._answer(ours)
            if self._output < 0 or os.path.exists(f"{self._folder}/stop"):  # noqa: PTH110
                return

    def _drain(self, ours: socket.socket, printed: int) -> None:
        with ours:
            while select.select([ours], [], [], 0)[0]:
                data = ours.recv(1 << 16)
                if not data:
                    break
                self._frames(data)
        while select.select([printed], [], [], 0)[0] and self._output >= 0:
            data = os.read(printed, 1 << 16)
            if not data:
                break
            self._text(data)
        os.close(printed)

    def _frames(self, data: bytes) -> None:
        if data:
            self._say("F", data)

    def _text(self, data: bytes) -> None:
        if data:
            self._output -= len(data)
            self._say("O", data)

    def _answer(self, ours: socket.socket) -> None:
        path = f"{self._folder}/answer-{self._answers + 1}"
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                data = file.read()
        except FileNotFoundError:
            return
        # Whoever writes it may not have written all of it yet.
        if len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
            self._answers += 1
            ours.sendall(data)

    @staticmethod
    def _sweep(leader: int) -> None:
        try:
            os.killpg(leader, signal.SIGKILL)
        except ProcessLookupError:
            return


def _make(scratch: str) -> None:
    try:
        os.makedirs(scratch, exist_ok=True)  # noqa: PTH103
    except PermissionError:
        # The user of these machines may become root, and the folder is to be this user's.
        subprocess.run(["sudo", "-n", "install", "-d", "-m", "0777", scratch], check=True, capture_output=True)


def main(given: dict[str, object]) -> None:
    """Do what a cell is for: run a program, or list the files that programs have left."""
    word, scratch = str(given["word"]), str(given["scratch"])
    _make(scratch)
    if "order" not in given:
        found: dict[str, int] = {}
        for folder, _inner, names in os.walk(scratch):
            for name in names:
                path = f"{folder}/{name}"
                if os.path.isfile(path) and not os.path.islink(path):  # noqa: PTH113, PTH114
                    found[os.path.relpath(path, scratch)] = os.path.getsize(path)  # noqa: PTH202
        print(word, "L", base64.b64encode(json.dumps(found).encode()).decode(), flush=True)  # noqa: T201
        return
    work = str(given["folder"])
    os.makedirs(work, mode=0o700, exist_ok=True)  # noqa: PTH103
    try:
        Courier(word, work, cast("int", given["output"])).run(given, scratch)
    finally:
        shutil.rmtree(work, ignore_errors=True)
