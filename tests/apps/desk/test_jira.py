"""The Jira client against the local Jira site."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx2
import pytest

from remit.apps.desk.jira import Jira, JiraError, NewIssue, document, quoted
from remit.apps.desk.standins import HttpStandIn, JiraFault, JiraStandIn, Request, Response

ISSUE = NewIssue(project="SYNC", summary="Broken", description="one\ntwo\n\nthree", labels=("key-1",), priority="High")


@pytest.fixture
def site() -> Iterator[JiraStandIn]:
    with JiraStandIn() as started:
        yield started


@pytest.fixture
async def jira(site: JiraStandIn) -> AsyncIterator[Jira]:
    async with Jira(site.url, site.email, site.token, timeout=timedelta(seconds=10)) as client:
        yield client


async def refused(jira: Jira, issue: NewIssue) -> JiraError:
    with pytest.raises(JiraError) as caught:
        await jira.create_issue(issue)
    return caught.value


async def test_a_created_issue_has_key_and_link_and_is_found_by_its_label(jira: Jira, site: JiraStandIn) -> None:
    made = await jira.create_issue(ISSUE)
    assert (made.key, made.url) == ("SYNC-1", f"{site.url}/browse/SYNC-1")
    (found,) = await jira.find_by_label("key-1")
    assert (found.key, found.summary, found.project, found.priority) == ("SYNC-1", "Broken", "SYNC", "High")
    assert (found.labels, found.status) == (("key-1",), "To Do")
    assert await jira.get_issue("SYNC-1") == found
    assert site.created("key-1") == 1


async def test_a_label_cannot_break_out_of_the_query(jira: Jira) -> None:
    await jira.create_issue(ISSUE)
    assert await jira.find_by_label('x" OR labels = "key-1') == ()


async def test_text_is_searched(jira: Jira) -> None:
    await jira.create_issue(ISSUE)
    assert len(await jira.search('project = SYNC AND text ~ "three broken"')) == 1
    assert await jira.search('text ~ "absent"') == ()


async def test_search_reads_all_pages(jira: Jira) -> None:
    for _ in range(105):
        await jira.create_issue(ISSUE)
    assert len(await jira.find_by_label("key-1")) == 105


async def test_comments_are_added(jira: Jira, site: JiraStandIn) -> None:
    await jira.create_issue(ISSUE)
    assert await jira.add_comment("SYNC-1", "hello")
    assert site.issues()[0]["fields"]["comment"]["total"] == 1


async def test_projects_are_found_or_not(jira: Jira) -> None:
    assert (await jira.get_project("SYNC")).name == "Orchard Sync"
    with pytest.raises(JiraError, match="No project could be found") as caught:
        await jira.get_project("INSIGHT")
    assert (caught.value.status, caught.value.temporary) == (404, False)


async def test_wrong_fields_are_named(jira: Jira) -> None:
    error = await refused(
        jira, NewIssue(project="INSIGHT", summary=" ", priority="Extreme", kind="Dream", labels=("a b",))
    )
    assert error.status == 400
    assert error.fields.keys() == {"project", "summary", "priority", "issuetype", "labels"}
    assert (error.happened, error.temporary) == ("no", False)


async def test_a_long_summary_with_line_breaks_is_made_acceptable(jira: Jira) -> None:
    await jira.create_issue(NewIssue(project="SYNC", summary="a\nb " * 200))
    assert len((await jira.get_issue("SYNC-1")).summary) <= 250


async def test_wrong_credentials_are_refused(site: JiraStandIn) -> None:
    async with Jira(site.url, site.email, "wrong") as jira:
        error = await refused(jira, ISSUE)
    assert (error.status, error.happened, error.temporary) == (401, "no", False)
    assert "authenticated" in error.messages[0]


async def test_a_rate_limit_says_when_to_come_back(jira: Jira, site: JiraStandIn) -> None:
    site.fail(JiraFault(kind="status", status=429, retry_after=7))
    error = await refused(jira, ISSUE)
    assert (error.status, error.retry_after, error.happened) == (429, timedelta(seconds=7), "no")
    assert error.temporary
    assert (await jira.create_issue(ISSUE)).key == "SYNC-1"


async def test_a_server_error_leaves_open_whether_the_issue_exists(jira: Jira, site: JiraStandIn) -> None:
    site.fail(JiraFault(kind="status", status=500, applied=True))
    site.fail(JiraFault(kind="status", status=503))
    assert (await refused(jira, ISSUE)).happened == "unknown"
    assert (await refused(jira, ISSUE)).happened == "unknown"
    assert site.created("key-1") == 1


async def test_a_connection_cut_after_creating_leaves_it_open_and_the_label_tells(
    jira: Jira, site: JiraStandIn
) -> None:
    site.fail(JiraFault(kind="cut", operation="create", applied=True))
    error = await refused(jira, ISSUE)
    assert (error.status, error.happened, error.temporary) == (0, "unknown", True)
    assert len(await jira.find_by_label("key-1")) == 1


async def test_a_late_answer_is_given_up(site: JiraStandIn) -> None:
    site.fail(JiraFault(kind="hang", applied=True))
    async with Jira(site.url, site.email, site.token, timeout=timedelta(milliseconds=200)) as jira:
        assert (await refused(jira, ISSUE)).happened == "later"
    assert site.created("key-1") == 1


async def test_an_unreachable_site_means_that_nothing_happened() -> None:
    stopped = JiraStandIn()
    stopped.stop()
    async with Jira(stopped.url, "a", "b") as jira:
        error = await refused(jira, ISSUE)
    assert (error.status, error.happened, error.temporary) == (0, "no", True)


async def test_a_failed_reading_has_never_happened(jira: Jira, site: JiraStandIn) -> None:
    site.fail(JiraFault(kind="cut", operation="issue"))
    with pytest.raises(JiraError) as caught:
        await jira.get_issue("SYNC-1")
    assert caught.value.happened == "no"


async def test_the_index_may_lag_behind(jira: Jira, site: JiraStandIn) -> None:
    site.lag(2)
    await jira.create_issue(ISSUE)
    assert [len(await jira.find_by_label("key-1")) for _ in range(3)] == [0, 0, 1]
    assert (await jira.get_issue("SYNC-1")).key == "SYNC-1"


async def test_answers_that_are_not_jira_are_no_success() -> None:
    with HttpStandIn(lambda _: Response(200, ["log in, please"])) as portal:
        async with Jira(portal.url, "a", "b") as jira:
            error = await refused(jira, ISSUE)
    assert (error.status, error.happened) == (200, "unknown")


async def test_a_key_cannot_change_the_path(jira: Jira) -> None:
    with pytest.raises(JiraError, match="is no key"):
        await jira.get_issue("../myself")


async def test_a_retry_after_date_is_understood() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    def busy(_: Request) -> Response:
        return Response(429, None, {"Retry-After": later})

    with HttpStandIn(busy) as portal:
        async with Jira(portal.url, "a", "b") as jira:
            error = await refused(jira, ISSUE)
    assert error.retry_after is not None
    assert timedelta(minutes=58) < error.retry_after <= timedelta(hours=1)


def test_a_document_has_paragraphs_and_breaks_and_no_empty_text() -> None:
    assert document("a\nb\n\n\n\nc\n")["content"] == [
        {
            "type": "paragraph",
            "content": [{"type": "text", "text": "a"}, {"type": "hardBreak"}, {"type": "text", "text": "b"}],
        },
        {"type": "paragraph", "content": [{"type": "text", "text": "c"}]},
    ]
    assert document("")["content"] == []


def test_quoting_escapes_quotes_and_backslashes() -> None:
    assert quoted('a"b\\') == '"a\\"b\\\\"'


def client(site: JiraStandIn) -> httpx2.Client:
    return httpx2.Client(base_url=site.url, auth=(site.email, site.token))


def test_without_fields_search_answers_with_ids_only(site: JiraStandIn) -> None:
    with client(site) as http:
        http.post(
            "/rest/api/3/issue",
            json={"fields": {"project": {"key": "SYNC"}, "summary": "s", "issuetype": {"name": "Task"}}},
        )
        answer = http.get("/rest/api/3/search/jql", params={"jql": "project = SYNC"}).json()
    assert answer == {"issues": [{"id": "10000"}], "isLast": True}


def test_unbounded_and_odd_queries_and_the_removed_path_are_refused(site: JiraStandIn) -> None:
    with client(site) as http:
        unbounded = http.post("/rest/api/3/search/jql", json={"jql": "ORDER BY created"})
        odd = http.post("/rest/api/3/search/jql", json={"jql": "labels IN (a, b)"})
        removed = http.get("/rest/api/3/search")
    assert (unbounded.status_code, odd.status_code, removed.status_code) == (400, 400, 410)
    assert "Unbounded" in unbounded.json()["errorMessages"][0]


def test_issues_survive_a_restart(tmp_path: Path) -> None:
    fields = {"project": {"key": "SYNC"}, "summary": "s", "issuetype": {"name": "Task"}, "labels": ["k"]}
    with JiraStandIn(store=tmp_path / "jira.jsonl") as site, client(site) as http:
        http.post("/rest/api/3/issue", json={"fields": fields})
        http.post("/rest/api/3/issue/SYNC-1/comment", json={"body": document("hi")})
    with JiraStandIn(store=tmp_path / "jira.jsonl") as site:
        assert site.created("k") == 1
        assert site.issues()[0]["fields"]["comment"]["total"] == 1


def test_other_processes_can_run_it_and_plan_faults() -> None:
    command = [sys.executable, "-m", "remit.apps.desk.standins.jira", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            with httpx2.Client(base_url=url, auth=("desk@lumenorchard.example", "local-token")) as http:
                http.post("/_control", json={"fault": {"kind": "status", "status": 500}})
                assert http.get("/rest/api/3/project/SYNC").status_code == 500
                assert http.get("/rest/api/3/project/SYNC").status_code == 200
                assert http.get("/_control").json()["requests"] == [["project", 500], ["project", 200]]
        finally:
            process.terminate()
