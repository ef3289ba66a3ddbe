"""A sandbox in memory for the tests of programs, whose programs are lists of calls, and agents that run some."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.runtime.rig import Rig, agent, scripted

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.events import ProgramEnded
from remit.core.limits import Limits
from remit.core.messages import Call
from remit.core.moves import Brief, Function, Made, Ran, Strategy, execute
from remit.core.ports import ALLOW, Guard, Tool, ToolSpec, Verdict
from remit.core.programs import Bounds, Bridge, Capabilities, Interrupt, Result, SandboxPolicy, Status, Tier
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue

ACT = Function("act", "act", (("n", "n"), ("to_", "to")))
Does = Callable[[Bridge], Awaitable[Result]]


@dataclass
class Boxes:
    """A sandbox whose programs are lists of calls in JSON; the value of a program is what its calls gave.

    A list in the list is calls made at the same time. With `keeps`, an interrupted program is kept as what is left.
    """

    keeps: bool = False
    tier: Tier = "interpreter"
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    claims: Mapping[str, int] = field(default_factory=dict[str, int])
    """Files that it lists, with sizes, whether they are there or not."""
    opened: list[SandboxPolicy] = field(default_factory=list[SandboxPolicy])
    closed: int = 0
    resumed: int = 0
    refuses: Exception | None = None
    changes: str = ""
    """What every program turns into, as one does that depends on the weather."""
    does: Does | None = None
    """What every program does instead."""
    drops: int = 0
    """So many of its last calls a program leaves out when it goes on."""
    lost: bool = False
    """Its boxes are gone when their program has ended."""
    given: list[tuple[str, Mapping[str, JsonValue]]] = field(default_factory=list[tuple[str, Mapping[str, JsonValue]]])
    """Programs that it was given, with their inputs."""

    def capabilities(self) -> Capabilities:
        return Capabilities(tier=self.tier, available=True, pause=self.keeps)

    async def open(self, policy: SandboxPolicy) -> "OneBox":
        if self.refuses is not None:
            raise self.refuses
        self.opened.append(policy)
        return OneBox(self)

    async def close(self) -> None:
        """Have nothing to let go of."""


class Kept(msgspec.Struct):
    left: list[JsonObject | list[JsonObject]]
    given: list[JsonValue]


@dataclass
class OneBox:
    boxes: Boxes

    @property
    def tier(self) -> Tier:
        return self.boxes.tier

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        self.boxes.given.append((code, inputs))
        if self.boxes.does is not None:
            return await self.boxes.does(bridge)
        return await self._go_on(
            Kept(msgspec.json.decode(self.boxes.changes or code, type=list[JsonObject | list[JsonObject]]), []), bridge
        )

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        if not self.boxes.keeps:
            raise ConfigError("it keeps no programs")
        self.boxes.resumed += 1
        program = msgspec.json.decode(kept, type=Kept)
        del program.left[len(program.left) - self.boxes.drops :]
        return await self._go_on(program, bridge)

    async def _go_on(self, program: Kept, bridge: Bridge) -> Result:
        while program.left:
            now = program.left[0]
            answers = await asyncio.gather(
                *(bridge("act", args) for args in (now if isinstance(now, list) else [now])), return_exceptions=True
            )
            waits = [place for place, answer in enumerate(answers) if isinstance(answer, Interrupt)]
            died = [
                answer for answer in answers if not isinstance(answer, Exception) and isinstance(answer, BaseException)
            ]
            if died:
                raise died[0]
            if waits:
                program.left[0] = [now[place] for place in waits] if isinstance(now, list) else now
                program.given += [answer for answer in answers if not isinstance(answer, BaseException)]
                status: Status = "paused" if self.boxes.keeps else "killed"
                return Result(status=status, kept=msgspec.json.encode(program))
            program.given += [f"caught {one}" if isinstance(one, BaseException) else one for one in answers]
            program.left.pop(0)
        return Result(status="ok", value=program.given, calls=len(program.given), printed="x" * 40_000)

    async def files(self) -> Mapping[str, int]:
        if self.boxes.lost:
            raise ConfigError("the box is gone")
        return {name: len(data) for name, data in self.boxes.files.items()} | dict(self.boxes.claims)

    async def put(self, path: str, data: bytes) -> None:
        raise ConfigError("it has no files")

    async def get(self, path: str) -> bytes:
        if path not in self.boxes.files:
            raise ConfigError(f"there is no {path!r}")
        return self.boxes.files[path]

    async def close(self) -> None:
        self.boxes.closed += 1


def code(*steps: JsonObject | list[JsonObject]) -> str:
    return msgspec.json.encode(steps).decode()


class Second:
    """Asks before the call with the number 2."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("ask", "second") if call.args.get("n") == 2 else ALLOW


SMALL = SandboxPolicy(bounds=Bounds(disk=100))


def told(ran: Ran) -> list[JsonValue]:
    """Give what most tests want to know."""
    return [ran.status, ran.value, [[made.args, made.status] for made in ran.made]]


def programs(
    tool: Tool,
    *texts: str,
    guards: Sequence[Guard] = (),
    limits: Limits | None = None,
    inputs: JsonObject | None = None,
    tell: Callable[[Ran], Any] = told,
) -> Agent:
    """Declare an agent that runs programs, each answered with the calls of those before it, and tells of the last."""

    def several(brief: Brief) -> Strategy:
        made: list[Made] = []
        ran = Ran("error")
        for text in texts:
            ran = yield from execute(text, functions=[ACT], policy=SMALL, made=made, inputs=inputs)
            made.extend(ran.made)
        return tell(ran)

    return agent(scripted(), tool, strategy=several, guards=guards, limits=limits)


async def ended(rig: Rig) -> ProgramEnded:
    """Give the last end of a program."""
    return [event for event in await rig.events() if isinstance(event, ProgramEnded)][-1]
