"""Drift: a Jira stand-in that is as its document says passes, and each way in which it drifts is named exactly."""

from collections.abc import Mapping
from xml.etree import ElementTree

import pytest
from tests.tools.checking.jira import DOCUMENT, Jira, serving

from remit.core.values import JsonObject
from remit.policy.hosts import HostPolicy
from remit.tools.checking import Checked, Options, Report, check_tools, junit
from remit.tools.http import Egress
from remit.tools.openapi import OpenAPI, OpenAPITools

KEY: JsonObject = {"issueIdOrKey": "DEMO-1"}
EXAMPLES: Mapping[str, list[JsonObject]] = {
    "getIssue": [KEY],
    "doTransition": [KEY],
    "addComment": [KEY],
    "createIssue": [{"body": {"fields": {"project": {"key": "DEMO"}}}}],
}
OPTIONS = Options(stand_in=True, examples=EXAMPLES)


async def checked(*drift: str, options: Options = OPTIONS) -> tuple[dict[str, Checked], Report, Jira]:
    async with serving(*drift) as jira, Egress(HostPolicy.read(f"allow: 127.0.0.1:{jira.port}")) as egress:
        tools = await OpenAPITools(OpenAPI.read(DOCUMENT), egress, server={"port": str(jira.port)}).open()
        report = await check_tools(tools, options)
    return {tool.tool: tool for tool in report.tools}, report, jira


async def test_a_jira_that_is_as_its_document_says_passes_without_a_finding() -> None:
    tools, report, jira = await checked()
    assert [(name, breach.text) for name, tool in tools.items() for breach in tool.breaches] == []
    assert list(tools) == ["getAllProjects", "searchIssues", "createIssue", "getIssue", "doTransition", "addComment"]
    assert report.passed
    assert {tool.status for tool in report.tools} == {"ok"}
    assert all(tool.ok == tool.calls for tool in report.tools), "examples keep it from asking for what there is not"
    assert sum(tool.calls for tool in report.tools) == len(jira.asked)
    assert "no_such_argument" not in str(jira.asked), "what `check` refuses is not sent"


@pytest.mark.parametrize(
    ("drift", "found"),
    [
        ("renamed", {("searchIssues", "answer", "issues[0].fields.summary"), ("getIssue", "answer", "fields.summary")}),
        ("kind", {("searchIssues", "answer", "issues[0].fields.votes"), ("getIssue", "answer", "fields.votes")}),
        ("required", {("createIssue", "arguments", "customfield_10010")}),
        ("enum", {("createIssue", "arguments", "body.fields.priority.name")}),
        ("trace", {("addComment", "broke", "")}),
    ],
)
async def test_each_drift_is_caught_with_the_exact_field(drift: str, found: set[tuple[str, str, str]]) -> None:
    tools, report, _ = await checked(drift)
    assert {(name, one.kind, one.field) for name, tool in tools.items() for one in tool.breaches} == found
    assert not report.passed
    failures = [failure for suite in suites(report) for failure in suite.iter("failure")]
    for _, _, field in found:
        assert any(f"`{field}`" in failure.get("message", "") for failure in failures) or not field
    assert all('arguments: {"' in str(failure.text) or "arguments: {}" in str(failure.text) for failure in failures)


async def test_a_value_that_is_gone_is_told_with_the_words_of_the_world() -> None:
    tools, _, _ = await checked("enum")
    (breach,) = tools["createIssue"].breaches
    assert breach.text.startswith(
        '`body.fields.priority.name`: the world refuses "Highest", and takes "High": 400 Bad Request'
    )
    assert breach.args["body"] == {
        "fields": {
            "project": {"key": "DEMO"},
            "issuetype": {"name": "Task"},
            "summary": "text",
            "priority": {"name": "Highest"},
        }
    }


async def test_a_traceback_is_told_as_one() -> None:
    tools, _, _ = await checked("trace")
    (breach,) = tools["addComment"].breaches
    assert "shows a traceback: " in breach.text
    assert "500 Internal Server Error" in breach.text
    assert tools["addComment"].error_rate == 1.0


async def test_an_answer_that_does_not_come_in_time_is_a_breach() -> None:
    tools, report, _ = await checked("slow", options=Options(stand_in=True, examples=EXAMPLES, timeout=0.05, calls=3))
    assert [(one.kind, one.field) for one in tools["searchIssues"].breaches] == [("slow", "")]
    assert tools["searchIssues"].calls == 3
    assert not report.passed


async def test_a_tool_of_which_nothing_was_proven_fails_unless_that_is_allowed() -> None:
    tools, report, _ = await checked("away")
    assert tools["getIssue"].status == "unproven"
    assert "every valid call was refused (404 Not Found" in tools["getIssue"].reason
    assert (tools["getIssue"].refused, tools["getIssue"].ok) == (tools["getIssue"].calls, 0)
    assert not report.passed
    _, allowed, _ = await checked("away", options=Options(stand_in=True, examples=EXAMPLES, allow_unproven=True))
    assert allowed.passed


async def test_without_a_stand_in_only_reads_are_called() -> None:
    tools, report, jira = await checked(options=Options(examples=EXAMPLES))
    assert {name for name, tool in tools.items() if tool.status == "skipped"} == {
        "createIssue", "doTransition", "addComment"
    }  # fmt: skip
    assert "it acts once; declare `dry_run`, or say that it talks to a stand-in" in tools["createIssue"].reason
    assert all(asked.startswith("GET ") for asked in jira.asked)
    assert report.passed


async def test_the_same_seed_makes_the_same_calls_and_another_one_others() -> None:
    _, _, first = await checked()
    _, _, again = await checked()
    _, _, other = await checked(options=Options(stand_in=True, examples=EXAMPLES, seed=1))
    assert first.asked == again.asked
    assert first.asked != other.asked


async def test_no_more_calls_are_made_than_allowed_and_the_report_says_what_was_left() -> None:
    tools, _, jira = await checked(options=Options(stand_in=True, examples=EXAMPLES, calls=2))
    assert all(tool.calls <= 2 for tool in tools.values())
    assert len(jira.asked) == 10, "two of the tools can be called in one way only"
    assert any("were not tried: its 2 calls are used up" in phase.skipped for phase in tools["createIssue"].phases)


def suites(report: Report) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(junit(report)))
