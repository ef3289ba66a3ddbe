"""The same program with the same answers does the same."""

import asyncio
from collections.abc import Sequence

from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Result, SandboxPolicy
from remit.sandbox.monty import MontySandbox

TOOLS = {"ask": ("n",)}
NASTY = """
import asyncio, random, time
told = []
async def one(n):
    await asyncio.sleep((5 - n) / 1000)
    told.append(('woke', n))
    answer = await ask(n)
    told.append(('answered', n, answer))
    if n % 2:
        told.append(('again', await ask(n + 10)))
    return answer
await asyncio.gather(*[one(n) for n in range(5)])
class Thing:
    pass
def some():
    pass
names = {str(n) * 3 for n in range(40)} | {random.choice('abcdef') for _ in range(9)}
before = time.monotonic()
time.sleep(0.001)
[told, list(names), list({1.5, None, 'x', (1, 2), 2 ** 70} and {3, 1, 2}), hash('x'), hash((1, 'y')), id([]),
 repr(Thing()), str(some), random.random(), random.Random().random(), random.sample(range(99), 5),
 round(time.monotonic() - before, 6), time.process_time(), ask(77)]
"""


class Late:
    """Answers in an order of its own, and keeps in which it was asked."""

    def __init__(self, order: Sequence[int]) -> None:
        """Answer later what comes later in the order."""
        self._order = order
        self.asked: list[JsonValue] = []

    async def __call__(self, name: str, args: JsonObject) -> JsonValue:
        """Answer the number."""
        number = args["n"]
        assert isinstance(number, int)
        self.asked.append(number)
        for _ in range(self._order[number % len(self._order)]):
            await asyncio.sleep(0)
        return number * 2


async def ran(order: Sequence[int]) -> tuple[Result, list[JsonValue]]:
    """Run it in a process of its own."""
    sandbox, late = MontySandbox(workers=1), Late(order)
    try:
        box = await sandbox.open(SandboxPolicy())
        return await box.run(NASTY, inputs={}, tools=TOOLS, bridge=late), late.asked
    finally:
        await sandbox.close()


async def test_a_nasty_program_does_the_same_whenever_its_answers_come() -> None:
    first, asked = await ran([0, 9, 3, 40, 1])
    again, asked_again = await ran([30, 0, 20, 2, 7])
    assert first.status == "ok", first
    assert (first.value, first.printed, asked) == (again.value, again.printed, asked_again)
    assert MontySandbox().capabilities().deterministic


async def test_sleeps_end_in_the_order_of_their_lengths() -> None:
    sandbox = MontySandbox(workers=1)
    box = await sandbox.open(SandboxPolicy())
    code = (
        "import asyncio, time\ntold = []\n"
        "async def nap(n):\n    await asyncio.sleep(n)\n    told.append(n)\n"
        "await asyncio.gather(nap(0.03), nap(0.01), nap(0.02))\ntold + [time.perf_counter(), time.monotonic_ns()]"
    )
    result = await box.run(code, inputs={}, tools={}, bridge=Late([0]))
    assert result.value == [0.01, 0.02, 0.03, 0.03, 30_000_000], result
    await sandbox.close()


async def test_there_is_no_clock_and_the_program_is_told_what_to_do() -> None:
    sandbox = MontySandbox(workers=1)
    box = await sandbox.open(SandboxPolicy())
    for code in (
        "import datetime\ndatetime.datetime.now()",
        "import datetime\ndatetime.date.today()",
        "import time\ntime.time()",
        "import time\ntime.localtime()",
        "import time\ntime.strftime('%Y')",
    ):
        result = await box.run(code, inputs={}, tools={}, bridge=Late([0]))
        assert result.status == "error", (code, result)
        assert "ask a tool" in result.error, (code, result)
    await sandbox.close()


async def test_it_goes_on_only_when_all_calls_that_it_has_made_have_ended() -> None:
    sandbox = MontySandbox(workers=1)
    box = await sandbox.open(SandboxPolicy())
    ended: list[JsonValue] = []
    second = asyncio.Event()

    async def bridge(name: str, args: JsonObject) -> JsonValue:
        if args["n"] == 3:
            assert sorted(map(str, ended)) == ["1", "2"]
        if args["n"] == 1:
            second.set()
        if args["n"] == 2:
            await second.wait()
            await asyncio.sleep(0.01)
        ended.append(args["n"])
        return args["n"]

    code = (
        "import asyncio\nasync def f():\n    await ask(1)\n    return await ask(3)\nawait asyncio.gather(f(), ask(2))"
    )
    result = await box.run(code, inputs={}, tools=TOOLS, bridge=bridge)
    assert (result.value, ended) == ([3, 2], [1, 2, 3]), result
    await sandbox.close()
