"""Choosing opens the weakest tier that does, asks no more than it must, and says of all others why they do not."""

import asyncio
import threading
from collections.abc import Mapping
from typing import ClassVar

import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.sandbox import TIERS, Box, Bridge, Capabilities, Mount, Result, SandboxPolicy, Tier
from remit.sandbox.choosing import Choosing, Deferred, standard


class Stated:
    """A driver that can what is said of it."""

    made: ClassVar[list["Stated"]] = []

    def __init__(self, known: Capabilities, refuses: str = "") -> None:
        self.known, self.refuses = known, refuses
        self.asked = self.closed = 0
        Stated.made.append(self)

    def capabilities(self) -> Capabilities:
        self.asked += 1
        return self.known

    async def open(self, policy: SandboxPolicy) -> Box:
        if self.refuses:
            raise ConfigError(self.refuses)
        return Empty(self.known.tier)

    async def close(self) -> None:
        self.closed += 1


class Empty:
    """A box of a tier, in which nothing runs."""

    def __init__(self, tier: Tier) -> None:
        self.tier: Tier = tier

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        return Result(status="ok")

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


class Unmakeable:
    """A driver that cannot find out what the machine allows."""

    def capabilities(self) -> Capabilities:
        raise OSError("too many files")


def three() -> list[Stated]:
    return [
        Stated(Capabilities(tier="interpreter", available=True, language="subset")),
        Stated(Capabilities(tier="native", available=True, packages=("pandas",))),
        Stated(Capabilities(tier="container", available=True, packages=("pandas", "duckdb"))),
    ]


@pytest.mark.parametrize(
    ("policy", "tier", "asked"),
    [
        (SandboxPolicy(), "interpreter", [1, 0, 0]),
        (SandboxPolicy(language="full"), "native", [1, 1, 0]),
        (SandboxPolicy(least="wasm"), "native", [1, 1, 0]),
        (SandboxPolicy(least="bubblewrap"), "container", [1, 1, 1]),
        (SandboxPolicy(packages=("pandas",)), "native", [1, 1, 0]),
        (SandboxPolicy(packages=("pandas", "duckdb")), "container", [1, 1, 1]),
    ],
)
async def test_the_weakest_that_does_is_opened_and_no_stronger_one_is_asked(
    policy: SandboxPolicy, tier: Tier, asked: list[int]
) -> None:
    sandboxes = three()
    box = await Choosing(sandboxes).open(policy)
    assert box.tier == tier
    assert [each.asked for each in sandboxes] == asked


async def test_one_that_refuses_when_it_comes_to_it_is_passed_over() -> None:
    sandboxes = three()
    sandboxes[0].refuses = "it has no files to mount"
    box = await Choosing(sandboxes).open(SandboxPolicy(mounts=(Mount(source="/", target="/data/x"),)))
    assert box.tier == "native"


async def test_when_none_does_each_says_why_not_and_what_to_install() -> None:
    sandboxes = three()
    sandboxes[1].known = Capabilities(tier="native", available=False, missing=("namespaces", "allow them"))
    sandboxes[2].refuses = "the engine is gone"
    wants = SandboxPolicy(least="native", language="full", packages=("duckdb",))
    with pytest.raises(ConfigError) as refused:
        await Choosing(sandboxes).open(wants)
    assert str(refused.value).splitlines() == [
        "no sandbox of this machine satisfies the policy ('native' at least, all of Python, with duckdb):",
        "  interpreter: weaker than 'native'",
        "  native: namespaces; allow them",
        "  container: the engine is gone",
    ]
    with pytest.raises(ConfigError, match="it has no duckdb, polars"):
        await Choosing(three()[:1]).open(SandboxPolicy(packages=("duckdb", "polars")))
    with pytest.raises(ConfigError, match="a subset of Python"):
        await Choosing(three()[:1]).open(SandboxPolicy(language="full"))
    with pytest.raises(ConfigError, match="1 mounts"):
        await Choosing(()).open(SandboxPolicy(mounts=(Mount(source="/", target="/data/x"),)))


async def test_it_can_what_its_weakest_can_that_is_there() -> None:
    sandboxes = three()
    sandboxes[0].known = Capabilities(tier="interpreter", available=False, missing=("pip install it",))
    assert Choosing(sandboxes).capabilities() == sandboxes[1].known
    none = Choosing(sandboxes[:1]).capabilities()
    assert (none.available, none.missing) == (False, ("interpreter: pip install it",))


async def test_closing_closes_all() -> None:
    sandboxes = three()
    await Choosing(sandboxes).close()
    assert [each.closed for each in sandboxes] == [1, 1, 1]


class Slow(Stated):
    """A driver that takes long to find out what it can, in a thread that a test holds."""

    def __init__(self, known: Capabilities) -> None:
        super().__init__(known)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def capabilities(self) -> Capabilities:
        self.begun.set()
        self.go_on.wait(30)
        return super().capabilities()


async def test_nobody_waits_while_a_stronger_one_finds_out_what_it_can_and_it_does_so_once() -> None:
    slow = Slow(Capabilities(tier="container", available=True))
    choosing = Choosing([*three()[:1], slow])
    waiting = [asyncio.create_task(choosing.open(SandboxPolicy(least="container"))) for _ in range(3)]
    await asyncio.to_thread(slow.begun.wait, 30)
    assert (await choosing.open(SandboxPolicy())).tier == "interpreter"
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    waiting.append(asyncio.create_task(choosing.open(SandboxPolicy(least="container"))))
    slow.go_on.set()
    assert {box.tier for box in await asyncio.gather(*waiting[1:])} == {"container"}
    assert (waiting[0].cancelled(), slow.asked) == (True, 1)


class Moody(Stated):
    """A driver that breaks when it is first asked."""

    def capabilities(self) -> Capabilities:
        if not self.asked:
            self.asked += 1
            raise MemoryError("try again")
        return super().capabilities()


async def test_one_that_broke_when_it_was_asked_is_asked_again() -> None:
    choosing = Choosing([Moody(Capabilities(tier="native", available=True))])
    with pytest.raises(MemoryError):
        await choosing.open(SandboxPolicy())
    assert (await choosing.open(SandboxPolicy())).tier == "native"


class Stuck(Stated):
    """A driver that cannot be closed."""

    async def close(self) -> None:
        await super().close()
        raise OSError("it is stuck")


async def test_one_that_cannot_be_closed_keeps_no_other_one_open() -> None:
    sandboxes = [*three(), Stuck(Capabilities(tier="microvm", available=True))]
    with pytest.raises(OSError, match="it is stuck"):
        await Choosing([sandboxes[3], *sandboxes[:3]]).close()
    assert [each.closed for each in sandboxes] == [1, 1, 1, 1]


async def test_a_driver_is_made_when_it_is_first_asked_and_once() -> None:
    Stated.made.clear()
    known = Capabilities(tier="microvm", available=True)
    deferred = Deferred("microvm", f"{__name__}:Stated", known=known)
    await deferred.close()
    assert Stated.made == []
    assert deferred.capabilities() == known
    assert (await deferred.open(SandboxPolicy())).tier == "microvm"
    await deferred.close()
    assert [each.closed for each in Stated.made] == [1]


async def test_a_driver_weaker_than_the_policy_is_not_even_made() -> None:
    Stated.made.clear()
    weak = Deferred("wasm", f"{__name__}:Stated", known=Capabilities(tier="wasm", available=True))
    with pytest.raises(ConfigError, match="wasm: weaker than 'native'"):
        await Choosing((weak,)).open(SandboxPolicy(least="native"))
    assert Stated.made == []


@pytest.mark.parametrize("where", ["remit.sandbox.absent:X", "remit.sandbox.choosing:Absent", "no_such_thing:X"])
async def test_a_driver_that_is_not_there_is_not_available(where: str) -> None:
    deferred = Deferred("wasm", where)
    known = deferred.capabilities()
    assert (known.tier, known.available) == ("wasm", False)
    assert "not in this installation" in known.missing[0]
    with pytest.raises(ConfigError, match="not in this installation"):
        await deferred.open(SandboxPolicy())
    await deferred.close()


def test_a_driver_that_cannot_find_out_is_not_available() -> None:
    known = Deferred("wasm", f"{__name__}:Unmakeable").capabilities()
    assert (known.available, known.missing) == (False, ("too many files",))


def test_the_usual_ones_are_all_tiers_in_order() -> None:
    tiers = [each.tier for each in standard().sandboxes if isinstance(each, Deferred)]
    assert tiers == list(TIERS[1:])


async def test_a_program_runs_in_the_weakest_tier_of_this_machine() -> None:
    choosing = standard()
    if not choosing.sandboxes[0].capabilities().available:
        pytest.skip("; ".join(choosing.sandboxes[0].capabilities().missing))
    try:
        box = await choosing.open(SandboxPolicy())
        result = await box.run("6 * 7", inputs={}, tools={}, bridge=refuse)
        assert (box.tier, result.value) == ("interpreter", 42)
    finally:
        await choosing.close()


async def refuse(tool: str, arguments: dict[str, JsonValue]) -> JsonValue:
    raise AssertionError(f"{tool} was called")
