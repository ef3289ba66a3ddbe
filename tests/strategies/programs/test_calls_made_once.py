"""However often a program is put right, nothing that went well is done twice: counted where it is done."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit import Agent, AskBefore, Home, RejectedError, RunResult, Settings, tool
from remit.core.messages import UserMessage
from remit.core.ports import Guard, Reply
from remit.core.values import JsonValue
from remit.sandbox.monty import MontySandbox
from remit.strategies import ProgramTerms, code
from remit.testing import ScriptedModel, says

FAILS = "[][0]"


class World:
    """What the tools of these tests change: each call gives a number that no other call gives."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.given = 0
        self.down = 0
        """Mails that fail before one goes out."""

    def agent(self, *programs: str, guards: Sequence[Guard] = ()) -> Agent:
        """Declare an agent whose model writes these programs."""

        @tool(effect="once")
        async def mail(to: str) -> int:
            """Send a mail."""
            if self.down:
                self.down -= 1
                raise RejectedError("the mail is down")
            self.mails.append(to)
            return len(self.mails)

        @tool(effect="read")
        async def look(what: str) -> str:
            """Look at something."""
            self.given += 1
            return what * self.given

        strategy = code(ProgramTerms(inputs={"people": ["ann", "bob", "cy"]}), repairs=len(programs) - 1)
        model = ScriptedModel([_program(text) for text in programs], keep=True)
        return Agent("a", model, tools=[mail, look], strategy=strategy, guards=guards)


def _program(text: str) -> Reply:
    return says(f"```python\n{text}\n```")


@asynccontextmanager
async def opened() -> AsyncGenerator[Home]:
    """Open a home whose programs run in the interpreter."""
    sandbox = MontySandbox(workers=1)
    known = sandbox.capabilities()
    if not known.available:
        pytest.skip("; ".join(known.missing))
    async with Home.open("memory", Settings(sandbox=sandbox)) as home:
        yield home


async def done(world: World, *programs: str) -> RunResult:
    """Let an agent try these programs, one after the other."""
    async with opened() as home:
        return await home.run(world.agent(*programs), "go")


async def test_over_three_programs_each_mail_goes_out_once_whatever_their_order() -> None:
    world = World()
    run = await done(
        world,
        f"mail('ann')\nmail('bob')\n{FAILS}",
        f"mail('ann')\nmail('cy')\n{FAILS}",
        "[mail('cy'), mail('bob'), mail('ann')]",
    )
    assert world.mails == ["ann", "bob", "cy"]
    assert run.output == [3, 2, 1]


async def test_a_loop_that_failed_halfway_goes_on_where_it_was() -> None:
    world = World()
    loop = "found = [mail(person) for person in people]"
    run = await done(world, f"{loop.replace('people', 'people[:2]')}\n{FAILS}", f"{loop}\nfound")
    assert world.mails == ["ann", "bob", "cy"]
    assert run.output == [1, 2, 3]


async def test_the_same_call_that_was_made_twice_is_given_both_answers_in_order_and_a_third_is_made() -> None:
    world = World()
    run = await done(world, f"mail('ann')\nmail('ann')\n{FAILS}", "[mail('ann'), mail('ann'), mail('ann')]")
    assert world.mails == ["ann"] * 3
    assert run.output == [1, 2, 3]


async def test_a_call_that_failed_is_made_again_and_one_with_other_arguments_is_new() -> None:
    world = World()
    world.down = 1
    run = await done(world, "mail('ann')", f"mail('ann')\n{FAILS}", "[mail(to='ann'), mail('Ann')]")
    assert world.mails == ["ann", "Ann"]
    assert run.output == [1, 2]


async def test_what_was_too_long_for_the_conversation_is_given_whole() -> None:
    world = World()
    run = await done(world, f"look('x' * 90_000)\n{FAILS}", "[len(look('x' * 90_000)), len(look('x' * 90_000))]")
    assert world.given == 2
    assert run.output == [90_000, 180_000]


async def test_a_person_who_said_yes_is_not_asked_again_by_the_program_that_was_put_right() -> None:
    world = World()
    agent = world.agent(f"mail('ann')\n{FAILS}", "[mail('ann'), mail('bob')]", guards=[AskBefore("mail")])
    async with opened() as home:
        run = await home.run(agent, "go")
        asked: list[list[str]] = []
        while run.status == "waiting":
            asked.append(list(world.mails))
            await home.approve(run.session, by="ann")
            run = await home.resume(agent, run.session)
    assert asked == [[], ["ann"]]
    assert (run.output, world.mails) == ([1, 2], ["ann", "bob"])


async def test_the_model_is_told_what_was_done_and_that_it_is_not_done_again() -> None:
    world = World()
    agent = world.agent(f"mail('ann')\n{FAILS}", "mail('ann')")
    async with opened() as home:
        await home.run(agent, "go")
    model = agent.model
    assert isinstance(model, ScriptedModel)
    message = model.requests[1].messages[-1]
    assert isinstance(message, UserMessage)
    told = message.text
    assert '- mail {"to":"ann"}, ok: 1' in told
    assert "One that is ok is not made again." in told
    assert "IndexError" in told


CALLS = st.lists(st.sampled_from(["ann", "bob"]), max_size=3)


@given(CALLS, CALLS, CALLS)
@settings(max_examples=25, deadline=None)
def test_a_call_is_made_as_often_as_the_program_that_makes_it_most(
    one: list[str], two: list[str], last: list[str]
) -> None:
    world = World()
    made = [f"found = [mail(to) for to in {calls!r}]" for calls in (one, two, last)]
    run = asyncio.run(done(world, f"{made[0]}\n{FAILS}", f"{made[1]}\n{FAILS}", f"{made[2]}\nfound"))
    counts = [Counter(calls) for calls in (one, two, last)]
    assert Counter(world.mails) == counts[0] | counts[1] | counts[2]
    # The first mail to somebody gives in each program what it gave in the first.
    numbers: dict[str, list[JsonValue]] = {}
    for number, to in enumerate(world.mails, 1):
        numbers.setdefault(to, []).append(number)
    assert run.output == [numbers[to].pop(0) for to in last]
