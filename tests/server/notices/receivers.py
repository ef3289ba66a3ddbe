"""A real receiver on loopback that takes notices, or does not, as it is told."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

from remit.server.notices import verified

SECRET = "a secret of some length"


@dataclass
class Receiver:
    """What came, and what is answered next."""

    url: str = ""
    answers: list[int] = field(default_factory=list[int])
    """Statuses to give before 204; 0 hangs up."""
    came: "Queue[dict[str, Any]]" = field(default_factory=Queue["dict[str, Any]"])
    """Bodies of requests that were well signed, also of those that were not taken."""
    forged: int = 0


@contextmanager
def receiving() -> Generator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if not verified(SECRET, self.headers["remit-signature"], body, time.time()):
                receiver.forged += 1
            status = receiver.answers.pop(0) if receiver.answers else 204
            receiver.came.put({"key": self.headers["remit-notice"], **json.loads(body), "answered": status})
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
