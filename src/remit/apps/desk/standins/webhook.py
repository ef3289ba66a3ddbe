"""A receiver of JSON notices that remembers them."""

import threading
from collections import Counter
from typing import Any, Self

from remit.apps.desk.standins.http import Cut, HttpStandIn, Request, Response


class WebhookStandIn:
    """Keeps every JSON object posted to it, and counts them by Idempotency-Key."""

    def __init__(self, *, port: int = 0) -> None:
        """Port 0 takes a free one."""
        self.received: list[dict[str, Any]] = []
        self.keys: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._refusals: list[int] = []
        self._server = HttpStandIn(self._answer, port=port)
        self.url = f"{self._server.url}/notices"

    def fail(self, *statuses: int) -> None:
        """The next notices are answered with these statuses and not kept."""
        with self._lock:
            self._refusals += statuses

    def start(self) -> Self:
        """Begins to listen."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stops listening."""
        self._server.stop()

    def __enter__(self) -> Self:
        """Starts."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stops."""
        self.stop()

    def _answer(self, request: Request) -> Response | Cut:
        with self._lock:
            if request.method != "POST":
                return Response(200, self.received)
            if self._refusals:
                return Response(self._refusals.pop(0), {"message": "refused on request"})
            self.received.append(request.json())
            self.keys[request.headers.get("idempotency-key", "")] += 1
            return Response(202, {"kept": len(self.received)})
