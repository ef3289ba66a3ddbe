"""Effects, counted on the side where they happen."""

import asyncio
import multiprocessing
from pathlib import Path
from typing import Literal

import pytest

from remit.core.ports import Probe, ToolContext
from remit.testing import EffectCounter, check_tool
from remit.testing.effects import Moment

ONE, TWO = ToolContext(key="one"), ToolContext(key="two")


@pytest.mark.parametrize("effect", ["read", "idempotent", "once"])
@pytest.mark.parametrize("reconciles", [False, True])
async def test_every_kind_of_counter_conforms(
    effect: Literal["read", "idempotent", "once"], tmp_path: Path, *, reconciles: bool
) -> None:
    await check_tool(EffectCounter(effect, reconciles=reconciles), {"any": "thing"})
    await check_tool(EffectCounter(effect, tmp_path / "effects", reconciles), {})


async def test_what_happened_twice_is_seen() -> None:
    once, idempotent, read = EffectCounter(), EffectCounter("idempotent"), EffectCounter("read")
    for tool in (once, idempotent, read):
        for context in (ONE, TWO, ONE):
            assert await tool.call({}, context) == {"done": context.key}
        assert tool.called() == ["one", "two", "one"]
    assert (once.happened(), once.twice()) == (["one", "two", "one"], ["one"])
    assert (idempotent.happened(), idempotent.twice()) == (["one", "two"], [])
    assert read.twice() == []


async def test_a_probe_knows_only_when_it_reconciles(tmp_path: Path) -> None:
    tool = EffectCounter(path=tmp_path / "effects", reconciles=True)
    assert await tool.probe({}, ONE) == Probe(happened=False)
    await tool.call({}, ONE)
    assert await EffectCounter(path=tmp_path / "effects", reconciles=True).probe({}, ONE) == Probe(
        happened=True, output={"done": "one"}
    )
    assert await EffectCounter(path=tmp_path / "effects").probe({}, ONE) is None


class Dies:
    """Dies at a moment."""

    def __init__(self, when: Moment) -> None:
        self.when = when

    def __call__(self, moment: Moment) -> None:
        """Die if it is the moment."""
        if moment == self.when:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("moment", "happened"), [("before", []), ("after", ["one"])])
async def test_a_death_before_or_after_the_effect_is_told_apart(moment: Moment, happened: list[str]) -> None:
    tool = EffectCounter(around=Dies(moment), pause=0.001)
    with pytest.raises(KeyboardInterrupt):
        await tool.call({}, ONE)
    assert tool.happened() == happened


def _happen(path: Path, name: str) -> None:
    async def many() -> None:
        for number in range(50):
            await EffectCounter(path=path).call({}, ToolContext(key=f"{name}-{number}"))

    asyncio.run(many())


def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "effects"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_happen, args=(path, name)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(EffectCounter(path=path).happened()) == sorted(f"{name}-{n}" for name in "ab" for n in range(50))
