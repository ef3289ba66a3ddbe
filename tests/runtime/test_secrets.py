"""Secrets: what is registered is in no byte of the store, in no result and no error, whatever way it came in by."""

from pathlib import Path

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import ModelRequestError, RejectedError
from remit.core.messages import Call
from remit.core.moves import Brief, GiveUp, Strategy, ask, note, run
from remit.core.shape import shape
from remit.home import Home, Settings
from remit.policy import AskBefore, Secrets
from remit.runtime import replay
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
