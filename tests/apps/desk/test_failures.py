"""When the world fails: each failure at the stand-in's side, and what the world saw in the end."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.apps.desk.rig import Rig, changed, obeys, read, rig

from remit.apps.desk.case import task_of
from remit.apps.desk.handling import Handled
from remit.apps.desk.mail import Address
from remit.apps.desk.standins import JiraFault, MailFault
from remit.core.events import EffectEnded, Flagged
from remit.core.messages import Call
from remit.runtime import settle

MAIL = "01-sync-duplicates.eml"
SENDER = "ann.becker@northfield-tools.example"
DEAD = "http://127.0.0.1:9"


def creates(world: Rig) -> list[int]:
    """Give the status of each request for a ticket, 0 when it got no answer."""
    return [status for operation, status in world.jira.requests if operation == "create"]


def one_ticket(world: Rig) -> bool:
    """Say whether Jira made one ticket, and one of its label."""
    (fields,) = world.tickets()
    label = next(label for label in fields["labels"] if label != "support-desk")
    return world.jira.created(label) == 1


# -- jira --------------------------------------------------------------------------------------------------------------


async def test_a_project_that_does_not_exist_gives_way_to_general(world: Rig) -> None:
    handled = await world.handle("07-insights-error-attachment.eml")
    assert (handled.status, creates(world), world.projects()) == ("handled", [400, 201], ["GENERAL"])
    assert "GENERAL-1" in world.letters()[0]


@pytest.mark.parametrize("fault", [
    JiraFault(kind="status", operation="create", status=429, retry_after=0, times=2),
    JiraFault(kind="status", operation="create", status=503, retry_after=1),
    JiraFault(kind="status", operation="create", status=500),
    JiraFault(kind="cut", operation="create"),
])  # fmt: skip
async def test_a_jira_in_trouble_is_asked_again(world: Rig, fault: JiraFault) -> None:
    world.jira.fail(fault)
    assert (await world.handle(MAIL)).status == "handled"
    assert len(creates(world)) == fault.times + 1
    assert one_ticket(world)
    assert len(world.letters()) == 1


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("kind", ["cut", "status"])
async def test_a_ticket_made_before_the_answer_was_lost_is_found_and_not_made_again(
    world: Rig, kind: str, lag: int
) -> None:
    world.jira.lag(lag)
    world.jira.fail(JiraFault(kind="cut" if kind == "cut" else "status", operation="create", applied=True, status=502))
    assert (await world.handle(MAIL)).status == "handled"
    assert len(creates(world)) == 1
    assert one_ticket(world)
    assert "SYNC-1" in world.letters()[0]


@pytest.mark.parametrize("fault", [
    JiraFault(kind="status", operation="create", status=429, retry_after=0, times=20),
    JiraFault(kind="status", operation="create", status=503, times=20),
    JiraFault(kind="status", operation="create", status=401),
])  # fmt: skip
async def test_when_no_ticket_can_be_filed_a_person_gets_the_case_and_the_customer_the_truth(
    world: Rig, fault: JiraFault
) -> None:
    world.jira.fail(fault)
    assert (await world.handle(MAIL)).status == "handled"
    assert world.tickets() == []
    (notice,) = world.hook.received
    assert (notice["kind"], str(fault.status) in notice["reason"]) == ("escalation", True)
    assert "every file shows up twice" in notice["details"]
    assert SENDER in notice["details"]
    (letter,) = world.letters()
    assert "We could not file a ticket" in letter
    assert "A colleague has your message" in letter
    assert world.written(SENDER) == ["escalated", "answered"]


async def test_a_jira_that_is_gone_is_the_same_story(tmp_path: Path) -> None:
    async with rig(tmp_path, changed(jira_url=DEAD)) as world:
        assert (await world.handle(MAIL)).status == "handled"
        assert "We could not file a ticket" in world.letters()[0]
        assert [notice["kind"] for notice in world.hook.received] == ["escalation"]


@pytest.mark.parametrize("applied", [True, False])
async def test_when_nobody_can_tell_whether_there_is_a_ticket_a_person_and_the_customer_are_told(
    world: Rig, *, applied: bool
) -> None:
    world.jira.fail(JiraFault(kind="cut", operation="create", applied=applied))
    world.jira.fail(JiraFault(kind="status", operation="search", status=500, times=20))
    handled = await world.handle(MAIL)
    assert handled.status == "handled"
    assert len(world.tickets()) == applied, "it was not made again"
    (notice,) = world.hook.received
    assert notice["kind"] == "escalation"
    assert "did create_ticket" in notice["reason"]
    assert "cannot say yet whether a ticket was filed" in world.letters()[0]
    records = await world.home.store.read(handled.session)
    flags = [record.event for record in records if isinstance(record.event, Flagged)]
    assert [flag.kind for flag in flags] == ["in_doubt"]


async def test_a_jira_that_is_too_slow_may_still_file_the_ticket_so_it_is_not_asked_again(tmp_path: Path) -> None:
    async with rig(tmp_path, changed(patience=timedelta(seconds=0.3))) as world:
        world.jira.fail(JiraFault(kind="hang", operation="create", applied=True, seconds=1.0))
        world.jira.lag(50)
        assert (await world.handle(MAIL)).status == "handled"
        assert len(world.tickets()) == 1
        assert "cannot say yet whether a ticket was filed" in world.letters()[0]


# -- mail --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [
    MailFault(kind="status"),
    MailFault(kind="status", stage="content", status="554 5.7.1 Refused"),
    MailFault(kind="status", status="451 4.3.0 Try again later", times=20),
    MailFault(kind="cut", stage="hello", times=20),
])  # fmt: skip
async def test_a_mail_that_is_not_taken_goes_through_the_channel_and_alerts_a_person(
    world: Rig, fault: MailFault
) -> None:
    world.mail.fail(fault)
    assert (await world.handle(MAIL)).status == "handled"
    assert world.letters() == []
    (notice,) = world.hook.received
    assert (notice["kind"], notice["to"]) == ("undelivered answer", SENDER)
    assert "SYNC-1" in notice["body"]
    assert world.written(SENDER) == ["alerted", "answered"]


async def test_a_mail_server_that_is_not_there_is_the_same_story(tmp_path: Path) -> None:
    async with rig(tmp_path, changed(smtp_url="smtp://127.0.0.1:9")) as world:
        assert (await world.handle(MAIL)).status == "handled"
        assert [notice["to"] for notice in world.hook.received] == [SENDER]
        assert world.written(SENDER) == ["alerted", "answered"]


async def test_a_passing_refusal_is_tried_again(world: Rig) -> None:
    world.mail.fail(MailFault(kind="status", status="451 4.3.0 Try again later"))
    assert (await world.handle(MAIL)).status == "handled"
    assert (len(world.letters()), world.hook.received) == (1, [])


async def in_doubt(world: Rig, *, applied: bool) -> Handled:
    """Cut the line after the text of the answer was sent."""
    world.mail.fail(MailFault(kind="cut", stage="content", applied=applied))
    handled = await world.handle(MAIL)
    assert handled.status == "waiting"
    assert "did send_reply" in handled.detail
    assert world.hook.received == [], "the customer may have the answer, so nothing else may go out"
    assert (await world.handle(MAIL)).status == "waiting"
    assert len(world.letters()) == applied
    return handled


@pytest.mark.parametrize("happened", [True, False])
async def test_a_mail_in_doubt_waits_until_a_person_has_looked(world: Rig, *, happened: bool) -> None:
    handled = await in_doubt(world, applied=happened)
    await settle(world.home.store, handled.session, "", happened=happened, by="ann")
    assert (await world.handle(MAIL)).status == "handled"
    assert world.recipients() == [SENDER]
    assert one_ticket(world)


# -- the channel -------------------------------------------------------------------------------------------------------


async def test_a_channel_in_trouble_is_asked_again_with_the_same_key(world: Rig) -> None:
    world.mail.fail(MailFault(kind="status"))
    world.hook.fail(503, 429)
    assert (await world.handle(MAIL)).status == "handled"
    assert list(world.hook.keys.values()) == [1]


async def test_when_mail_and_channel_fail_it_is_written_down_that_nobody_was_reached(tmp_path: Path) -> None:
    async with rig(tmp_path, changed(webhook_url=DEAD)) as world:
        world.mail.fail(MailFault(kind="status"))
        handled = await world.handle(MAIL)
        assert handled.status == "handled"
        assert "unanswered, escalated to a person" in handled.detail
        assert world.written(SENDER) == ["alerted", "escalated", "unanswered"]
        (case,) = world.desk.records.recent(["escalated"])
        assert "No such user here" in case.summary
        assert "every file shows up twice" in case.summary


async def test_without_a_channel_a_person_finds_it_in_the_records(tmp_path: Path) -> None:
    async with rig(tmp_path, changed(webhook_url="")) as world:
        world.mail.fail(MailFault(kind="status"))
        assert (await world.handle(MAIL)).status == "handled"
        assert world.written(SENDER) == ["alerted", "escalated", "unanswered"]


async def test_a_refund_whose_news_cannot_be_mailed_is_still_ordered_once(world: Rig) -> None:
    name = "03-refund-double-charge.eml"
    asked = await world.handle(name)
    await world.home.approve(asked.session, by="ann")
    world.mail.fail(MailFault(kind="status"))
    assert (await world.handle(name)).status == "handled"
    customer = read(name).sender.address
    assert world.written(customer).count("refund ordered") == 1
    assert "was approved" in world.hook.received[0]["body"]


async def test_an_address_that_cannot_be_written_to_is_a_case_for_the_channel(world: Rig) -> None:
    result = await world.home.run(world.agent, _task("jörg@exämple.de"))
    assert result.status == "done"
    assert (world.letters(), [notice["to"] for notice in world.hook.received]) == ([], ["jörg@exämple.de"])


def _task(address: str) -> str:
    mail = read(MAIL)
    return task_of(msgspec.structs.replace(mail, sender=Address(address)))


async def test_a_model_that_will_not_hear_of_a_doubt_is_not_let_file_the_ticket_again(world: Rig) -> None:
    ticket = Call("create_ticket", {"project": "SYNC", "summary": "s", "description": "d"})
    world.jira.fail(JiraFault(kind="cut", operation="create", applied=True))
    world.jira.fail(JiraFault(kind="status", operation="search", status=500, times=2))
    stubborn = obeys(MAIL, [ticket], [ticket], [ticket], [ticket])
    handled = await world.handle(MAIL, world.thinking(stubborn))
    records = await world.home.store.read(handled.session)
    statuses = [record.event.outcome.status for record in records if isinstance(record.event, EffectEnded)]
    assert len(world.tickets()) == 1
    assert statuses == ["failed", "denied", "denied", "denied"]
