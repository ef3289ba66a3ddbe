"""The keeper of a box: starts a process for each program, and passes on what it says, a little at a time.

It runs nobody's code, and it alone tells the other side how a process ended. It ends when the other side is gone.
"""

import json
import os
import select
import signal
import socket
import struct
from typing import Protocol, cast

from remit.sandbox.inside.framing import Frame, pack, read, write
from remit.sandbox.inside.scratch import Scratch

HEAD = struct.Struct(">cII")
"""What begins every message: its kind, the number of the run, its length."""

RUN, KILL, WANT, GIVE, FILE, DATA = b"r", b"k", b"w", b"g", b"f", b"d"
SAID, PRINTED, ENDED, ANSWER = b"s", b"p", b"e", b"a"
_CHUNK = 1 << 16


class Starter(Protocol):
    """Knows how processes of programs begin and end here."""

    def start(self, order: Frame, bridge: int, output: int) -> int:
        """Start the process of a program over these descriptors; give its process id."""
        ...

    def kill(self, pid: int) -> None:
        """End a process and whatever it has started."""
        ...

    def sweep(self, code: int) -> int:
        """End what a process has left; say what its exit code means: a signal is negative."""
        ...


class _Process:
    """A program under way, as far as the keeper must know it."""

    def __init__(self, run: int, pid: int, bridge: int, output: int) -> None:
        self.run, self.pid, self.bridge, self.output = run, pid, bridge, output
        self.handle = os.pidfd_open(pid)
        self.pending = b""
        self.wanted = 0
        self.ended: Frame | None = None


def say(sink: int, kind: bytes, data: bytes, run: int = 0) -> None:
    """Send a message."""
    write(sink, HEAD.pack(kind, run, len(data)) + data)


def hear(source: int) -> tuple[bytes, int, bytes] | None:
    """Receive a message; none when the other side is gone."""
    head = read(source, HEAD.size)
    if head is None:
        return None
    kind, run, length = cast("tuple[bytes, int, int]", HEAD.unpack(head))
    data = read(source, length)
    return None if data is None else (kind, run, data)


class Keeper:
    """Serves the other side until that is gone."""

    def __init__(self, source: int, sink: int, scratch: Scratch, starter: Starter) -> None:
        """Read orders from `source`, write to `sink`."""
        self._source, self._sink = source, sink
        self._scratch, self._starter = scratch, starter
        self._process: _Process | None = None

    def serve(self) -> None:
        """Do as told until the other side is gone."""
        serving = True
        while serving:
            for descriptor, event in self._poll():
                if descriptor == self._source:
                    serving = self._obey()
                elif self._process is not None:
                    self._tend(self._process, descriptor, event)
        if self._process is not None and self._process.ended is None:
            self._starter.kill(self._process.pid)

    def _poll(self) -> list[tuple[int, int]]:
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        process = self._process
        if process is not None and process.ended is None:
            poll.register(process.handle, select.POLLIN)
        if process is not None and process.output >= 0:
            poll.register(process.output, select.POLLIN)
        if process is not None and process.bridge >= 0:
            # Only what is wanted is read, so that a program cannot fill anybody's memory.
            events = (select.POLLIN if process.wanted else 0) | (select.POLLOUT if process.pending else 0)
            if events:
                poll.register(process.bridge, events)
        return poll.poll()

    def _obey(self) -> bool:
        message = hear(self._source)
        if message is None:
            return False
        kind, run, data = message
        process = self._process
        if kind == RUN:
            self._begin(run, cast("Frame", json.loads(data)))
        elif kind == FILE:
            self._file(cast("Frame", json.loads(data)))
        elif process is None or process.run != run:
            return True
        elif kind == KILL:
            if process.ended is None:
                self._starter.kill(process.pid)
        elif kind == WANT:
            process.wanted += struct.unpack(">I", data)[0]
            if process.bridge < 0:
                say(self._sink, SAID, b"", run)
        elif kind == GIVE:
            process.pending += data
        return True

    def _begin(self, run: int, order: Frame) -> None:
        if self._process is not None:
            self._forget(self._process)
        bridge, theirs = socket.socketpair()
        output, their_output = os.pipe()
        with theirs:
            pid = self._starter.start(order, theirs.fileno(), their_output)
        os.close(their_output)
        bridge.setblocking(False)  # noqa: FBT003 - the parameter has no name
        self._process = _Process(run, pid, bridge.detach(), output)
        self._process.pending = pack(order)

    def _forget(self, process: _Process) -> None:
        os.close(process.handle)
        for descriptor in (process.bridge, process.output):
            if descriptor >= 0:
                os.close(descriptor)

    def _tend(self, process: _Process, descriptor: int, event: int) -> None:
        if descriptor == process.handle:
            _pid, status, used = os.wait4(process.pid, 0)
            cpu = used.ru_utime + used.ru_stime
            process.ended = {"status": self._starter.sweep(os.waitstatus_to_exitcode(status)), "cpu": cpu}
        elif descriptor == process.output:
            data = os.read(process.output, _CHUNK)
            if data:
                say(self._sink, PRINTED, data, process.run)
            else:
                os.close(process.output)
                process.output = -1
        elif descriptor == process.bridge:
            self._pass(process, event)
        if process.ended is not None and process.output < 0:
            say(self._sink, ENDED, json.dumps(process.ended).encode(), process.run)
            # Said once.
            process.output = -2

    def _pass(self, process: _Process, event: int) -> None:
        try:
            if event & select.POLLOUT and process.pending:
                sent = os.write(process.bridge, process.pending[:_CHUNK])
                process.pending = process.pending[sent:]
                return
            data = os.read(process.bridge, min(process.wanted, _CHUNK)) if process.wanted else b""
        except BlockingIOError:
            return
        except OSError:
            data = b""
        say(self._sink, SAID, data, process.run)
        process.wanted -= len(data)
        if not data:
            os.close(process.bridge)
            process.bridge = -1

    def _file(self, order: Frame) -> None:
        op, path = order["op"], cast("str", order.get("path", ""))
        data = b""
        try:
            if op == "put":
                sent = hear(self._source)
                self._scratch.put(path, sent[2] if sent else b"")
            elif op == "get":
                data = self._scratch.get(path)
            else:
                data = json.dumps(self._scratch.files()).encode()
        except OSError as error:
            say(self._sink, ANSWER, json.dumps({"why": f"{error.strerror or error}: {path!r}"}).encode())
            return
        say(self._sink, ANSWER, b"{}")
        say(self._sink, DATA, data)


def quiet() -> None:
    """Leave signals to the other side: only its end of the line ends a keeper."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
