"""The whole sample inbox through the desk, checked at the side of Jira and of the mail server."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.apps.desk.rig import EXPECTED, Expected, read, rig

from remit.apps.desk.handling import SAMPLES, Findings, Handled, find, handle_inbox
from remit.apps.desk.mail import read_inbox
from remit.apps.desk.standins import Received
from remit.runtime import waiting


@dataclass(frozen=True)
class Seen:
    """What came of one mail: in our words, and in those of the world."""

    handled: Handled
    findings: Findings
    waits: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """A pass over the sample inbox, and a second one over the same."""

    seen: dict[str, Seen]
    issues: dict[str, dict[str, Any]]
    mails: dict[str, Received]
    second: Counter[str]
    after: tuple[int, int]
    """Tickets and mails after the second pass."""


async def _day(folder: Path) -> Day:
    async with rig(folder) as world:
        seen: dict[str, Seen] = {}
        async for handled in handle_inbox(world.home, world.agent, read_inbox(SAMPLES)):
            if not handled.session:
                seen[handled.source] = Seen(handled, Findings(), ())
                continue
            state = await world.home.session(handled.session)
            found = find(await world.home.store.read(handled.session))
            seen[handled.source] = Seen(handled, found, tuple(effect.call.tool for effect in waiting(state)))
        issues = {str(issue["key"]): issue["fields"] for issue in world.jira.issues()}
        mails = {str(one.message()["Message-ID"]): one for one in world.mail.received}
        second: Counter[str] = Counter()
        async for handled in handle_inbox(world.home, world.agent, read_inbox(SAMPLES)):
            second[handled.status] += 1
        return Day(seen, issues, mails, second, (len(world.jira.issues()), len(world.mail.received)))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return asyncio.run(_day(tmp_path_factory.mktemp("day")))


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_a_mail_comes_to_what_is_expected(day: Day, name: str, expected: Expected) -> None:
    one = day.seen[name]
    found = one.findings
    status = "unreadable" if not expected.readable else "waiting" if expected.approval else "handled"
    assert one.handled.status == status
    assert bool(found.suspicious) == expected.suspicious
    assert bool(one.waits) == expected.approval
    if expected.intent is not None:
        assert (found.reading["intent"], found.reading["urgency"]) == (expected.intent, expected.urgency)
    if not expected.answered:
        assert (found.ticket, found.ok("send_reply")) == ("", [])
        return
    issue = day.issues[found.ticket]
    assert issue["project"]["key"] == (expected.filed_in or expected.project)
    assert issue["priority"]["name"] == expected.priority
    (answer,) = found.ok("send_reply")
    assert day.mails[str(answer["message_id"])].recipients == (read(name).sender.address,)
    assert found.ticket in str(day.mails[str(answer["message_id"])].message().get_content())


def test_jira_holds_one_ticket_a_mail_and_the_server_one_answer(day: Day) -> None:
    answered = sum(expected.answered for expected in EXPECTED.values())
    assert len(day.issues) == len(day.mails) == answered
    labels = Counter(label for issue in day.issues.values() for label in issue["labels"])
    assert labels.pop("support-desk") == answered
    assert set(labels.values()) == {1}


def test_only_senders_are_answered(day: Day) -> None:
    senders = Counter(read(name).sender.address for name, expected in EXPECTED.items() if expected.answered)
    assert Counter(address for one in day.mails.values() for address in one.recipients) == senders


def test_a_second_pass_does_nothing_twice(day: Day) -> None:
    approvals = sum(expected.approval for expected in EXPECTED.values())
    unreadable = sum(not expected.readable for expected in EXPECTED.values())
    rest = len(EXPECTED) - approvals - unreadable
    assert day.second == {"known": rest, "waiting": approvals, "unreadable": unreadable}
    assert day.after == (len(day.issues), len(day.mails))


def test_what_waits_is_only_ever_money_or_an_account(day: Day) -> None:
    assert {tool for one in day.seen.values() for tool in one.waits} == {"order_refund", "delete_account"}
