"""The harness of attacks: what it calls a breach, and that it leaves nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Box, Bridge, Capabilities, Result, SandboxPolicy, Tier
from remit.testing.sandboxes import Attack, Attacked, Unheld, run_attacks
from remit.testing.sandboxes.attacking import Books

Inputs = Mapping[str, JsonValue]
Act = Callable[[Inputs, Bridge], Awaitable[Result]]
QUIET = Attack(name="say nothing", shows="books", calls=1, program="None")


class Acting:
    """A sandbox whose programs do what a function of ours does."""

    def __init__(self, act: Act) -> None:
        self.tier: Tier = "wasm"
        self._act = act

    def capabilities(self) -> Capabilities:
        return Capabilities(tier=self.tier, available=True)

    async def open(self, policy: SandboxPolicy) -> Box:
        return self

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        return await self._act(inputs, bridge)

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        raise ConfigError("it keeps no programs")

    async def files(self) -> Mapping[str, int]:
        return {}

    async def put(self, path: str, data: bytes) -> None:
        raise ConfigError("it has no files")

    async def get(self, path: str) -> bytes:
        raise ConfigError("it has no files")

    async def close(self) -> None:
        """Leave nothing."""


async def came_of(act: Act, attack: Attack = QUIET) -> Attacked:
    (attacked,) = await run_attacks(Acting(act), (attack,))
    return attacked


def saying(result: Result) -> Act:
    """Do nothing, and end so."""

    async def act(inputs: Inputs, bridge: Bridge) -> Result:
        return result

    return act


async def test_a_program_that_does_nothing_is_blocked() -> None:
    attacked = await came_of(saying(Result(status="ok", value="nothing")))
    assert attacked == Attacked("say nothing", "blocked", "ok: 'nothing'")


@pytest.mark.parametrize("way", ["value", "printed", "error"])
async def test_a_secret_in_value_print_or_error_is_a_breach(way: str) -> None:
    async def act(inputs: Inputs, bridge: Bridge) -> Result:
        secret = read(str(inputs["secret"]))
        result = Result(status="killed")
        return msgspec.structs.replace(result, **{way: [secret] if way == "value" else f"no: {secret}"})

    assert (await came_of(act)).why == "the secret came out"


def read(path: str) -> str:
    return Path(path).read_text()


async def test_what_a_driver_raises_is_a_breach() -> None:
    async def act(inputs: Inputs, bridge: Bridge) -> Result:
        raise KeyError("kind")

    attacked = await came_of(act)
    assert (attacked.verdict, attacked.why) == ("breached", "the driver broke: KeyError: 'kind'")


async def test_a_tier_without_files_cannot_be_attacked_through_them() -> None:
    attack = Attack(name="x", shows="token", program="None", get="link")
    attacked = await came_of(saying(Result(status="ok")), attack)
    assert (attacked.verdict, attacked.why) == ("not applicable", "it has no files")


async def test_calls_that_the_result_does_not_count_are_a_breach() -> None:
    attacked = await came_of(saying(Result(status="ok", calls=3)))
    assert attacked.why == "the result counts 3 calls, and the bridge made 0"


async def test_a_call_that_is_not_settled_when_the_result_comes_is_a_breach() -> None:
    calls: list[asyncio.Future[JsonValue]] = []

    async def act(inputs: Inputs, bridge: Bridge) -> Result:
        calls.append(asyncio.ensure_future(bridge("pay", {"amount": 1})))
        await asyncio.sleep(0)
        return Result(status="ok", calls=1)

    assert (await came_of(act)).why == "the result came before a call was settled"
    await calls[0]


async def test_a_sandbox_in_which_nothing_runs_after_an_attack_is_breached() -> None:
    attack = Attack(name="kill", shows="touched", program="0", probe="0")
    attacked = await came_of(saying(Result(status="killed", why="it was killed")), attack)
    assert (attacked.verdict, attacked.why) == ("breached", "the sandbox runs nothing any more")
    held = await came_of(saying(Result(status="ok", value=42)), attack)
    assert held.verdict == "blocked"


async def test_where_the_harmless_signal_gets_through_the_other_is_not_sent() -> None:
    runs: list[int] = []

    async def act(inputs: Inputs, bridge: Bridge) -> Result:
        runs.append(os.kill(int(str(inputs["pid"])), signal.SIGURG) or 1)
        return Result(status="ok")

    attacked = await came_of(act, Attack(name="kill", shows="touched", program="0", probe="0"))
    assert attacked.why == "something outside was reached, by a harmless signal"
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("name", "args", "wrong"),
    [
        ("pay", {"amount": 1}, ""),
        ("refund", {"amount": 1}, "the bridge was asked for 'refund' with amount"),
        ("pay", {"to": "me"}, "the bridge was asked for 'pay' with to"),
    ],
)
async def test_books_know_the_tool_and_its_arguments(name: str, args: JsonObject, wrong: str) -> None:
    books = Books(1)
    await books.bridge(name, args)
    assert books.wrong == wrong


async def test_books_know_how_many_calls_are_honest_and_when_it_is_over() -> None:
    books = Books(1)
    assert await books.bridge("pay", {"amount": 7}) == {"paid": 7}
    books.close(Result(status="ok", calls=1))
    assert books.wrong == ""
    await books.bridge("pay", {"amount": 7})
    assert books.wrong == "a call was made after the result"


async def test_a_breach_that_is_an_exception_is_told_with_its_reason() -> None:
    attack = Attack(name="come to an end", shows="finished", program="'finished'")
    (attacked,) = await run_attacks(Unheld(), (attack,), exceptions={"none": {"come to an end": "it may"}})
    assert (attacked.verdict, attacked.expected) == ("breached", "it may")
    (blocked,) = await run_attacks(Unheld(), (QUIET,), exceptions={"none": {"say nothing": "it may"}})
    assert (blocked.verdict, blocked.expected) == ("blocked", "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_attacks_leave_no_process_and_no_variable() -> None:
    before = children()
    await run_attacks(Unheld(), (QUIET,))
    assert children() <= before
    assert "REMIT_CANARY" not in os.environ


def children() -> set[str]:
    """List the processes that this one has made and that were not waited for."""
    found: set[str] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.add(stat.parent.name)
    return found
