"""A server that speaks the service's API on the loopback and runs cells for real, as processes; with faults."""

import asyncio
import json
import re
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from remit.sandbox.remote import Place, RemoteSandbox, Settings

T = TypeVar("T")
KEY = "e2b_0123456789abcdef"


class Request(msgspec.Struct):
    """What a client asked."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Faults:
    """What goes wrong next."""

    def __init__(self) -> None:
        """Nothing, at first."""
        self.answers: dict[str, list[int]] = {}
        """Statuses that the next requests of a path are answered with."""
        self.drop_after = -1
        """Sentences of a cell after which its connection is dropped."""
        self.split = 0
        """Characters after which a sentence's text goes on in another; 0 for never."""


class Server:
    """Machines that are folders, and cells that are processes."""

    def __init__(self, folder: Path) -> None:
        """Have machines below the folder."""
        self.folder, self.faults = folder, Faults()
        self.machines: set[str] = set()
        self.seen: list[Request] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._made = 0
        self._listening: asyncio.Server | None = None

    async def listen(self) -> int:
        """Begin, and say at which port."""
        self._listening = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        return self._listening.sockets[0].getsockname()[1]

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.create_task(self.serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """End all connections, and the cells of them."""
        if self._listening is not None:
            self._listening.close()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection, one after the other."""
        try:
            while (request := await _request(reader)) is not None:
                self.seen.append(request)
                await self._answer(request, reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        planned = self.faults.answers.get(request.path)
        if planned:
            _send(writer, planned.pop(0), {"message": f"as planned, for {request.headers.get('x-api-key')}"})
        elif request.path in ("/execute", "/files"):
            await self._inside(request, reader, writer)
        elif request.headers.get("x-api-key") != KEY:
            _send(writer, 401, {"message": "unauthorized"})
        elif request.path == "/v2/sandboxes":
            _send(writer, 200, [])
        elif request.path == "/sandboxes":
            self._made += 1
            name = f"m{self._made}"
            self.machines.add(name)
            (self.folder / "scratch").mkdir(exist_ok=True)
            _send(writer, 201, {"sandboxID": name, "templateID": "t", "envdAccessToken": "inner", "domain": None})
        else:
            self._one(request, writer)

    def _one(self, request: Request, writer: asyncio.StreamWriter) -> None:
        name = request.path.split("/")[2]
        if name not in self.machines:
            _send(writer, 404, {"message": "no such sandbox"})
        elif request.method == "DELETE":
            self.machines.discard(name)
            _send(writer, 204, None)
        else:
            _send(writer, 204, None)

    async def _inside(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if request.headers.get("e2b-sandbox-id") not in self.machines:
            _send(writer, 502, {"message": "The sandbox was not found"})
        elif request.headers.get("x-access-token") != "inner":
            _send(writer, 401, {"message": "unauthorized"})
        elif request.path == "/execute":
            await self._cell(json.loads(request.body)["code"], writer)
        else:
            _file(request, writer)

    async def _cell(self, code: str, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-"), stdin=pipe, stdout=pipe, stderr=pipe, env={}, start_new_session=True
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(code.encode())
        process.stdin.close()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        said = 0
        try:
            while part := await process.stdout.read(1 << 16):
                for text in self._texts(part.decode()):
                    if said == self.faults.drop_after:
                        raise ConnectionResetError
                    said += 1
                    await _chunk(writer, {"type": "stdout", "text": text, "timestamp": 0})
            if await process.wait():
                error = (await process.stderr.read()).decode()
                await _chunk(writer, {"type": "error", "name": "Error", "value": error[-300:], "traceback": ""})
            await _chunk(writer, {"type": "number_of_executions", "execution_count": 1})
            await _chunk(writer, {"type": "end_of_execution"})
            writer.write(b"0\r\n\r\n")
        finally:
            # As the service does, whose kernels are interrupted when nobody listens to a cell any more.
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await process.communicate()

    def _texts(self, text: str) -> list[str]:
        size = self.faults.split or len(text)
        return [text[place : place + size] for place in range(0, len(text), size)]


def _file(request: Request, writer: asyncio.StreamWriter) -> None:
    path = Path(request.query["path"][0])
    if request.method == "GET":
        if path.is_file():
            _send(writer, 200, path.read_bytes())
        else:
            _send(writer, 404, {"message": "no such file"})
        return
    boundary = re.search(r"boundary=(\S+)", request.headers["content-type"])
    assert boundary
    part = request.body.split(b"--" + boundary[1].encode())[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"))
    _send(writer, 200, [{"name": path.name, "path": str(path), "type": "file"}])


async def _request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    where = urlsplit(target)
    return Request(method, where.path, parse_qs(where.query), headers, body)


def _send(writer: asyncio.StreamWriter, status: int, content: object) -> None:
    body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    head = f"HTTP/1.1 {status} X\r\nRetry-After: 0\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() if status != 204 else f"{head}\r\n".encode())
    writer.write(body)


async def _chunk(writer: asyncio.StreamWriter, sentence: object) -> None:
    line = json.dumps(sentence).encode() + b"\n"
    writer.write(b"%x\r\n%s\r\n" % (len(line), line))
    await writer.drain()


@asynccontextmanager
async def served(key: str = KEY) -> AsyncGenerator[tuple[Server, RemoteSandbox]]:
    """Serve on the loopback, in a thread of its own, with a sandbox that uses it."""
    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{_there(loop, server.listen())}"
            place = Place(scratch=f"{name}/scratch", work=f"{name}/work")
            sandbox = RemoteSandbox(Settings(api=address, gateway=address), key=key, place=place)
            try:
                yield server, sandbox
            finally:
                await sandbox.close()
        finally:
            _there(loop, server.close())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def _there(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(20)
