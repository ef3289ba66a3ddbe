"""A Jira Cloud site on this machine: the documented shapes of the requests a desk makes, and faults on request.

Run it alone with `python -m remit.apps.desk.standins.jira`; it prints its URL.
"""

import argparse
import base64
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from remit.apps.desk.standins.http import Cut, HttpStandIn, Request, Response
from remit.apps.desk.standins.tickets import JqlError, Ticket, Tickets

PROJECTS: Mapping[str, str] = {
    "GENERAL": "General support",
    "SYNC": "Orchard Sync",
    "PAY": "Orchard Pay",
    "MOB": "Orchard Mobile",
    "CONS": "Orchard Console",
    "BILL": "Billing",
    "ACCT": "Accounts",
    "SEC": "Security",
}
"""Orchard Insights has no project here, so that the fallback has something to do."""
_API = "/rest/api/3"
_ISSUE = re.compile(rf"^{_API}/issue/([\w-]+)(/comment)?$")
_PROJECT = re.compile(rf"^{_API}/project/([\w-]+)$")
_MISSING = "Issue does not exist or you do not have permission to see it."

Operation = Literal["create", "search", "issue", "comment", "project", "any"]


class JiraFault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong with the next requests of one kind."""

    kind: Literal["status", "cut", "hang"]
    """An error status, a connection closed without an answer, or an answer that comes late."""
    operation: Operation = "any"
    applied: bool = False
    """Whether the request takes effect before it goes wrong: the case that makes doing things once hard."""
    times: int = 1
    status: int = 503
    retry_after: int | None = None
    """Seconds."""
    seconds: float = 30.0
    """How late a hanging answer is."""


class JiraStandIn:
    """A Jira site; counts, at its own side, how often an issue was created for each label."""

    def __init__(
        self,
        *,
        projects: Mapping[str, str] = PROJECTS,
        email: str = "desk@lumenorchard.example",
        token: str = "local-token",
        store: Path | None = None,
        port: int = 0,
    ) -> None:
        """`store` keeps the issues across restarts."""
        self.email, self.token = email, token
        self.requests: list[tuple[Operation, int]] = []
        """Each request and its status, 0 when it got no answer."""
        self._expected = "Basic " + base64.b64encode(f"{email}:{token}".encode()).decode()
        self._lock = threading.Lock()
        self._tickets = Tickets(projects, store)
        self._faults: list[JiraFault] = []
        self._server = HttpStandIn(self._answer, port=port)
        self.url = self._server.url

    def start(self) -> Self:
        """Begins to answer."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stops answering; hanging answers are given up."""
        self._server.stop()

    def wait(self) -> None:
        """Returns when the server has been stopped."""
        self._server.wait()

    def __enter__(self) -> Self:
        """Starts."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stops."""
        self.stop()

    def fail(self, fault: JiraFault) -> None:
        """Plans `fault`; faults are used up in order."""
        with self._lock:
            self._faults += [fault] * fault.times

    def lag(self, searches: int) -> None:
        """Issues created from now on are found only after this many further searches, as in the real index."""
        with self._lock:
            self._tickets.lag = searches

    def created(self, label: str) -> int:
        """How many issues were created with `label`, counted as they were made."""
        with self._lock:
            return self._tickets.created[label]

    def issues(self) -> list[dict[str, Any]]:
        """All issues as Jira shows them, oldest first."""
        with self._lock:
            return [self._shown(ticket) for ticket in self._tickets.all.values()]

    def _answer(self, request: Request) -> Response | Cut:
        if request.path == "/_control":
            return self._control(request)
        operation = _operation(request)
        with self._lock:
            fault = self._next_fault(operation)
            response = self._act(request, operation) if not fault or fault.applied else None
        if fault and fault.kind == "hang":
            stopped = self._server.stopping.wait(fault.seconds)
            if response is None and not stopped:
                with self._lock:
                    response = self._act(request, operation)
        elif fault:
            response = _failing(fault)
        given = response or Cut()
        with self._lock:
            self.requests.append((operation, given.status if isinstance(given, Response) else 0))
        return given

    def _next_fault(self, operation: Operation) -> JiraFault | None:
        for position, fault in enumerate(self._faults):
            if fault.operation in {operation, "any"}:
                return self._faults.pop(position)
        return None

    def _act(self, request: Request, operation: Operation) -> Response:
        if request.headers.get("authorization") != self._expected:
            return Response(
                401, {"message": "Client must be authenticated to access this resource.", "status-code": 401}
            )
        match operation:
            case "create":
                return self._create(request)
            case "search":
                return self._search(request)
            case "issue" | "comment":
                return self._one_issue(request)
            case "project":
                return self._project(request)
            case "any":
                return _no_such_path(request)

    def _create(self, request: Request) -> Response:
        fields: dict[str, Any] = request.json().get("fields") or {}
        refusals = self._tickets.refusals(fields)
        if refusals:
            return Response(400, {"errorMessages": [], "errors": refusals})
        ticket = self._tickets.create(fields)
        return Response(201, {"id": ticket.id, "key": ticket.key, "self": self._self(ticket)})

    def _search(self, request: Request) -> Response:
        query: dict[str, Any] = dict(request.query) if request.method == "GET" else request.json()
        try:
            found = self._tickets.search(str(query.get("jql") or ""))
        except JqlError as error:
            return Response(400, {"errorMessages": [str(error)], "errors": {}})
        start = int(query.get("nextPageToken") or 0)
        end = start + int(query.get("maxResults") or 50)
        fields: Any = query.get("fields") or []
        wanted: list[str] = fields.split(",") if isinstance(fields, str) else fields
        issues = [self._shown(ticket, wanted) for ticket in found[start:end]]
        last = end >= len(found)
        return Response(200, {"issues": issues, "isLast": last} | ({} if last else {"nextPageToken": str(end)}))

    def _one_issue(self, request: Request) -> Response:
        path = _ISSUE.match(request.path)
        ticket = self._tickets.all.get(path[1]) if path else None
        if ticket is None:
            return Response(404, {"errorMessages": [_MISSING], "errors": {}})
        if path and path[2] and request.method == "POST":
            body = request.json().get("body")
            if not isinstance(body, dict):
                return Response(400, {"errorMessages": [], "errors": {"comment": "Comment body can not be empty!"}})
            return Response(201, self._tickets.comment(ticket, body))
        if path and path[2]:
            return Response(200, {"comments": ticket.comments, "total": len(ticket.comments)})
        return Response(200, self._shown(ticket))

    def _project(self, request: Request) -> Response:
        path = _PROJECT.match(request.path)
        key = path[1].upper() if path else ""
        if key not in self._tickets.projects:
            return Response(404, {"errorMessages": [f"No project could be found with key '{key}'."], "errors": {}})
        number = list(self._tickets.projects).index(key)
        return Response(200, {"id": str(10_000 + number), "key": key, "name": self._tickets.projects[key]})

    def _shown(self, ticket: Ticket, wanted: Sequence[str] = ("*all",)) -> dict[str, Any]:
        if not wanted or wanted == ["id"]:
            return {"id": ticket.id}
        fields = self._tickets.shown(ticket)
        chosen = fields if "*all" in wanted else {name: fields[name] for name in wanted if name in fields}
        return {"id": ticket.id, "key": ticket.key, "self": self._self(ticket), "fields": chosen}

    def _self(self, ticket: Ticket) -> str:
        return f"{self.url}{_API}/issue/{ticket.id}"

    def _control(self, request: Request) -> Response:
        """GET tells what happened; POST plans a fault ({"fault": {...}}) or a lag ({"lag": searches})."""
        if request.method == "POST":
            wish = request.json()
            if "fault" in wish:
                self.fail(msgspec.convert(wish["fault"], JiraFault))
            if "lag" in wish:
                self.lag(int(wish["lag"]))
        issues = self.issues()
        with self._lock:
            return Response(
                200, {"created": dict(self._tickets.created), "requests": self.requests[-1000:], "issues": issues}
            )


def _operation(request: Request) -> Operation:
    if request.path == f"{_API}/issue" and request.method == "POST":
        return "create"
    if request.path == f"{_API}/search/jql":
        return "search"
    if path := _ISSUE.match(request.path):
        return "comment" if path[2] else "issue"
    return "project" if _PROJECT.match(request.path) else "any"


def _no_such_path(request: Request) -> Response:
    if request.path == f"{_API}/search":
        said = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        return Response(410, {"errorMessages": [said], "errors": {}})
    return Response(404, {"errorMessages": ["null for uri: " + request.path], "errors": {}})


def _failing(fault: JiraFault) -> Response | Cut:
    if fault.kind == "cut":
        return Cut()
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    said = "Rate limit exceeded." if fault.status == 429 else "The service is not available at the moment."
    return Response(fault.status, {"errorMessages": [said], "errors": {}}, headers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until interrupted, and prints the URL first."""
    parser = argparse.ArgumentParser(description="A Jira Cloud stand-in on this machine.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--store", type=Path, help="a file that keeps the issues")
    parser.add_argument("--email", default="desk@lumenorchard.example")
    parser.add_argument("--token", default="local-token")
    chosen = parser.parse_args(arguments)
    site = JiraStandIn(email=chosen.email, token=chosen.token, store=chosen.store, port=chosen.port)
    with site:
        sys.stdout.write(f"{site.url}\n")
        sys.stdout.flush()
        try:
            site.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
