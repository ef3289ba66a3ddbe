"""What a task waits for, asked and answered over A2A: an approval, a question, a doubt. Only the exact form counts."""

import dataclasses

import pytest
from a2a.client.errors import A2AClientError
from a2a.types import TaskState
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError, UnsupportedOperationError
from tests.server.a2a.peers import BOB, WIRES, got, message, peered, told, waits, words
from tests.server.agents import acting, asking
from tests.server.rig import bearer

from remit.core.events import ApprovalGiven, EffectInDoubt
from remit.core.values import JsonObject
from remit.policy import AskBefore
from remit.testing import EffectCounter

DONE = TaskState.TASK_STATE_COMPLETED
both = pytest.mark.parametrize("wire", WIRES)


@both
async def test_an_approval_in_the_middle_is_asked_for_with_the_exact_call_and_granted(wire: str) -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True)) as peer:
        task = await told(await peer.client("clerk", wire), message("go"))
        (wait,) = waits(task)
        assert (wait["kind"], wait["tool"], wait["args"], wait["exact"]) == (
            "approval", "effect", {"number": 0}, '{"number":0}',
        )  # fmt: skip
        assert effect.called() == []
        bob = await peer.client("clerk", wire, who=BOB)
        answer: JsonObject = {"call": wait["call"], "approve": True, "reason": "known", "exact": wait["exact"]}
        yes = message(answer, task=task.id)
        done = await told(bob, yes)
        assert (done.id, done.status.state, words(done)) == (task.id, DONE, ["done"])
        assert len(effect.called()) == 1
        # Whoever did not hear that it was heard sends it again.
        assert (await told(bob, yes)).status.state == DONE
        records = await peer.service.home.store.read(task.context_id)
        (given,) = [record.event for record in records if isinstance(record.event, ApprovalGiven)]
        assert (given.granted, given.by, given.reason) == (True, "bob", "known")


@both
async def test_an_approval_that_is_denied_is_told_to_the_agent_and_nothing_happens(wire: str) -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True)) as peer:
        task = await told(await peer.client("clerk", wire), message("go"))
        (wait,) = waits(task)
        bob = await peer.client("clerk", wire, who=BOB)
        done = await told(bob, message({"call": wait["call"], "approve": False}, task=task.id))
        assert done.status.state == DONE
        assert effect.called() == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("approve",),
        ("yes",),
        ({"approve": True},),
        ({"call": "CALL", "approve": "true"},),
        ({"call": "CALL", "approve": True, "sure": True},),
        ({"call": "CALL", "approve": True, "happened": True},),
        ({"call": "CALL", "approve": True}, "approve"),
        ({"call": "CALL", "answer": {}},),
        ({"call": "CALL", "approve": True, "exact": '{"number":7}'},),
    ],
)
async def test_what_is_not_exactly_a_decision_decides_nothing(wrong: tuple[str | JsonObject, ...]) -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True)) as peer:
        task = await told(await peer.client("clerk"), message("go"))
        call = waits(task)[0]["call"]
        parts = [
            one if isinstance(one, str) else {name: call if value == "CALL" else value for name, value in one.items()}
            for one in wrong
        ]
        admin = await peer.client("clerk", who=bearer(name="bob"))
        with pytest.raises(InvalidParamsError):
            await told(admin, message(*parts, task=task.id))
        assert waits(await got(admin, task.id))[0]["call"] == call
        assert effect.called() == []


@both
async def test_who_may_not_decide_decides_nothing(wire: str) -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True)) as peer:
        ann = await peer.client("clerk", wire)
        task = await told(ann, message("go"))
        yes = message({"call": waits(task)[0]["call"], "approve": True}, task=task.id)
        developer = await peer.client("clerk", wire, who=bearer(name="dev", role="developer"))
        with pytest.raises(A2AClientError, match="403"):
            await told(developer, yes)
        # Nor does who asked for it, whatever the role.
        with pytest.raises(A2AClientError, match="403"):
            await told(ann, yes)
        with pytest.raises(TaskNotFoundError):
            await told(await peer.client("clerk", wire, who=bearer(tenant="other")), yes)
        # And who decides need not be one who gives work.
        with pytest.raises(A2AClientError, match="403"):
            await told(await peer.client("clerk", wire, who=BOB), message("go"))
        assert len(waits(await got(ann, task.id))) == 1
        assert effect.called() == []


async def test_a_yes_that_is_sent_again_is_not_a_yes_to_the_next_call() -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True, times=2)) as peer:
        task = await told(await peer.client("clerk"), message("go"))
        bob = await peer.client("clerk", who=BOB)
        yes = message({"call": waits(task)[0]["call"], "approve": True}, task=task.id)
        (second,) = waits(await told(bob, yes))
        assert second["args"] == {"number": 1}
        assert waits(await told(bob, yes)) == [second]
        no = message({"call": "c9_9_9", "approve": True}, task=task.id)
        with pytest.raises(UnsupportedOperationError, match="c9_9_9"):
            await told(bob, no)
        assert len(effect.called()) == 1


@both
async def test_a_question_has_its_form_and_takes_only_an_answer_that_fits(wire: str) -> None:
    async with peered(asking()) as peer:
        client = await peer.client("asking", wire)
        task = await told(client, message("go"))
        (wait,) = waits(task)
        assert (wait["kind"], wait["question"]) == ("question", "which colour?")
        assert wait["form"] == {
            "type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"],
        }  # fmt: skip
        with pytest.raises(InvalidParamsError, match="asks for something else"):
            await told(client, message({"call": wait["call"], "answer": {"colour": 3}}, task=task.id))
        answer = message({"call": wait["call"], "answer": {"colour": "red"}}, task=task.id)
        done = await told(client, answer)
        assert words(done) == ["so {'colour': 'red'}"]
        assert (await told(client, answer)).status.state == DONE


async def test_a_question_can_be_declined() -> None:
    async with peered(asking()) as peer:
        client = await peer.client("asking")
        task = await told(client, message("go"))
        done = await told(client, message({"call": waits(task)[0]["call"], "answer": None}, task=task.id))
        assert done.status.state == DONE


async def test_a_call_in_doubt_waits_until_somebody_says_whether_it_happened() -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True)) as peer:
        task = await told(await peer.client("clerk"), message("go"))
        (wait,) = waits(task)
        store, call = peer.service.home.store, str(wait["call"])
        tail = (await store.read(task.context_id))[-1].seq
        await store.append(task.context_id, [EffectInDoubt(call, "did it happen?")], after=tail)
        bob = await peer.client("clerk", who=BOB)
        (doubt,) = waits(await got(bob, task.id))
        assert (doubt["kind"], doubt["question"]) == ("doubt", "did it happen?")
        done = await told(bob, message({"call": call, "happened": True, "output": {"n": 1}}, task=task.id))
        assert done.status.state == DONE
        assert effect.called() == []
        again = message({"call": call, "happened": True, "output": {"n": 1}}, task=task.id)
        assert (await told(bob, again)).status.state == DONE


async def test_two_people_must_allow_it_where_policy_says_so_and_one_saying_it_twice_is_one() -> None:
    effect = EffectCounter()
    agent = dataclasses.replace(acting(effect), guards=[AskBefore("effect", persons=2)])
    async with peered(agent) as peer:
        task = await told(await peer.client("clerk"), message("go"))
        (wait,) = waits(task)
        assert (wait["persons"], wait["granted_by"]) == (2, [])
        yes = message({"call": wait["call"], "approve": True}, task=task.id)
        bob = await peer.client("clerk", who=BOB)
        for _ in range(2):
            (still,) = waits(await told(bob, yes))
            assert still["granted_by"] == ["bob"]
        assert effect.called() == []
        done = await told(await peer.client("clerk", who=bearer(name="carol", role="operator")), yes)
        assert done.status.state == DONE
        assert len(effect.called()) == 1


async def test_a_message_behind_a_run_that_waits_for_a_person_is_not_waited_for() -> None:
    async with peered(acting(EffectCounter(), asks=True)) as peer:
        client = await peer.client("clerk")
        task = await told(client, message("go"))
        queued = await told(client, message("more", context=task.context_id))
        assert queued.status.state == TaskState.TASK_STATE_SUBMITTED
        bob = await peer.client("clerk", who=BOB)
        with pytest.raises(UnsupportedOperationError):
            await told(bob, message({"call": waits(task)[0]["call"], "approve": True}, task=queued.id))
