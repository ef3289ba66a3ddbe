"""A small HTTP server in a thread: one function answers every request, and may also cut the connection."""

import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

_LARGEST = 10_000_000
_IDLE_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """One request, its header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except msgspec.DecodeError:
            return {}


@dataclass(frozen=True)
class Response:
    """An answer with a JSON body; `None` sends no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Cut:
    """No answer: the connection is closed."""


class HttpStandIn:
    """Serves on 127.0.0.1 from entering its context until leaving it."""

    def __init__(self, answer: Callable[[Request], Response | Cut], *, port: int = 0) -> None:
        """`answer` is called from many threads at once; port 0 takes a free one."""
        self.stopping = threading.Event()
        """Set when the server stops: whoever waits inside `answer` waits on this."""
        self._server = _Server(("127.0.0.1", port), _speaking(answer), bind_and_activate=True)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        """Begins to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops answering and frees the port."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def wait(self) -> None:
        """Returns when the server has been stopped."""
        self._thread.join()

    def __enter__(self) -> Self:
        """Starts."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stops."""
        self.stop()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that are killed in the middle of a request; that is what they are here for."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _speaking(answer: Callable[[Request], Response | Cut]) -> type[BaseHTTPRequestHandler]:
    class Speaking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _IDLE_SECONDS
        # Head and body leave together: apart, the second waits 40 ms for the acknowledgement of the first.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            """Says nothing."""

        def answer_one(self) -> None:
            try:
                self._send(answer(_request(self)))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = answer_one  # noqa: N815 - the names are the standard library's

        def _send(self, response: Response | Cut) -> None:
            if isinstance(response, Cut):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = b"" if response.body is None else msgspec.json.encode(response.body)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json;charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Speaking


def _request(spoken: BaseHTTPRequestHandler) -> Request:
    parts = urlsplit(spoken.path)
    length = spoken.headers.get("Content-Length", "0")
    body = spoken.rfile.read(min(int(length), _LARGEST)) if length.isdigit() else b""
    headers = {name.lower(): value for name, value in spoken.headers.items()}
    return Request(spoken.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
