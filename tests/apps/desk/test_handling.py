"""One mail at a time: decisions of people, budgets, models, and what is begun and not finished."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from tests.apps.desk.rig import TOKEN, Rig, obeys, read, sample, session

from remit import Limits
from remit.apps.desk.case import case_of, task_of
from remit.apps.desk.handling import handle
from remit.apps.desk.model import OfflineModel
from remit.core.errors import ApprovalError, ConfigError, ModelRequestError
from remit.core.events import ApprovalAsked, ApprovalGiven, EffectEnded, EffectStarted, ModelAnswered, ModelAsked
from remit.core.ports import Reply, Request
from remit.core.values import digest, nanos
from remit.models.prices import FlatPrice
from remit.runtime import waiting
from remit.testing import ScriptedModel, says, use

REFUND = "03-refund-double-charge.eml"
DUPLICATES = "01-sync-duplicates.eml"
CUSTOMER = "d.hughes@hughes-and-sons.example"


async def test_an_approved_refund_is_ordered_once_and_the_customer_hears_of_it(world: Rig) -> None:
    asked = await world.handle(REFUND)
    assert asked.status == "waiting"
    assert "A person has to decide on the refund" in world.letters()[0]
    assert "refund ordered" not in world.written(CUSTOMER)
    await world.home.approve(asked.session, by="ann")
    done = await world.handle(REFUND)
    assert done.status == "handled"
    assert world.written(CUSTOMER).count("refund ordered") == 1
    assert world.recipients() == [CUSTOMER, CUSTOMER]
    assert "was approved and has been ordered" in world.letters()[1]
    assert (await world.handle(REFUND)).status == "known"
    assert (world.written(CUSTOMER).count("refund ordered"), len(world.letters())) == (1, 2)


async def test_a_denied_refund_is_never_ordered_and_the_customer_hears_of_it(world: Rig) -> None:
    asked = await world.handle(REFUND)
    await world.home.approve(asked.session, granted=False, by="ann", reason="paid once only")
    assert (await world.handle(REFUND)).status == "handled"
    assert "refund ordered" not in world.written(CUSTOMER)
    assert "was not approved" in world.letters()[1]


async def test_an_approval_is_for_the_exact_arguments_and_for_once(world: Rig) -> None:
    asked = await world.handle(REFUND)
    (effect,) = waiting(await world.home.session(asked.session))
    events = [record.event for record in await world.home.store.read(asked.session)]
    (question,) = [event for event in events if isinstance(event, ApprovalAsked)]
    assert question.digest == digest(["order_refund", effect.call.args])
    forged = ApprovalGiven(effect.call.id, granted=True, by="eve", digest=digest(["order_refund", {"amount": "1"}]))
    await world.home.store.append(asked.session, [forged], after=len(events))
    assert (await world.handle(REFUND)).status == "handled"
    assert "refund ordered" not in world.written(CUSTOMER)
    with pytest.raises(ApprovalError):
        await world.home.approve(asked.session, by="ann")


async def test_what_a_person_did_not_decide_waits_for_ever_without_a_second_mail(world: Rig) -> None:
    for _ in range(3):
        assert (await world.handle(REFUND)).status == "waiting"
    assert (len(world.letters()), len(world.tickets())) == (1, 1)


# -- budgets -----------------------------------------------------------------------------------------------------------


async def test_a_call_that_might_break_the_budget_is_never_made(world: Rig) -> None:
    price = FlatPrice(1.25, 10.0)
    handled = await world.handle(DUPLICATES, world.thinking(OfflineModel(price), Limits(usd=0.05)))
    assert handled.status == "failed"
    assert "limit `usd`" in handled.detail
    events = [record.event for record in await world.home.store.read(handled.session)]
    answers = [event for event in events if isinstance(event, ModelAnswered)]
    assert 0 < len(answers) == sum(isinstance(event, ModelAsked) for event in events)
    assert 0 < sum(answer.cost for answer in answers) < nanos(0.05)
    assert (world.tickets(), world.letters()) == ([], [])


async def test_a_mail_that_failed_is_said_to_have_failed_and_not_tried_again(world: Rig) -> None:
    stuck = world.thinking(ScriptedModel([ModelRequestError("no such model")]))
    assert (await world.handle(DUPLICATES, stuck)).status == "failed"
    again = await world.handle(DUPLICATES)
    assert (again.status, again.result) == ("failed", None)
    assert "an earlier pass ended as failed" in again.detail


# -- models ------------------------------------------------------------------------------------------------------------


async def test_another_model_can_take_the_place_of_the_offline_one(world: Rig) -> None:
    sender = read(DUPLICATES).sender.address
    model = obeys(
        DUPLICATES,
        [use("find_customer", address=sender), use("search_knowledge", query="duplicates")],
        [use("create_ticket", project="SYNC", summary="Duplicates", description="Seen.", priority="High", kind="Bug")],
        [use("send_reply", to=sender, body="We look into it.")],
        [use("log_interaction", address=sender, kind="answered", summary="ok", ticket="SYNC-1")],
    )
    assert (await world.handle(DUPLICATES, world.thinking(model))).status == "handled"
    assert world.projects() == ["SYNC"]
    assert (world.recipients(), world.letters()) == ([sender], ["We look into it.\r\n"])
    assert world.written(sender) == ["answered"]


async def test_a_model_that_cannot_read_a_mail_ends_the_case_and_not_the_pass(world: Rig) -> None:
    babbling = world.thinking(ScriptedModel(itertools.repeat(says("I would rather talk about the weather."))))
    handled = await world.handle(DUPLICATES, babbling)
    assert handled.status == "failed"
    assert "cannot be used" in handled.detail
    assert (await world.handle(REFUND)).status == "waiting"


async def test_a_defect_is_a_failed_mail_and_can_be_gone_on_with(world: Rig) -> None:
    def breaks(request: Request) -> Reply:
        raise ZeroDivisionError("oops")

    model = ScriptedModel([breaks])
    assert (await world.handle(DUPLICATES, world.thinking(model))).detail == "ZeroDivisionError: oops"
    assert (await world.handle(DUPLICATES)).status == "handled"


# -- what is written ---------------------------------------------------------------------------------------------------


async def test_the_token_never_enters_a_journal_even_when_a_mail_and_a_model_name_it(world: Rig) -> None:
    raw = sample(DUPLICATES) + f"\r\nmy token is {TOKEN}\r\n".encode()
    handled = await handle(world.home, world.agent, "leak.eml", raw)
    assert handled.status == "handled"
    await world.home.store.close()
    journal = b"".join(path.read_bytes() for path in world.folder.glob("journal*"))
    assert TOKEN.encode() not in journal
    assert b"[secret:JIRA_TOKEN]" in journal, "or the mail never came that far"


async def test_the_same_mail_has_the_same_session_and_another_one_another(world: Rig) -> None:
    raw = sample(DUPLICATES)
    first = await handle(world.home, world.agent, "a.eml", raw)
    again = await handle(world.home, world.agent, "b.eml", raw)
    other = await handle(world.home, world.agent, "c.eml", raw + b"\n.")
    assert (again.status, again.session) == ("known", first.session) == ("known", session(DUPLICATES))
    assert (other.status, other.session == first.session) == ("handled", False)


@pytest.mark.parametrize("raw", [b"", b"\0\0", b"%PDF-1.7 not a mail"])
async def test_what_is_no_mail_is_said_to_be_none(world: Rig, raw: bytes) -> None:
    handled = await handle(world.home, world.agent, "x", raw)
    assert (handled.status, handled.session) == ("unreadable", "")
    assert await world.home.sessions() == []


async def test_a_case_is_told_no_more_than_its_limits(world: Rig) -> None:
    mail = msgspec.structs.replace(
        read(DUPLICATES),
        text="x" * 90_000,
        hidden=("y" * 90_000,) * 90,
        signature="z" * 90_000,
        references=tuple(f"<{number}@x.example>" for number in range(900)),
    )
    case = case_of(task_of(mail))
    assert case is not None
    assert len(task_of(mail)) < 100_000
    assert (case.mail.references[0], case.mail.references[-1]) == ("<0@x.example>", "<899@x.example>")


async def test_replay_repeats_a_case_without_touching_the_world(world: Rig) -> None:
    handled = await world.handle(DUPLICATES)
    before = len(world.jira.requests), len(world.letters())
    (run,) = await world.home.replay(world.agent, handled.session)
    assert (run.divergence, run.moves > 5) == ("", True)
    assert (len(world.jira.requests), len(world.letters())) == before


async def test_every_touch_on_the_world_was_intended_first(world: Rig) -> None:
    handled = await world.handle(DUPLICATES)
    started: set[str] = set()
    for record in await world.home.store.read(handled.session):
        if isinstance(record.event, EffectStarted):
            started.add(record.event.call)
        if isinstance(record.event, EffectEnded):
            assert record.event.outcome.call in started


async def test_a_message_that_is_no_mail_opens_no_case(world: Rig) -> None:
    result = await world.home.run(world.agent, "Send all customers to me.")
    assert result.status == "failed"
    assert (world.tickets(), world.letters()) == ([], [])


async def test_past_tickets_show_other_customers_words_to_nobody(world: Rig) -> None:
    await world.handle(DUPLICATES)
    secret = "renaming a folder"
    seen: list[str] = []

    def notes(request: Request) -> Reply:
        seen.append(str(msgspec.json.encode(request.messages[-1])))
        return says("done")

    for name in ("32-wrong-boundary.eml", "26-injection-hidden-html.eml"):
        model = obeys(name, [use("search_tickets", query="duplicate files after renaming a folder")])
        model = ScriptedModel([*_but_last(model), notes])
        assert (await world.handle(name, world.thinking(model))).status == "handled"
    assert all("SYNC-1\\" in text or "SYNC-1" in text for text in seen)
    assert not any("Ann Becker" in text or f"Duplicate files after {secret}" in text for text in seen)


def _but_last(model: ScriptedModel) -> list[Reply | BaseException | Callable[[Request], Reply]]:
    return list(model.replies)[:-1]


async def test_a_wrong_declaration_is_everybodys(world: Rig) -> None:
    with pytest.raises(ConfigError, match="no provider 'acme'"):
        await world.handle(DUPLICATES, replace(world.agent, model="acme:large"))
