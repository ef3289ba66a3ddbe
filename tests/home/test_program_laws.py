"""The law of programs that wait: whoever decides what when, each call is made at most once and gets its own answer."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from remit import Agent, Home, Settings, tool
from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.moves import Brief, Function, Made, Strategy, execute
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.programs import Box, Bridge, Capabilities, Result, SandboxPolicy, Tier
from remit.core.state import State
from remit.core.values import JsonValue
from remit.runtime import decide, waiting
from remit.sandbox.monty import MontySandbox
from remit.testing import ScriptedModel

HEAD = """
import asyncio

async def waits(n):
    try:
        return [n, await double(n=n)]
    except Exception:
        return [n, "no"]

async def does(n):
    try:
        return [n, double(n=n)]
    except Exception:
        return [n, "no"]

done = []
"""

DOUBLE = Function("double", "double", (("n", "n"),))
Step = list[tuple[str, int]]


def written(steps: list[Step]) -> str:
    """Write the program: calls of one step are made at the same time, some of them without `await`."""
    lines = [f"done += await asyncio.gather({', '.join(f'{how}({n})' for how, n in step)})" for step in steps]
    return HEAD + "\n".join(lines) + "\ndone"


class AsksOf:
    """Asks before calls with these numbers."""

    def __init__(self, asked: Mapping[int, bool]) -> None:
        self._asked = asked

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("ask", "is it right?") if call.args["n"] in self._asked else ALLOW


class Forgetful:
    """A sandbox that sometimes cannot read what it kept, as one of another version cannot."""

    def __init__(self, lots: Random) -> None:
        self._inner, self._lots = MontySandbox(workers=1), lots

    def capabilities(self) -> Capabilities:
        return self._inner.capabilities()

    async def open(self, policy: SandboxPolicy) -> Box:
        return Forgets(await self._inner.open(policy), self._lots)

    async def close(self) -> None:
        await self._inner.close()


class Forgets:
    """A box of it."""

    def __init__(self, box: Box, lots: Random) -> None:
        self.tier: Tier = box.tier
        self._box, self._lots = box, lots
        self.run, self.files, self.put, self.get, self.close = box.run, box.files, box.put, box.get, box.close

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        if self._lots.random() < 0.5:
            raise ConfigError("it was kept by another version")
        return await self._box.resume(kept, tools=tools, bridge=bridge)


CALLS = st.tuples(st.sampled_from(["waits", "does"]), st.integers(0, 6))
STEPS = st.lists(st.lists(CALLS, min_size=1, max_size=4), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=2), st.dictionaries(st.integers(0, 6), st.booleans(), max_size=4), st.randoms()
)
def test_each_call_of_a_program_that_waits_is_made_once_and_gets_its_own_answer(
    programs: list[list[Step]], asked: dict[int, bool], lots: Random
) -> None:
    asyncio.run(lived(programs, asked, lots))


async def lived(programs: list[list[Step]], asked: dict[int, bool], lots: Random) -> None:
    made: list[int] = []

    @tool(effect="once")
    async def double(n: int) -> JsonValue:
        """Double a number."""
        made.append(n)
        return 2 * n

    def programmed(brief: Brief) -> Strategy:
        results: list[JsonValue] = []
        made: list[Made] = []
        for steps in programs:
            ran = yield from execute(written(steps), functions=[DOUBLE], made=made)
            made.extend(ran.made)
            results.append([ran.status, ran.value, ran.error, ran.why])
        return results

    agent = Agent("a", ScriptedModel([]), tools=[double], strategy=programmed, guards=[AsksOf(asked)])
    async with Home.open("memory", Settings(sandbox=Forgetful(lots))) as home:
        result = await home.run(agent, "go", session="s")
        while result.status == "waiting":
            calls = waiting(await home.session("s"))
            for effect in lots.sample(calls, lots.randint(1, len(calls))):
                number = effect.call.args["n"]
                assert isinstance(number, int)
                await decide(home.store, "s", effect.call.id, granted=asked[number], by="ann")
            result = await home.resume(agent, "s")
        (found,) = await home.replay(agent, "s")
    numbers = [[n for step in steps for _, n in step] for steps in programs]
    right = [[[n, 2 * n if asked.get(n, True) else "no"] for n in each] for each in numbers]
    assert result.output == [["ok", values, "", ""] for values in right], result
    # What an earlier program did well, a later one does not do again.
    most = Counter[int]()
    for each in numbers:
        most |= Counter(each)
    assert Counter(made) == Counter({n: count for n, count in most.items() if asked.get(n, True)})
    assert found.divergence == ""
