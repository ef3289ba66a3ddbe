"""A client for the part of Jira Cloud's REST API v3 that a desk needs.

Field shapes: developer.atlassian.com/cloud/jira/platform/rest/v3 (issue, search/jql, project, comment). Search is
eventually consistent: an issue made a moment ago may not be found yet, so one empty answer proves nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Self, TypeVar

import httpx2
import msgspec

from remit.core.errors import RemitError

Shape = TypeVar("Shape")
_FIELDS = ["summary", "project", "priority", "labels", "status"]
_MOST_PAGES = 20
_LONGEST_SUMMARY = 250
_LONGEST_TEXT = 30_000
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_TEMPORARY = frozenset([0, 408, 425, 429, 500, 502, 503, 504])


class JiraError(RemitError):
    """Jira said no, said nothing, or could not be reached."""

    def __init__(
        self,
        status: int,
        messages: Sequence[str],
        fields: Mapping[str, str] | None = None,
        *,
        retry_after: timedelta | None = None,
        happened: Literal["no", "unknown", "later"] = "no",
    ) -> None:
        """`status` is 0 without an answer; `happened` says whether it may have taken effect, or may do so later."""
        self.status, self.messages, self.fields = status, tuple(messages), dict(fields or {})
        self.retry_after, self.happened = retry_after, happened
        said = [*self.messages, *(f"{name}: {reason}" for name, reason in self.fields.items())]
        super().__init__(f"Jira {status or 'unreachable'}: {'; '.join(said) or 'no reason given'}")

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _TEMPORARY


class NewIssue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue to be created; `description` is plain text."""

    project: str
    summary: str
    description: str = ""
    priority: str = ""
    labels: tuple[str, ...] = ()
    kind: str = "Task"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue as Jira knows it; fields that were not asked for are empty."""

    id: str
    key: str
    url: str
    summary: str = ""
    project: str = ""
    priority: str = ""
    labels: tuple[str, ...] = ()
    status: str = ""


class Project(msgspec.Struct, frozen=True):
    """A project that exists and that we may see."""

    id: str
    key: str
    name: str


class _Named(msgspec.Struct):
    name: str = ""
    key: str = ""


class _Fields(msgspec.Struct):
    summary: str | None = None
    project: _Named | None = None
    priority: _Named | None = None
    labels: list[str] = []
    status: _Named | None = None


class _Found(msgspec.Struct):
    id: str
    key: str
    fields: _Fields = msgspec.field(default_factory=_Fields)


class _Page(msgspec.Struct, rename="camel"):
    issues: list[_Found] = []
    next_page_token: str | None = None
    is_last: bool | None = None


class _Comment(msgspec.Struct):
    id: str


class Jira:
    """One Jira site; use it as an async context manager."""

    def __init__(self, url: str, email: str, token: str, *, timeout: timedelta = timedelta(seconds=20)) -> None:
        """`url` is the site, such as https://example.atlassian.net; `token` an API token of `email`."""
        self.url = url.rstrip("/")
        self._client = httpx2.AsyncClient(
            base_url=f"{self.url}/rest/api/3/",
            auth=httpx2.BasicAuth(email, token),
            timeout=timeout.total_seconds(),
            headers={"Accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def create_issue(self, issue: NewIssue) -> Issue:
        """Creates `issue`; a `JiraError` whose `happened` is not "no" means that it may exist all the same."""
        fields: dict[str, Any] = {
            "project": {"key": issue.project},
            "issuetype": {"name": issue.kind},
            "summary": " ".join(issue.summary.split())[:_LONGEST_SUMMARY],
            "description": document(issue.description),
            "labels": list(issue.labels),
        }
        if issue.priority:
            fields["priority"] = {"name": issue.priority}
        made = await self._call("POST", "issue", _Found, {"fields": fields})
        return Issue(id=made.id, key=made.key, url=self._browse(made.key), project=issue.project)

    async def find_by_label(self, label: str) -> tuple[Issue, ...]:
        """All issues with `label`, oldest first; an issue made a moment ago may be missing."""
        return await self.search(f"labels = {quoted(label)} ORDER BY created ASC")

    async def search(self, jql: str) -> tuple[Issue, ...]:
        """All issues matching a bounded `jql`, page after page."""
        found: list[_Found] = []
        token: str | None = None
        for _ in range(_MOST_PAGES):
            # Without `fields` this endpoint answers with ids only.
            query: dict[str, Any] = {"jql": jql, "fields": _FIELDS, "maxResults": 100}
            page = await self._call("POST", "search/jql", _Page, query | ({"nextPageToken": token} if token else {}))
            found += page.issues
            token = page.next_page_token
            if page.is_last or not token:
                break
        return tuple(self._issue(one) for one in found)

    async def get_issue(self, key: str) -> Issue:
        """The issue with this key; unlike search this sees what was just written."""
        return self._issue(await self._call("GET", f"issue/{_segment(key)}", _Found))

    async def add_comment(self, key: str, text: str) -> str:
        """Adds a comment and returns its id."""
        return (await self._call("POST", f"issue/{_segment(key)}/comment", _Comment, {"body": document(text)})).id

    async def get_project(self, key: str) -> Project:
        """The project with this key; `JiraError` 404 when it does not exist or we may not see it."""
        return await self._call("GET", f"project/{_segment(key)}", Project)

    async def _call(self, method: str, path: str, shape: type[Shape], body: Any = None) -> Shape:
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx2.TransportError as error:
            late: Literal["later", "unknown"] = "later" if isinstance(error, httpx2.TimeoutException) else "unknown"
            happened = "no" if method == "GET" or isinstance(error, _NEVER_SENT) else late
            raise JiraError(0, [f"{type(error).__name__} {error}".strip()], happened=happened) from error
        if not answer.is_success:
            raise _refusal(answer, method)
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.DecodeError as error:
            happened = "no" if method == "GET" else "unknown"
            raise JiraError(answer.status_code, [f"unexpected answer: {error}"], happened=happened) from error

    def _issue(self, found: _Found) -> Issue:
        fields = found.fields
        return Issue(
            id=found.id,
            key=found.key,
            url=self._browse(found.key),
            summary=fields.summary or "",
            project=fields.project.key if fields.project else "",
            priority=fields.priority.name if fields.priority else "",
            labels=tuple(fields.labels),
            status=fields.status.name if fields.status else "",
        )

    def _browse(self, key: str) -> str:
        return f"{self.url}/browse/{key}"


def document(text: str) -> dict[str, Any]:
    """`text` as an Atlassian Document: a paragraph for each block, hard breaks for single line ends."""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "\n\n[cut]"
    blocks = [block.strip("\n") for block in text.replace("\r\n", "\n").split("\n\n")]
    return {"type": "doc", "version": 1, "content": [_paragraph(block) for block in blocks if block.strip()]}


def _paragraph(block: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for line in block.split("\n"):
        if content:
            content.append({"type": "hardBreak"})
        if line:
            # An empty text node makes the whole document invalid.
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}


def quoted(value: str) -> str:
    """`value` as a JQL string that cannot end early."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _segment(key: str) -> str:
    kept = "".join(character for character in key if character.isalnum() or character in "-_")
    if kept != key or not key:
        raise JiraError(400, [f"{key!r} is no key"])
    return key


def _refusal(answer: httpx2.Response, method: str) -> JiraError:
    messages, fields = _reasons(answer)
    unknown = method != "GET" and answer.status_code >= 500
    return JiraError(
        answer.status_code,
        messages,
        fields,
        retry_after=_retry_after(answer.headers.get("Retry-After", "")),
        happened="unknown" if unknown else "no",
    )


def _reasons(answer: httpx2.Response) -> tuple[list[str], dict[str, str]]:
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return [answer.text[:300].strip() or answer.reason_phrase], {}
    messages = [str(one) for one in body.get("errorMessages") or ()]
    if not messages and body.get("message"):
        messages = [str(body["message"])]
    errors: dict[str, Any] = body.get("errors") or {}
    return messages, {name: str(reason) for name, reason in errors.items()}


def _retry_after(value: str) -> timedelta | None:
    if value.strip().isdigit():
        return timedelta(seconds=min(int(value), 86_400))
    try:
        wait = parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(wait, timedelta())
