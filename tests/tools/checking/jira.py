"""A stand-in for Jira Cloud behind a real socket, which can drift from its document; without anything of Remit.

As a process: `jira.py DRIFT...` writes its port on standard output and serves until it is stopped.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DOCUMENT = r"""
openapi: 3.0.3
info: {title: Jira, version: "3"}
servers: [{url: "http://127.0.0.1:{port}/rest/api/3", variables: {port: {default: "80"}}}]
paths:
  /project:
    get:
      operationId: getAllProjects
      summary: List the projects.
      responses:
        200:
          content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Project"}}}}
  /search:
    get:
      operationId: searchIssues
      summary: Find issues by JQL.
      parameters:
        - {name: jql, in: query, schema: {type: string, maxLength: 2000}}
        - {name: startAt, in: query, schema: {type: integer, minimum: 0, maximum: 10000}}
        - {name: maxResults, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
      responses:
        200:
          content:
            application/json:
              schema:
                type: object
                required: [startAt, maxResults, total, issues]
                properties:
                  startAt: {type: integer}
                  maxResults: {type: integer}
                  total: {type: integer}
                  issues: {type: array, items: {$ref: "#/components/schemas/Issue"}}
  /issue:
    post:
      operationId: createIssue
      summary: Create an issue.
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/NewIssue"}}}
      responses:
        201:
          content:
            application/json:
              schema:
                type: object
                required: [id, key, self]
                properties: {id: {type: string}, key: {type: string}, self: {type: string}}
  /issue/{issueIdOrKey}:
    parameters:
      - {name: issueIdOrKey, in: path, required: true, schema: {type: string}}
    get:
      operationId: getIssue
      summary: Get an issue.
      responses:
        200: {content: {application/json: {schema: {$ref: "#/components/schemas/Issue"}}}}
  /issue/{issueIdOrKey}/transitions:
    parameters:
      - {name: issueIdOrKey, in: path, required: true, schema: {type: string}}
    post:
      operationId: doTransition
      summary: Move an issue to another status.
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [transition]
              additionalProperties: false
              properties:
                transition:
                  type: object
                  required: [id]
                  additionalProperties: false
                  properties: {id: {type: string, enum: ["11", "21", "31"]}}
      responses: {204: {description: Moved.}}
  /issue/{issueIdOrKey}/comment:
    parameters:
      - {name: issueIdOrKey, in: path, required: true, schema: {type: string}}
    post:
      operationId: addComment
      summary: Comment on an issue.
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [body]
              additionalProperties: false
              properties: {body: {type: string, minLength: 1, maxLength: 32767}}
      responses:
        201:
          content:
            application/json:
              schema:
                type: object
                required: [id, body]
                properties: {id: {type: string}, body: {type: string}}
components:
  schemas:
    Project:
      type: object
      required: [id, key, name]
      properties: {id: {type: string}, key: {type: string}, name: {type: string}}
    Issue:
      type: object
      required: [id, key, fields]
      properties:
        id: {type: string}
        key: {type: string}
        fields:
          type: object
          required: [summary, status, votes]
          properties:
            summary: {type: string}
            votes: {type: integer}
            status:
              type: object
              required: [name]
              properties: {name: {type: string, enum: [To Do, In Progress, Done]}}
    NewIssue:
      type: object
      required: [fields]
      additionalProperties: false
      properties:
        fields:
          type: object
          required: [project, issuetype, summary]
          additionalProperties: false
          properties:
            project:
              type: object
              required: [key]
              additionalProperties: false
              properties: {key: {type: string, pattern: "^[A-Z][A-Z0-9]+$"}}
            issuetype:
              type: object
              required: [name]
              additionalProperties: false
              properties: {name: {type: string, enum: [Task, Bug, Story]}}
            summary: {type: string, minLength: 1, maxLength: 255}
            description: {type: string}
            duedate: {type: string, format: date}
            labels: {type: array, maxItems: 5, items: {type: string, minLength: 1, maxLength: 60}}
            priority:
              type: object
              required: [name]
              additionalProperties: false
              properties: {name: {type: string, enum: [Highest, High, Medium, Low]}}
"""

Answer = tuple[int, Any]


@dataclass
class Jira:
    """Its issues, how it has drifted, and what was asked of it."""

    drift: frozenset[str] = frozenset()
    """Some of: renamed, required, enum, kind, trace, slow, away."""
    port: int = 0
    issues: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Begin with one issue."""
        self.make("First")

    def make(self, summary: str) -> dict[str, Any]:
        """Make an issue."""
        number = len(self.issues) + 1
        key = f"DEMO-{number}"
        self.issues[key] = {"id": str(10000 + number), "key": key, "summary": summary, "status": "To Do"}
        return self.issues[key]

    def answer(self, method: str, target: str, body: bytes) -> Answer | None:  # noqa: PLR0911 - one return an operation
        """Do what is asked; `None` for an answer that never comes."""
        parts = urlsplit(target)
        self.asked.append(f"{method} {target} {body.decode()}")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        match method, [unquote(part) for part in parts.path.split("/")[4:]]:
            case "GET", ["project"]:
                return 200, [{"id": "1", "key": "DEMO", "name": "Demo"}]
            case "GET", ["search"]:
                return None if "slow" in self.drift else self.search(query)
            case "POST", ["issue"]:
                return self.create(json.loads(body))
            case _, ["issue", key, *_] if key not in self.issues or "away" in self.drift:
                return 404, {"errorMessages": ["Issue does not exist or you do not have permission."], "errors": {}}
            case "GET", ["issue", key]:
                return 200, self.shown(self.issues[key])
            case "POST", ["issue", key, "transitions"]:
                return self.move(key, json.loads(body)["transition"]["id"])
            case "POST", ["issue", _, "comment"]:
                return self.comment(json.loads(body)["body"])
            case _:
                return 405, {"errorMessages": [f"no {method} here"], "errors": {}}

    def shown(self, issue: dict[str, Any]) -> dict[str, Any]:
        """Write an issue as an answer."""
        fields = {
            "title" if "renamed" in self.drift else "summary": issue["summary"],
            "votes": "3" if "kind" in self.drift else 3,
            "status": {"name": issue["status"]},
        }
        return {"id": issue["id"], "key": issue["key"], "fields": fields}

    def search(self, query: dict[str, str]) -> Answer:
        """Find all issues, whatever is asked."""
        start, most = int(query.get("startAt", "0")), int(query.get("maxResults", "50"))
        if start < 0 or not 1 <= most <= 100:
            return 400, {"errorMessages": ["startAt or maxResults is out of bounds"], "errors": {}}
        found = list(self.issues.values())[start : start + 2]
        issues = [self.shown(issue) for issue in found]
        return 200, {"startAt": start, "maxResults": most, "total": len(self.issues), "issues": issues}

    def create(self, body: dict[str, Any]) -> Answer:
        """Make an issue, or say which fields are wrong."""
        fields = body["fields"]
        errors: dict[str, str] = {}
        if fields["project"]["key"] != "DEMO":
            errors["project"] = "valid project is required"
        if not 1 <= len(fields["summary"]) <= 255:
            errors["summary"] = "Summary must be less than 255 characters."
        if "required" in self.drift and "customfield_10010" not in fields:
            errors["customfield_10010"] = "Customer is required."
        if "enum" in self.drift and fields.get("priority", {}).get("name") == "Highest":
            errors["priority"] = "The priority selected is invalid."
        if "duedate" in fields and not re.fullmatch(r"\d{4}-\d\d-\d\d", fields["duedate"]):
            errors["duedate"] = "Error parsing date string"
        if errors:
            return 400, {"errorMessages": [], "errors": errors}
        made = self.make(fields["summary"])
        return 201, {"id": made["id"], "key": made["key"], "self": f"http://127.0.0.1/{made['id']}"}

    def move(self, key: str, transition: str) -> Answer:
        """Move an issue to another status."""
        self.issues[key]["status"] = {"11": "To Do", "21": "In Progress", "31": "Done"}[transition]
        return 204, None

    def comment(self, body: str) -> Answer:
        """Comment, or break."""
        if "trace" in self.drift:
            return 500, {"errorMessages": ['Traceback (most recent call last):\n  File "c.py", line 7\nKeyError: 1']}
        return 201, {"id": "7", "body": body}


@asynccontextmanager
async def serving(*drift: str) -> AsyncGenerator[Jira]:
    """Open a Jira on loopback."""
    jira = Jira(frozenset(drift))
    ended = asyncio.Event()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        said = jira.answer(method, target, await reader.readexactly(int(headers.get("content-length", "0"))))
        if said is None:
            await ended.wait()
        else:
            status, value = said
            body = b"" if value is None else json.dumps(value).encode()
            lines = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(body)}"]
            writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with server:
        jira.port = server.sockets[0].getsockname()[1]
        try:
            yield jira
        finally:
            ended.set()


async def main() -> None:
    """Serve as a process."""
    async with serving(*sys.argv[1:]) as jira:
        sys.stdout.write(f"{jira.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
