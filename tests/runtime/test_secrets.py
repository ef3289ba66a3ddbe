"""Secrets: what is registered is in no byte of the store, in no result and no error, whatever way it came in by."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import CutStreamError, ModelRequestError, RejectedError
from remit.core.events import kind
from remit.core.limits import Limits
from remit.core.messages import Call, UserMessage
from remit.core.moves import Brief, GiveUp, Strategy, ask, fork, note, run
from remit.core.ports import Delta, Emit, Model, ModelSpec, Probe, Reply, Request, ToolContext
from remit.core.shape import Shape, shape
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.home import Home, Settings
from remit.models import FREE
from remit.policy import AskBefore, Secrets
from remit.runtime import attach, replay
from remit.runtime.asking.told import same
from remit.testing import ScriptedModel, calls, says, use

SECRET = "hunter2-hunter2"


def leaks(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


async def test_no_byte_of_the_store_holds_a_secret(tmp_path: Path) -> None:
    large = [f"row {number} {SECRET}" for number in range(3000)]
    tools = [
        Acting(gives(f"token {SECRET}"), "small"),
        Acting(gives(large), "large"),
        Acting(gives(RejectedError(f"bad {SECRET}")), "bad"),
    ]
    wish = calls(use("small", key=SECRET), use("large"), use("bad"))
    model = ScriptedModel([wish, says(f"it is {SECRET}")])
    async with Home.open(tmp_path, Settings(secrets=Secrets({"api": SECRET}))) as home:
        result = await home.run(Agent("a", model, tools=tools), f"use {SECRET}")
        assert result.output == "it is [secret:api]"
        assert leaks(tmp_path) == []
    assert leaks(tmp_path) == []
    assert tools[0].seen == [{"key": "[secret:api]"}]


@pytest.mark.parametrize("error", [ModelRequestError(f"bad key {SECRET}")])
async def test_errors_of_models_do_not_tell_secrets(rig: Rig, error: Exception) -> None:
    rig.secrets.register("api", SECRET)
    result = await rig.run(agent(scripted(error)))
    assert SECRET not in result.reason
    assert "[secret:api]" in result.reason


async def test_questions_of_a_run_that_waits_do_not_tell_secrets(rig: Rig) -> None:
    rig.secrets.register("api", SECRET)
    act = Acting(gives(OSError(f"lost {SECRET}")), "act", "once")
    result = await rig.run(agent(scripted(calls(use("act"))), act))
    assert result.reason == "did act (c1_0_0) happen? OSError: lost [secret:api]"


async def test_a_reason_to_give_up_does_not_tell_secrets(rig: Rig) -> None:
    def gives_up(brief: Brief) -> Strategy:
        yield from ask()
        raise GiveUp(f"no {SECRET}", SECRET)

    rig.secrets.register("api", SECRET)
    result = await rig.run(agent(scripted(says("x")), strategy=gives_up))
    assert (result.reason, result.output) == ("no [secret:api]", "[secret:api]")


async def test_a_strategy_sees_live_what_it_will_see_again(rig: Rig) -> None:
    seen: list[object] = []

    def looks(brief: Brief) -> Strategy:
        answer = yield from ask()
        (outcome,) = yield from run(answer.calls)
        seen.append((brief.task, answer.text, answer.calls[0].args, outcome.output))
        yield from run([Call("act", {"copy": outcome.output})])
        yield from note("saw", outcome.output)
        yield from ask("go on")
        return "x"

    rig.secrets.register("api", SECRET)
    act = Acting(gives(SECRET), "act", "once")
    model = scripted(says(SECRET, use("act", key=SECRET)), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await rig.run(agent(model, act, strategy=looks), f"use {SECRET}")
    declared = agent(scripted(says("x")), act, strategy=looks, guards=[AskBefore("nothing")])
    assert (await rig.resume(declared)).output == "x"
    mark = "[secret:api]"
    assert seen == [(f"use {mark}", mark, {"key": mark}, mark)] * 2
    found = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert [run.divergence for run in found] == [""]


async def test_an_answer_in_a_shape_is_read_again_without_its_secret(rig: Rig) -> None:
    def shaped(brief: Brief) -> Strategy:
        answer = yield from ask(shape=shape(dict[str, str]))
        return answer.value

    rig.secrets.register("api", SECRET)
    result = await rig.run(agent(scripted(says(f'{{"key": "{SECRET}"}}')), strategy=shaped))
    assert result.output == {"key": "[secret:api]"}


# -- what a model is told ----------------------------------------------------------------------------------------------


def told(request: Request) -> bytes:
    """Write down all of a request that a wire could send."""
    shape = request.shape.schema if request.shape else None
    return msgspec.json.encode([request.instructions, request.tools, shape, list(request.messages)])


@dataclass
class Described:
    """A tool of a contract that gives a value."""

    spec: ToolSpec
    value: JsonValue

    def check(self, args: JsonObject) -> str:
        """Accept anything."""
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Give it."""
        return self.value

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Know nothing."""
        return None


async def test_no_request_holds_a_secret_whatever_way_it_came_in_by(rig: Rig) -> None:
    def looks(brief: Brief) -> Strategy:
        answer = yield from ask(f"Mind {SECRET}.")
        yield from run(answer.calls)
        yield from ask(f"Judge {SECRET}.", alone=True)
        answer = yield from ask(shape=Shape({"type": "object", "title": SECRET}, lambda value: value))
        return answer.value

    rig.secrets.register("api", SECRET)
    spec = ToolSpec(name="act", description=f"Use {SECRET}.", schema={"type": "object", "default": SECRET})
    tool = Described(spec, [SECRET, SECRET.encode().hex()])
    model = scripted(says(f"I use {SECRET}", use("act", key=SECRET)), says("fine"), says("{}"), keep=True)
    declared = replace(agent(model, tool, strategy=looks), instructions=f"Be {SECRET}.")
    result = await rig.run(declared, f"use {SECRET}")
    assert result.status == "done"
    assert len(model.requests) == 3
    for request in model.requests:
        assert SECRET.encode() not in told(request)
        assert request.instructions == "Be [secret:api]."
        assert request.tools[0].description == "Use [secret:api]."
    assert model.requests[0].tools is model.requests[1].tools, "what is the same stays the same object"
    assert model.requests[1].messages == (UserMessage("Judge [secret:api]."),)


async def test_what_was_said_before_a_value_was_registered_is_told_without_it_and_else_stays_the_same(rig: Rig) -> None:
    def register(request: Request) -> Reply:
        rig.secrets.register("api", SECRET)
        return says("thanks", use("act"))

    model = ScriptedModel([says("who?", use("act")), register, says("a", use("act")), says("b")], keep=True)
    result = await rig.run(agent(model, Acting(gives("x"), "act")), f"I am {SECRET}")
    assert result.output == "b"
    before, same, after, last = (request.messages for request in model.requests)
    assert before[0] is same[0]
    assert before[0] == UserMessage(f"I am {SECRET}")
    assert after[0] == UserMessage("I am [secret:api]")
    assert [new is old for new, old in zip(after[1:], same[1:], strict=False)] == [True, True]
    assert all(new is old for new, old in zip(last, after, strict=False)), "turns that were sent are not changed again"
    assert SECRET.encode() not in told(model.requests[2]) + told(model.requests[3])


async def test_a_session_taken_up_tells_no_value_that_was_registered_since(rig: Rig) -> None:
    def branches(brief: Brief) -> Strategy:
        def branch() -> Strategy:
            return (yield from ask("go on")).text

        yield from ask()
        return list((yield from fork([branch(), branch()])))

    await rig.run(agent(scripted(*[says("a")] * 3), strategy=branches), f"I am {SECRET}")
    rig.secrets.register("api", SECRET)
    model = ScriptedModel([says("b")] * 6, keep=True)
    resumed = agent(model, strategy=branches)
    for _ in range(2):
        await (await rig.load(resumed)).send("again")
        assert (await rig.resume(resumed)).output == ["b", "b"]
    assert len(model.requests) == 6
    for request in model.requests:
        assert SECRET.encode() not in told(request)
        assert request.messages[0] == UserMessage("I am [secret:api]")


async def test_branches_are_told_their_own_conversations_run_after_run(rig: Rig) -> None:
    def branches(brief: Brief) -> Strategy:
        def branch(name: str) -> Strategy:
            return (yield from ask(f"{brief.task} {name}")).text

        return list((yield from fork([branch("left"), branch("right")])))

    model = ScriptedModel([says("b")] * 4, keep=True)
    session = await rig.open(agent(model, strategy=branches), f"one, {SECRET},")
    rig.secrets.register("api", SECRET)
    await session.run()
    await session.send("two")
    await session.run()
    last = [request.messages[-1] for request in model.requests]
    mark = "one, [secret:api],"
    assert last == [UserMessage(text) for text in (f"{mark} left", f"{mark} right", "two left", "two right")]


async def test_nothing_is_looked_at_again_while_nothing_is_registered(rig: Rig) -> None:
    shape_of = shape(dict[str, str])

    def asks(brief: Brief) -> Strategy:
        for _ in range(3):
            yield from ask("again", shape=shape_of)
        return "x"

    model = ScriptedModel([says("{}")] * 3, keep=True)
    await rig.run(agent(model, strategy=asks))
    for request in model.requests:
        assert request.shape is shape_of
        assert request.blobs is rig.store


async def test_tools_and_shapes_that_are_clean_are_told_as_they_are_however_many_there_are(rig: Rig) -> None:
    shapes = [Shape({"type": "object", "title": f"t{number}"}, lambda value: value) for number in range(70)]
    acts = [Acting(gives("x"), f"act{number}") for number in range(70)]

    def asks(brief: Brief) -> Strategy:
        for act, one in zip(acts, shapes, strict=True):
            yield from ask(shape=one, tools=[act.spec.name])
            yield from ask(shape=one, tools=[act.spec.name])
        return "x"

    rig.secrets.register("api", SECRET)
    model = ScriptedModel([says("{}")] * 140, keep=True)
    limits = Limits(steps=200)
    assert (await rig.run(agent(model, *acts, strategy=asks, limits=limits))).output == "x"
    assert [request.shape for request in model.requests[::2]] == [request.shape for request in model.requests[1::2]]
    assert [request.shape for request in model.requests[::2]] == shapes
    assert [request.tools[0].name for request in model.requests[1::2]] == [act.spec.name for act in acts]


async def test_parts_hold_no_value_whenever_their_bytes_were_kept(rig: Rig) -> None:
    loaded: list[bytes] = []

    async def reads(request: Request) -> None:
        message = request.messages[0]
        assert isinstance(message, UserMessage)
        assert request.blobs is not None
        loaded.append(await request.blobs.get(message.parts[0].blob))
        assert await request.blobs.put(b"more") == await rig.store.put(b"more")

    session = await rig.open(agent(Reads(reads)))
    await session.hear(["see", attach(f"key: {SECRET}".encode(), media="text/plain", name="notes.txt")])
    rig.secrets.register("api", SECRET)
    assert (await session.run()).output == "read"
    assert loaded == [b"key: [secret:api]"]


@dataclass
class Reads:
    """A model that reads what is attached."""

    read: Callable[[Request], Awaitable[None]]
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("reads", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Read, and say so."""
        await self.read(request)
        return says("read")


@pytest.mark.parametrize("said", [f"use {SECRET}", f"{SECRET} and {SECRET}", SECRET, f"a {SECRET} b {SECRET} c"])
async def test_a_question_that_holds_a_secret_is_the_recorded_one_when_it_is_asked_again(rig: Rig, said: str) -> None:
    def asks(brief: Brief) -> Strategy:
        yield from ask(said)
        yield from ask("then")
        return "x"

    rig.secrets.register("api", SECRET)
    with pytest.raises(KeyboardInterrupt):
        await rig.run(agent(scripted(says("a"), KeyboardInterrupt()), strategy=asks))
    declared = agent(scripted(says("b")), strategy=asks)
    assert (await rig.resume(declared)).output == "x"
    found = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert [run.divergence for run in found] == [""]


@pytest.mark.parametrize(
    ("recorded", "said", "alike"),
    [
        ("a [secret:K] b [secret:K] c", "a 1 b 2 c", True),
        ("a [secret:K] b [secret:K] c", "a 1 c", False),
        ("a [secret:K] b", "a 1 d", False),
        ("a [secret:K] b", "c 1 b", False),
        ("ab[secret:K]ba", "aba", False),
        ("plain", "other", False),
        ("plain", "plain", True),
    ],
)
def test_a_mark_stands_for_a_value_of_whatever_length(recorded: str, said: str, *, alike: bool) -> None:
    assert same(recorded, said) is alike


# -- what listeners are shown ------------------------------------------------------------------------------------------


@dataclass
class Writing:
    """A model that writes an answer in these pieces; `None` begins it again."""

    pieces: Sequence[str | None]
    error: Exception | None = None
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("writing", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Write."""
        text, fresh = "", False
        for piece in self.pieces:
            if piece is None:
                text, fresh = "", True
                continue
            emit(Delta(piece, fresh))
            text, fresh = text + piece, False
        if self.error is not None:
            raise self.error
        return says(text)


async def shown(rig: Rig, model: Model) -> list[Delta]:
    session = await rig.open(agent(model), "go")
    listener = session.feed.listen()
    await session.run()
    session.feed.end()
    return [item async for item in listener if isinstance(item, Delta)]


async def test_listeners_are_shown_no_value_that_was_split_over_pieces(rig: Rig) -> None:
    rig.secrets.register("api", SECRET)
    deltas = await shown(rig, Writing(["it is ", "hunter", "2-hunt", "er2", ", yes"]))
    assert [delta.text for delta in deltas] == ["it is ", "[secret:api]", ", yes"]
    assert (await rig.state()).last is not None


async def test_what_waits_is_shown_before_the_answer_is_recorded(rig: Rig) -> None:
    rig.secrets.register("api", SECRET)
    session = await rig.open(agent(Writing(["look, a ", "hunter"])), "go")
    listener = session.feed.listen()
    await session.run()
    session.feed.end()
    items = [item.text if isinstance(item, Delta) else kind(item.event) async for item in listener]
    assert items[-4:] == ["look, a ", "hunter", "ModelAnswered", "RunEnded"]


async def test_what_waits_of_a_void_answer_is_never_shown(rig: Rig) -> None:
    rig.secrets.register("api", SECRET)
    deltas = await shown(rig, Writing(["one hunter2", None, "hunter2-", "hunter2"]))
    assert [(delta.text, delta.fresh) for delta in deltas] == [("one ", False), ("", True), ("[secret:api]", False)]
    deltas = await shown(Rig(), Writing(["one ", "hunter2-"], CutStreamError("cut")))
    assert [delta.text for delta in deltas] == ["one ", "hunter2-"]


async def test_pieces_pass_as_they_are_while_nothing_is_registered(rig: Rig) -> None:
    deltas = await shown(rig, Writing(["", "a", None, "", "b"]))
    assert deltas == [Delta(""), Delta("a"), Delta("", fresh=True), Delta("b")]
