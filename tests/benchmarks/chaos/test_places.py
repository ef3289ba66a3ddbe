"""What a chaos stands on: a network that misbehaves as told, a counter that counts, a model that follows a plan."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.chaos.inside.clock import SKEW
from benchmarks.chaos.places.counter import Effects
from benchmarks.chaos.places.network import Proxy
from benchmarks.chaos.places.provider import planned

from remit.core.values import JsonValue

HERE = Path(__file__).resolve().parents[3]


async def post(port: int, kind: str, key: str) -> bytes:
    """Have something done, and give the answer; empty when it was cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"POST /{kind}?key={key} HTTP/1.1\r\n\r\n".encode())
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


async def reached(state: Callable[[], bool]) -> None:
    """Let others go on until it is so."""
    while not state():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


async def test_a_counter_counts_each_call_of_what_must_happen_once(tmp_path: Path) -> None:
    async with Effects(tmp_path / "effects", 1) as effects:
        for kind, key in (("once", "a"), ("once", "a"), ("idempotent", "b"), ("idempotent", "b")):
            assert await post(effects.port, kind, key)
    assert effects.keys == {"a": 2, "b": 1}
    assert effects.twice() == ["a"]
    assert [line.split()[1:] for line in (tmp_path / "effects").read_text().splitlines()] == [
        ["once", "a"],
        ["once", "a"],
        ["idempotent", "b"],
    ]


async def test_an_answer_is_lost_after_the_effect(tmp_path: Path) -> None:
    async with Effects(tmp_path / "effects", 1) as effects, Proxy(effects.port, landing=True) as proxy:
        proxy.losing = 1
        assert await post(proxy.port, "once", "a") == b""
        assert (proxy.lost, effects.keys["a"]) == (1, 1)
        assert await post(proxy.port, "once", "b")


async def test_what_was_sent_before_a_cut_lands_and_is_known_to_be_on_its_way(tmp_path: Path) -> None:
    async with Effects(tmp_path / "effects", 1) as effects, Proxy(effects.port, landing=True) as proxy:
        asking = asyncio.create_task(post(proxy.port, "once", "a"))
        await reached(lambda: effects.calls > 0)
        assert proxy.carries("key=a")
        assert not proxy.carries("key=b")
        assert proxy.cut() == 1
        assert await asking == b""
        await reached(lambda: not proxy.carries("key=a"))
        assert effects.keys["a"] == 1


async def test_a_proxy_that_refuses_lets_nobody_through(tmp_path: Path) -> None:
    async with Effects(tmp_path / "effects", 1) as effects, Proxy(effects.port) as proxy:
        proxy.refusing = True
        assert await post(proxy.port, "once", "a") == b""
        assert not effects.calls


def test_a_clock_is_wrong_where_the_system_has_no_way_to_make_it_so() -> None:
    said = "import benchmarks.chaos.inside.agents, time; print(time.time())"
    skewed = dict(os.environ, **{SKEW: "7200"})
    done = subprocess.run([sys.executable, "-c", said], cwd=HERE, env=skewed, capture_output=True, check=True)
    assert float(done.stdout) > time.time() + 3600


@pytest.mark.parametrize(
    ("done", "wanted"), [(0, ["pay", "book"]), (2, ["sign"]), (3, [])], ids=["at once", "next", "the end"]
)
def test_a_model_follows_the_plan_of_the_last_message(done: int, wanted: list[str]) -> None:
    messages: list[JsonValue] = [
        {"role": "user", "content": "acme|pay"},
        {"role": "tool", "content": "done"},
        {"role": "user", "content": [{"type": "text", "text": "acme|pay+book sign"}]},
        *({"role": "tool", "content": "done"} for _ in range(done)),
    ]
    tenant, reply = planned(messages)
    assert (tenant, [call.tool for call in reply.calls]) == ("acme", wanted)
