import pytest
from tests.sandbox.wasm.places import PATIENT, opened, tried

from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bridge, Result

pytestmark = [PATIENT, pytest.mark.usefixtures("interpreter")]

CHANCE = """
import datetime, os, random, secrets, tempfile, time, uuid
class Plain: pass
words = {str(n) for n in range(50)}
[
    time.time(), time.monotonic(), time.perf_counter(), time.process_time(), str(datetime.datetime.now()),
    random.random(), random.Random().random(), random.SystemRandom().random(), secrets.token_hex(), str(uuid.uuid4()),
    list(os.urandom(8)), list(words), hash('text'), hash(b'bytes'), id(Plain()), repr(Plain()), os.getpid(),
    next(tempfile._get_candidate_names()),
]
"""

PLAN = """
import random, time
seen = []
for n in sorted({'a', 'b', 'c'}, key=hash):
    answer = look(n, random.randrange(1000), time.time())
    seen.append(answer['size'])
    time.sleep(answer['size'] / 1000)
    if answer['size'] % 2:
        look(n, list({n, 'x', 'y'}), id(answer))
[seen, time.time()]
"""


async def test_chance_time_and_order_are_the_same_in_every_run_and_every_process_of_it() -> None:
    async with opened() as box:
        results = [await box.run(CHANCE, inputs={}, tools={}, bridge=_size) for _ in range(2)]
    results.append(await tried(CHANCE))
    assert [result.status for result in results] == ["ok"] * 3, results
    assert results[0].value == results[1].value == results[2].value


async def test_chance_is_still_chance_within_a_run() -> None:
    result = await tried(
        "import random, os, time\n[random.random() for _ in 'ab'] + [os.urandom(8).hex() for _ in 'ab']"
    )
    assert isinstance(result.value, list)
    assert len({str(each) for each in result.value}) == 4


async def test_hashes_of_text_do_not_depend_on_the_build() -> None:
    result = await tried("import sys\n[hash('abc'), sys.flags.hash_randomization]")
    # With PYTHONHASHSEED=0, where pointers have 32 bits.
    assert result.value == [-1600925533, 0]


async def test_its_clock_moves_when_it_looks_and_when_it_sleeps_which_takes_no_time() -> None:
    code = (
        "import time\na = time.time()\nb = time.time()\ntime.sleep(5)\n[0 < b - a < 0.01, 5 <= time.time() - b < 5.01]"
    )
    result = await tried(code)
    assert result.value == [True, True], result
    assert result.seconds < 5


async def test_tasks_wait_by_its_own_clock_too() -> None:
    code = """
import asyncio, time
async def wait(n):
    await asyncio.sleep(n)
    return n
async def main():
    began = time.time()
    found = await asyncio.gather(wait(3), wait(1), wait(2))
    try:
        await asyncio.wait_for(wait(9), 1)
    except TimeoutError:
        found.append('late')
    return [*found, round(time.time() - began)]
asyncio.run(main())
"""
    result = await tried(code)
    assert result.value == [3, 1, 2, "late", 4], result
    assert result.seconds < 4


async def test_a_rerun_over_recorded_answers_repeats_the_same_calls() -> None:
    calls: list[tuple[str, JsonObject]] = []
    answers: list[JsonValue] = []

    async def live(tool: str, arguments: JsonObject) -> JsonValue:
        calls.append((tool, arguments))
        answers.append({"size": 3 + len(calls)})
        return answers[-1]

    first = await _planned(live)
    again: list[tuple[str, JsonObject]] = []

    async def recorded(tool: str, arguments: JsonObject) -> JsonValue:
        again.append((tool, arguments))
        return answers[len(again) - 1]

    second = await _planned(recorded)
    assert first.status == "ok", first
    assert len(calls) > 3
    assert again == calls
    assert second.value == first.value


async def _planned(bridge: Bridge) -> Result:
    return await tried(PLAN, tools={"look": ("name", "chance", "when")}, bridge=bridge)


async def _size(_tool: str, arguments: JsonObject) -> JsonValue:
    return len(arguments)
