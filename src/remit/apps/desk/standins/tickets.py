"""The issues of the Jira stand-in: what is accepted, what is found, and what is kept in a file."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec

PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
KINDS = ("Bug", "Task", "Story", "Epic")
_CLAUSE = re.compile(r'^\s*(\w+)\s*(=|~)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))\s*$')
_ORDER = re.compile(r"\s+order\s+by\s+.*$", re.IGNORECASE | re.DOTALL)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


class JqlError(ValueError):
    """A query this stand-in refuses; the text is what Jira would say."""


class Ticket(msgspec.Struct, kw_only=True):
    """One issue, with the fields as they were sent."""

    id: str
    key: str
    fields: dict[str, Any]
    created: str
    comments: list[dict[str, Any]] = []
    visible_after: int = 0
    """How many searches must have been made before a search finds it."""


class Tickets:
    """All issues, in memory and, given a path, in a file with one JSON object a line."""

    def __init__(self, projects: Mapping[str, str], store: Path | None = None) -> None:
        """`projects`: key to name. What `store` holds already is loaded."""
        self.projects = dict(projects)
        self.all: dict[str, Ticket] = {}
        self.created: Counter[str] = Counter()
        self.searches = 0
        self.lag = 0
        self._store = store
        if store and store.exists():
            for line in store.read_bytes().splitlines():
                ticket = msgspec.json.decode(line, type=Ticket)
                if ticket.key not in self.all:
                    self.created.update(_labels(ticket.fields))
                # A commented ticket is written again: the last line holds.
                self.all[ticket.key] = ticket

    def refusals(self, fields: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with `fields` of a new issue, by field."""
        checks = {
            "project": self._project_refusal(fields.get("project")),
            "issuetype": _choice_refusal(fields.get("issuetype"), KINDS, "Specify a valid issue type"),
            "summary": _summary_refusal(fields.get("summary")),
            "priority": _choice_refusal(
                fields.get("priority", {"name": "Medium"}), PRIORITIES, "The priority selected is invalid."
            ),
            "labels": next(
                (f"The label '{one}' contains spaces which is invalid." for one in _labels(fields) if " " in one), ""
            ),
            "description": _document_refusal(fields.get("description")),
        }
        return {name: reason for name, reason in checks.items() if reason}

    def _project_refusal(self, project: Any) -> str:
        return "" if _object(project).get("key") in self.projects else "Specify a valid project ID or key"

    def create(self, fields: Mapping[str, Any]) -> Ticket:
        """Makes an issue of fields that were not refused."""
        project = fields["project"]["key"]
        number = sum(ticket.fields["project"]["key"] == project for ticket in self.all.values()) + 1
        ticket = Ticket(
            id=str(10_000 + len(self.all)),
            key=f"{project}-{number}",
            fields=dict(fields),
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            visible_after=self.searches + self.lag,
        )
        self.all[ticket.key] = ticket
        self.created.update(_labels(fields))
        self._keep(ticket)
        return ticket

    def comment(self, ticket: Ticket, body: Any) -> dict[str, Any]:
        """Adds a comment to `ticket`."""
        comment = {"id": str(len(ticket.comments) + 10_000), "body": body}
        ticket.comments.append(comment)
        self._keep(ticket)
        return comment

    def search(self, jql: str) -> list[Ticket]:
        """The issues matching all clauses of `jql`, oldest first; `JqlError` when it is not understood or unbounded."""
        bounded = _ORDER.sub("", f" {jql}").strip()
        if not bounded:
            raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
        clauses = [_clause(part) for part in _AND.split(bounded)]
        self.searches += 1
        seen = (ticket for ticket in self.all.values() if ticket.visible_after < self.searches)
        return [ticket for ticket in seen if all(_matches(ticket, *clause) for clause in clauses)]

    def shown(self, ticket: Ticket) -> dict[str, Any]:
        """All fields of `ticket` as Jira shows them."""
        key = ticket.fields["project"]["key"]
        unset: dict[str, Any] = {"priority": {"name": "Medium"}, "labels": []}
        return {
            **unset,
            **ticket.fields,
            "project": {"key": key, "name": self.projects.get(key, key)},
            "status": {"name": "To Do"},
            "created": ticket.created,
            "comment": {"comments": ticket.comments, "total": len(ticket.comments)},
        }

    def _keep(self, ticket: Ticket) -> None:
        if self._store:
            with self._store.open("ab") as file:
                file.write(msgspec.json.encode(ticket) + b"\n")


def _labels(fields: Mapping[str, Any]) -> list[str]:
    labels: list[Any] = fields.get("labels") or []
    return [str(label) for label in labels]


def _summary_refusal(summary: Any) -> str:
    if not isinstance(summary, str) or not summary.strip():
        return "You must specify a summary of the issue."
    if "\n" in summary or "\r" in summary:
        return "The summary is invalid because it contains newline characters."
    return "Summary must be less than 255 characters." if len(summary) > 255 else ""


def _choice_refusal(choice: Any, allowed: tuple[str, ...], refusal: str) -> str:
    return "" if _object(choice).get("name") in allowed else refusal


def _document_refusal(document: Any) -> str:
    given = _object(document)
    valid = document is None or (given.get("type") == "doc" and given.get("version") == 1)
    # An empty text node is the mistake everybody makes once.
    empty = b'"text":""' in msgspec.json.encode(document)
    return "" if valid and not empty else "Operation value must be an Atlassian Document"


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def text_of(document: Any) -> str:
    """The words of an Atlassian Document, blocks on lines of their own."""
    node = _object(document)
    if node.get("type") == "hardBreak":
        return "\n"
    children: list[Any] = node.get("content") or []
    inner = str(node.get("text", "")) + "".join(text_of(child) for child in children)
    return inner + ("\n" if node.get("type") == "paragraph" else "")


def _clause(part: str) -> tuple[str, str, str]:
    found = _CLAUSE.match(part)
    if not found or found[1].lower() not in {"labels", "project", "text", "summary", "key"}:
        raise JqlError(f"Error in the JQL Query: '{part.strip()[:100]}' is not understood.")
    value = found[4] if found[3] is None else re.sub(r"\\(.)", r"\1", found[3])
    return found[1].lower(), found[2], value


def _matches(ticket: Ticket, name: str, operator: str, value: str) -> bool:
    fields = ticket.fields
    if name == "labels":
        return operator == "=" and value in _labels(fields)
    if name in {"project", "key"}:
        return value.upper() == (fields["project"]["key"] if name == "project" else ticket.key)
    haystack = fields["summary"].lower()
    if name == "text":
        haystack += " " + text_of(fields.get("description")).lower()
    return all(word in haystack for word in value.lower().split())
