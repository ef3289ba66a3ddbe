"""Streams of tasks over A2A, with the official client: text as it is written, decisions, cuts and coming back."""

import asyncio

import pytest
from a2a.client.errors import A2AClientError
from a2a.types import ListTasksRequest, SubscribeToTaskRequest, TaskState
from a2a.utils.errors import UnsupportedOperationError
from tests.server.a2a.peers import BOB, WIRES, Holding, got, message, peered, state, states, told, until, waits, words
from tests.server.agents import HeldModel, acting, echo
from tests.server.rig import bearer, principal

from remit.core.agent import Agent
from remit.server.entrance import Bounds
from remit.testing import EffectCounter

DONE = TaskState.TASK_STATE_COMPLETED
WORKING = TaskState.TASK_STATE_WORKING
both = pytest.mark.parametrize("wire", WIRES)


@both
async def test_text_comes_while_it_is_written_and_the_output_replaces_it(wire: str) -> None:
    model = HeldModel()
    async with peered(Agent("slow", model)) as peer:
        client = await peer.client("slow", wire, streaming=True)
        stream = client.send_message(message("go"))
        seen = await until(stream, WORKING)
        for piece in ("one ", "two ", "three"):
            model.go.release()
            update = (await anext(stream)).artifact_update
            assert [part.text for part in update.artifact.parts] == [piece]
            assert update.append is (piece != "one ")
            assert not update.last_chunk
        rest = [one async for one in stream]
        last = rest[0].artifact_update
        assert ([part.text for part in last.artifact.parts], last.append, last.last_chunk) == (
            ["one two three"], False, True,
        )  # fmt: skip
        assert states([*seen, *rest]) == ["TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]


@both
async def test_a_stream_ends_where_a_person_is_asked_and_their_answer_streams_the_rest(wire: str) -> None:
    effect = EffectCounter()
    async with peered(acting(effect, asks=True)) as peer:
        client = await peer.client("clerk", wire, streaming=True)
        seen = [one async for one in client.send_message(message("go"))]
        assert states(seen)[-1] == "TASK_STATE_INPUT_REQUIRED"
        task = await got(client, seen[0].task.id)
        bob = await peer.client("clerk", wire, who=BOB, streaming=True)
        yes = message({"call": waits(task)[0]["call"], "approve": True}, task=task.id)
        rest = [one async for one in bob.send_message(yes)]
        assert (states(rest)[0], states(rest)[-1]) == ("TASK_STATE_WORKING", "TASK_STATE_COMPLETED")
        again = [one async for one in bob.send_message(yes)]
        assert states(again) == ["TASK_STATE_COMPLETED"]
        assert len(effect.called()) == 1


@both
async def test_a_cut_connection_stops_nothing_and_coming_back_goes_on(wire: str) -> None:
    model = HeldModel()
    async with peered(Agent("slow", model)) as peer:
        first_http = await peer.http(bearer())
        first = await peer.client("slow", wire, http=first_http, streaming=True)
        stream = first.send_message(message("go"))
        task = (await anext(stream)).task
        await model.asked.wait()
        model.go.release()
        await until(stream, WORKING)
        await first_http.aclose()
        second = await peer.client("slow", wire, streaming=True)
        back = second.subscribe(SubscribeToTaskRequest(id=task.id))
        now = await anext(back)
        assert (now.task.id, state(now)) == (task.id, WORKING)
        model.go.release()
        model.go.release()
        rest = [one async for one in back]
        assert states(rest) == ["TASK_STATE_COMPLETED"]
        assert words(await got(second, task.id)) == ["one two three"]
        with pytest.raises(UnsupportedOperationError, match="over"):
            _ = [one async for one in second.subscribe(SubscribeToTaskRequest(id=task.id))]


async def test_whoever_looks_on_sees_what_somebody_else_decides() -> None:
    async with peered(acting(EffectCounter(), asks=True)) as peer:
        client = await peer.client("clerk", streaming=True)
        seen = [one async for one in client.send_message(message("go"))]
        task = await got(client, seen[0].task.id)
        watching = client.subscribe(SubscribeToTaskRequest(id=task.id))
        assert state(await anext(watching)) == TaskState.TASK_STATE_INPUT_REQUIRED
        bob = await peer.client("clerk", who=BOB)
        await told(bob, message({"call": waits(task)[0]["call"], "approve": True}, task=task.id))
        assert states([one async for one in watching]) == ["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]


async def test_who_leaves_before_the_answer_is_waited_for_no_longer_and_the_session_goes_on() -> None:
    model = HeldModel()
    async with peered(Agent("slow", model)) as peer:
        client = await peer.client("slow")
        waiting = asyncio.create_task(told(client, message("go", id="left")))
        await model.asked.wait()
        while not peer.service.streams.open:
            await client.list_tasks(ListTasksRequest())
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        while peer.service.streams.open:
            await client.list_tasks(ListTasksRequest())
        for _ in range(3):
            model.go.release()
        assert words(await told(client, message("go", id="left"))) == ["one two three"]


async def test_a_stream_whose_reader_is_no_longer_let_in_ends() -> None:
    model = HeldModel()
    async with peered(Agent("slow", model), bounds=Bounds(recheck=0.05)) as peer:
        client = await peer.client("slow", streaming=True)
        stream = client.send_message(message("go"))
        await until(stream, WORKING)
        peer.access.revoked.add("ann")
        with pytest.raises(A2AClientError, match="closed connection"):
            await anext(stream)
        for _ in range(3):
            model.go.release()


async def test_a_server_that_stops_lets_whoever_waits_go() -> None:
    model = HeldModel()
    async with peered(Agent("slow", model), echo()) as peer:
        client = await peer.client("slow", streaming=True)
        stream = client.send_message(message("go"))
        await until(stream, WORKING)
        peer.service.streams.end()
        assert states([one async for one in stream]) == []
        for _ in range(3):
            model.go.release()


async def test_who_has_too_many_streams_is_told_to_come_later_and_loses_nothing() -> None:
    model = HeldModel()
    async with peered(Agent("slow", model), echo()) as peer:
        peer.service.streams.each = 1
        client = await peer.client("slow", streaming=True)
        stream = client.send_message(message("go"))
        await until(stream, WORKING)
        echoing = await peer.client("echo", streaming=True)
        with pytest.raises(A2AClientError, match="429"):
            await anext(echoing.send_message(message("hello", id="again")))
        for _ in range(3):
            model.go.release()
        assert states([one async for one in stream]) == ["TASK_STATE_COMPLETED"]
        again = [one async for one in echoing.send_message(message("hello", id="again"))]
        assert states(again)[-1] == "TASK_STATE_COMPLETED"


async def test_an_answer_that_took_long_is_not_given_to_who_is_let_in_no_more() -> None:
    model = HeldModel()
    async with peered(Agent("slow", model), bounds=Bounds(recheck=0.0)) as peer:
        client = await peer.client("slow")
        waiting = asyncio.create_task(told(client, message("go")))
        await model.asked.wait()
        peer.access.revoked.add("ann")
        for _ in range(3):
            model.go.release()
        with pytest.raises(A2AClientError, match="401"):
            await waiting


async def test_a_paused_run_answers_who_waits_for_it_and_keeps_who_reads_it() -> None:
    holding = Holding()
    async with peered(holding.agent()) as peer:
        client = await peer.client("slow", streaming=True)
        stream = client.send_message(message("go"))
        task = (await anext(stream)).task
        await holding.began.wait()
        patient = await peer.client("slow")
        waiting = asyncio.create_task(told(patient, message("again", context=task.context_id)))
        await peer.service.pause(principal(), task.context_id, reason="lunch")
        holding.go.set()
        assert (await waiting).status.state == TaskState.TASK_STATE_SUBMITTED
        paused = await got(client, task.id)
        assert paused.status.state == WORKING
        assert "lunch" in paused.status.message.parts[0].text
        await peer.service.resume(principal(), task.context_id)
        assert states([one async for one in stream])[-1] == "TASK_STATE_COMPLETED"
        assert words(await got(client, task.id)) == ["done"]
