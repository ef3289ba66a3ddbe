"""What a keeper says is not believed either: a box whose keeper says what none says is given up."""

import asyncio
import json

import pytest

from remit.core.errors import ConfigError
from remit.core.programs import Bounds
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.inside.keeper import ANSWER, DATA, ENDED, HEAD, PRINTED, SAID
from remit.sandbox.kept import KeptBox
from remit.sandbox.relay import Relay

BOUNDS = Bounds(wall=5.0, output=100, disk=1000)


class Told:
    """A channel whose other end says what it was told to, and then nothing or no more."""

    def __init__(self, *messages: tuple[bytes, int, bytes], ends: bool = True) -> None:
        self._data = b"".join(HEAD.pack(kind, run, len(data)) + data for kind, run, data in messages)
        self._ends, self._spoken, self.closed = ends, asyncio.Event(), False

    async def read(self, count: int) -> bytes:
        await self._spoken.wait()
        data, self._data = self._data[:count], self._data[count:]
        if len(data) < count and not self._ends:
            await asyncio.Event().wait()
        return data

    async def write(self, data: bytes) -> None:
        if self.closed:
            raise BrokenPipeError
        # It answers once it is asked.
        self._spoken.set()

    def close(self) -> None:
        self.closed = True


async def refuse(_tool: str, _arguments: JsonObject) -> JsonValue:
    raise AssertionError


async def nothing() -> None:
    return


def box(channel: Told) -> KeptBox:
    return KeptBox("native", Relay(channel, BOUNDS), BOUNDS, {}, nothing)


async def test_what_is_printed_before_a_program_could_begin_says_why_and_other_runs_are_not_heard() -> None:
    ended = json.dumps({"status": 1, "cpu": 0.1}).encode()
    channel = Told((PRINTED, 1, b"no python\n"), (SAID, 9, b"x"), (PRINTED, 9, b"of another run"), (ENDED, 1, ended))
    kept = box(channel)
    result = await kept.run("1", inputs={}, tools={}, bridge=refuse)
    assert (result.status, result.why, result.printed) == ("killed", "no python", "no python\n")
    await kept.close()


@pytest.mark.parametrize(
    "message",
    [
        (SAID, 1, b"more than was asked for"),
        (b"?", 1, b""),
        (ENDED, 1, b"no json"),
        (ENDED, 1, b"[]"),
        (ENDED, 1, b"[" * 100_000),
        (ANSWER, 0, bytes((1 << 20) + 1)),
    ],
    ids=range(6),
)
async def test_a_keeper_that_says_what_none_says_is_given_up(message: tuple[bytes, int, bytes]) -> None:
    channel = Told(message, ends=False)
    kept = box(channel)
    result = await asyncio.wait_for(kept.run("1", inputs={}, tools={}, bridge=refuse), 5)
    assert (result.status, result.why) == ("killed", "the box was killed")
    assert channel.closed
    assert kept.closed


async def test_answers_to_nobody_are_not_kept() -> None:
    channel = Told(*[(DATA, 0, b"x")] * 5, ends=False)
    result = await asyncio.wait_for(box(channel).run("1", inputs={}, tools={}, bridge=refuse), 5)
    assert result.status == "killed"


@pytest.mark.parametrize(
    "messages", [[(DATA, 0, b"x")], [(ANSWER, 0, b"{}"), (DATA, 0, b'{"a": "b"}')], [(ANSWER, 0, b"{}")]], ids=range(3)
)
async def test_a_list_of_files_that_is_none_is_an_error(messages: list[tuple[bytes, int, bytes]]) -> None:
    kept = box(Told(*messages))
    with pytest.raises(ConfigError):
        await asyncio.wait_for(kept.files(), 5)
    await kept.close()


async def test_a_question_that_is_cancelled_gives_the_box_up() -> None:
    kept = box(Told(ends=False))
    asking = asyncio.create_task(kept.get("x"))
    await asyncio.wait({asking}, timeout=0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert kept.closed
