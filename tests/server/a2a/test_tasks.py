"""Tasks over A2A, with the official client over real HTTP: found by a card, done, listed, cancelled, kept apart."""

import asyncio
import itertools
from pathlib import Path

import pytest
from a2a.client.errors import A2AClientError
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Part,
    SendMessageConfiguration,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import (
    InvalidParamsError,
    MethodNotFoundError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from tests.server.a2a.peers import WIRES, Holding, got, message, peered, told, waits, words
from tests.server.agents import HeldModel, acting, echo
from tests.server.rig import bearer

from remit.core.agent import Agent
from remit.core.errors import ModelRequestError
from remit.core.events import CancelAsked, MessageReceived
from remit.core.messages import UserMessage
from remit.core.shape import shape
from remit.server.a2a.parts import json_of
from remit.server.entrance import Bounds
from remit.testing import EffectCounter, ScriptedModel, says

DONE = TaskState.TASK_STATE_COMPLETED
both = pytest.mark.parametrize("wire", WIRES)


async def test_a_card_says_where_an_agent_is_and_how_to_show_who_one_is_but_not_what_it_was_told() -> None:
    agent = Agent("echo", echo().model, "A secret instruction.", version="3")
    async with peered(agent) as peer:
        nobody = await peer.http({})
        card = (await nobody.get(f"{peer.url}/a2a/echo/.well-known/agent-card.json")).json()
        assert (card["name"], card["version"]) == ("echo", "3")
        assert [(one["protocolBinding"], one["url"]) for one in card["supportedInterfaces"]] == [
            (wire, f"{peer.url}/a2a/echo") for wire in WIRES
        ]
        assert card["capabilities"] == {"streaming": True, "pushNotifications": False, "extendedAgentCard": False}
        assert card["securitySchemes"]["bearer"]["httpAuthSecurityScheme"]["scheme"] == "bearer"
        assert "secret" not in str(card)
        missing = await nobody.get(f"{peer.url}/a2a/nobody/.well-known/agent-card.json")
        assert missing.status_code == 404


@both
async def test_a_message_is_done_whole_and_its_task_can_be_got_again(wire: str) -> None:
    async with peered(echo()) as peer:
        client = await peer.client("echo", wire)
        task = await told(client, message("hello", id="m1"))
        assert task.status.state == DONE
        assert words(task) == ["hello"]
        (said,) = task.history
        assert (said.message_id, said.parts[0].text) == ("m1", "hello")
        again = await got(client, task.id)
        assert again == task
        short = await client.get_task(GetTaskRequest(id=task.id, history_length=0))
        assert list(short.history) == []


@both
async def test_the_next_message_of_a_context_is_another_task_of_the_same_session(wire: str) -> None:
    async with peered(echo()) as peer:
        client = await peer.client("echo", wire)
        first = await told(client, message("one"))
        second = await told(client, message("two", context=first.context_id))
        assert second.context_id == first.context_id
        assert second.id != first.id
        assert words(second) == ["two"]
        assert words(await got(client, first.id)) == ["one"]


@both
async def test_the_same_message_twice_is_one_task_and_one_run(wire: str) -> None:
    effect = EffectCounter()
    async with peered(acting(effect)) as peer:
        client = await peer.client("clerk", wire)
        first = await told(client, message("go", id="same"))
        second = await told(client, message("go", id="same"))
        later = await told(client, message("more", context=first.context_id, id="later"))
        again = await told(client, message("more", context=first.context_id, id="later"))
        assert (first.id, later.id) == (second.id, again.id)
        assert len(effect.called()) == 2
        # Somebody else may well have chosen the same id.
        other = await peer.client("clerk", wire, who=bearer(name="bob"))
        assert (await told(other, message("go", id="same"))).id != first.id


@both
async def test_another_tenants_task_does_not_exist_whatever_is_wanted_of_it(wire: str) -> None:
    async with peered(echo(), acting(EffectCounter())) as peer:
        mine = await told(await peer.client("echo", wire), message("hello"))
        other = await peer.client("echo", wire, who=bearer(tenant="other"), streaming=True)
        for task in (mine.id, "never~1", "no id at all"):
            with pytest.raises(TaskNotFoundError):
                await got(other, task)
            with pytest.raises(TaskNotFoundError):
                await other.cancel_task(CancelTaskRequest(id=task))
            with pytest.raises(TaskNotFoundError):
                _ = [one async for one in other.subscribe(SubscribeToTaskRequest(id=task))]
            with pytest.raises(TaskNotFoundError):
                _ = [one async for one in other.send_message(message("more", task=task))]
        with pytest.raises(InvalidParamsError, match="no context"):
            _ = [one async for one in other.send_message(message("more", context=mine.context_id))]
        listed = await other.list_tasks(ListTasksRequest())
        assert list(listed.tasks) == []
        assert list((await other.list_tasks(ListTasksRequest(context_id=mine.context_id))).tasks) == []
        # Nor is it a task of another agent.
        with pytest.raises(TaskNotFoundError):
            await got(await peer.client("clerk", wire), mine.id)


@both
async def test_who_shows_nothing_or_may_not_is_refused_before_anything_is_done(wire: str) -> None:
    async with peered(echo()) as peer:
        with pytest.raises(A2AClientError, match="401"):
            await told(await peer.client("echo", wire, who={}), message("hello"))
        viewer = await peer.client("echo", wire, who=bearer(role="viewer"))
        with pytest.raises(A2AClientError, match="403"):
            await told(viewer, message("hello"))
        assert list((await viewer.list_tasks(ListTasksRequest())).tasks) == []
        assert any("work" in one for one in peer.access.refused)


@both
async def test_tasks_are_listed_newest_first_page_by_page(wire: str) -> None:
    async with peered(echo(), Agent("other", echo().model)) as peer:
        client = await peer.client("echo", wire)
        first = await told(client, message("a"))
        second = await told(client, message("b", context=first.context_id))
        third = await told(client, message("c"))
        await told(await peer.client("other", wire), message("not this"))
        seen: list[str] = []
        token = ""
        for _ in range(9):
            page = await client.list_tasks(ListTasksRequest(page_size=1, page_token=token, include_artifacts=True))
            seen += [task.id for task in page.tasks]
            token = page.next_page_token
            if not token:
                break
        assert sorted(seen) == sorted({first.id, second.id, third.id})
        assert seen.index(second.id) < seen.index(first.id)
        of_one = await client.list_tasks(ListTasksRequest(context_id=first.context_id, status=DONE))
        assert [task.id for task in of_one.tasks] == [second.id, first.id]
        failed = await client.list_tasks(ListTasksRequest(status=TaskState.TASK_STATE_FAILED))
        assert list(failed.tasks) == []
        for wrong in (ListTasksRequest(page_token="what"), ListTasksRequest(page_token="x~1")):
            with pytest.raises(InvalidParamsError, match="page token"):
                await client.list_tasks(wrong)


@both
async def test_a_run_under_way_is_cancelled_and_one_that_is_over_cannot_be(wire: str) -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True), echo()) as peer:
        client = await peer.client("clerk", wire)
        task = await told(client, message("go"))
        operator = await peer.client("clerk", wire, who=bearer(name="bob", role="operator"))
        gone = await operator.cancel_task(CancelTaskRequest(id=task.id))
        assert gone.status.state == TaskState.TASK_STATE_CANCELED
        assert "bob" in gone.status.message.parts[0].text
        assert effect.called() == []
        with pytest.raises(TaskNotCancelableError):
            await operator.cancel_task(CancelTaskRequest(id=task.id))
        with pytest.raises(UnsupportedOperationError, match="is over"):
            await told(client, message("more", task=task.id))
        viewer = await peer.client("clerk", wire, who=bearer(role="viewer"))
        with pytest.raises(A2AClientError, match="403"):
            await viewer.cancel_task(CancelTaskRequest(id=task.id))


async def test_a_message_to_a_task_under_way_is_refused_and_one_to_its_context_is_the_next_task() -> None:
    model = HeldModel()
    async with peered(Agent("slow", model)) as peer:
        client = await peer.client("slow")
        now = message("first")
        now.configuration.return_immediately = True
        task = await told(client, now)
        await model.asked.wait()
        with pytest.raises(UnsupportedOperationError, match="under way"):
            await told(client, message("second", task=task.id))
        after = message("second", context=task.context_id, id="second")
        after.configuration.return_immediately = True
        queued = await told(client, after)
        assert queued.status.state == TaskState.TASK_STATE_SUBMITTED
        with pytest.raises(TaskNotCancelableError, match="its turn"):
            await client.cancel_task(CancelTaskRequest(id=queued.id))
        for _ in range(6):
            model.go.release()
        done = await told(client, message("second", context=task.context_id, id="second"))
        assert (done.id, done.status.state, words(done)) == (queued.id, DONE, ["one two three"])


async def test_a_file_comes_to_the_model_and_is_named_in_the_history() -> None:
    model = ScriptedModel(itertools.repeat(says("seen")), keep=True)
    async with peered(Agent("eyes", model)) as peer:
        client = await peer.client("eyes")
        picture = Part(raw=b"\x89PNG not really", media_type="image/png", filename="a.png")
        task = await told(client, message("look", picture, {"order": 7}))
        assert words(task) == ["seen"]
        sent = model.requests[0].messages[-1]
        assert isinstance(sent, UserMessage)
        assert sent.text == 'look\n\n{"order":7}'
        assert [(part.media, part.name, part.size) for part in sent.parts] == [("image/png", "a.png", 15)]
        shown = json_of(task.history[0].parts[-1].data)
        assert shown == {"file": "a.png", "media": "image/png", "bytes": 15}
        for wrong in (Part(url="http://here/a.png"), Part(raw=b"?", filename="what"), Part(text=" ")):
            with pytest.raises(InvalidParamsError):
                await told(client, message(wrong))


async def test_an_output_that_is_json_is_a_data_part_and_keeps_large_numbers() -> None:
    model = ScriptedModel(itertools.repeat(says('{"total": 3, "id": 1234567890123456789}')))
    async with peered(Agent("sums", model, output=shape(dict[str, int]))) as peer:
        task = await told(await peer.client("sums"), message("add"))
        (part,) = task.artifacts[0].parts
        assert json_of(part.data) == {"total": 3, "id": "1234567890123456789"}


async def test_a_run_that_fails_says_why() -> None:
    model = ScriptedModel(itertools.repeat(ModelRequestError("no such model")))
    async with peered(Agent("broken", model)) as peer:
        task = await told(await peer.client("broken"), message("go"))
        assert task.status.state == TaskState.TASK_STATE_FAILED
        assert "no such model" in task.status.message.parts[0].text
        assert list(task.artifacts) == []


@both
async def test_push_notifications_are_refused(wire: str) -> None:
    async with peered(echo()) as peer:
        client = await peer.client("echo", wire)
        where = TaskPushNotificationConfig(url="http://127.0.0.1:1/", task_id="a~1", id="one")
        with pytest.raises(PushNotificationNotSupportedError):
            await client.create_task_push_notification_config(where)
        request = message("hello")
        request.configuration.CopyFrom(SendMessageConfiguration(task_push_notification_config=where))
        with pytest.raises(PushNotificationNotSupportedError):
            await told(client, request)


async def test_what_is_too_large_or_no_request_at_all_is_refused_in_words() -> None:
    async with peered(echo(), bounds=Bounds(body=2000)) as peer:
        client = await peer.client("echo")
        with pytest.raises(A2AClientError, match="413"):
            await told(client, message("x" * 3000))
        with pytest.raises(InvalidParamsError, match="messageId"):
            await told(client, message("hello", id="x" * 201))
        http = await peer.http(bearer() | {"A2A-Version": "1.0"})
        nothing = await http.post(f"{peer.url}/a2a/echo", content=b"{")
        assert nothing.json()["error"]["code"] == -32700
        for path in ("", "/message:send"):
            assert (await http.post(f"{peer.url}/a2a/echo{path}", content=b"\xff")).status_code == 400
        old = await http.post(
            f"{peer.url}/a2a/echo",
            json={"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "a~1"}},
            headers={"A2A-Version": "0.2"},
        )
        assert old.json()["error"]["code"] == -32009
        with pytest.raises(MethodNotFoundError):
            await got(await peer.client("echo", WIRES[1]), "a/b")


async def test_a_run_in_the_middle_of_a_step_is_cancelled_at_the_next() -> None:
    holding = Holding()
    async with peered(holding.agent()) as peer:
        client = await peer.client("slow")
        now = message("go")
        now.configuration.return_immediately = True
        task = await told(client, now)
        await holding.began.wait()
        cancelling = asyncio.create_task(client.cancel_task(CancelTaskRequest(id=task.id)))
        async for record in peer.service.home.store.follow(task.context_id, after=0):
            if isinstance(record.event, CancelAsked):
                break
        holding.go.set()
        assert (await cancelling).status.state == TaskState.TASK_STATE_CANCELED


@both
async def test_what_comes_of_a_message_goes_on_with_the_trace_of_who_sent_it(wire: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with peered(echo()) as peer:
        client = await peer.client("echo", wire, who=bearer() | {"traceparent": trace})
        task = await told(client, message("hello"))
        await told(client, message("more", context=task.context_id))
        records = await peer.service.home.store.read(task.context_id)
        traces = [record.event.trace for record in records if isinstance(record.event, MessageReceived)]
        assert traces == [trace, trace]


async def test_a_task_outlives_its_server(tmp_path: Path) -> None:
    effect, place = EffectCounter(), str(tmp_path)
    async with peered(acting(effect, asks=True), place=place) as peer:
        task = await told(await peer.client("clerk"), message("go", id="m1"))
        call = waits(task)[0]["call"]
    async with peered(acting(effect, asks=True), place=place) as peer:
        client = await peer.client("clerk")
        assert await got(client, task.id) == task
        assert await told(client, message("go", id="m1")) == task
        bob = await peer.client("clerk", who=bearer(name="bob", role="operator"))
        done = await told(bob, message({"call": call, "approve": True}, task=task.id))
        assert (done.id, done.status.state) == (task.id, DONE)
        assert len(effect.called()) == 1
