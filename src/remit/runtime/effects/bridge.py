"""Bridge: makes the calls of one program, and answers those that a program before it has made already."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from remit.core.errors import ToolError
from remit.core.messages import Call, Outcome
from remit.core.moves import Execute, Made, Run
from remit.core.programs import Interrupt
from remit.core.values import JsonObject, JsonValue
from remit.policy import judge
from remit.runtime.recorder import Recorder
from remit.runtime.replaying.due import same_args, written
from remit.runtime.world import World

MakeCalls = Callable[[str, Run], Awaitable[tuple[Outcome, ...]]]


@dataclass(slots=True)
class Calling:
    """Makes the calls of one program; after one that could not be made it makes no more."""

    path: str
    move: Execute
    make: MakeCalls
    world: World
    recorder: Recorder
    next: int = 0
    """How many calls there are so far."""
    numbers: list[int] = field(default_factory=list[int])
    """Of the calls that the program makes again because they were interrupted."""
    broken: list[BaseException] = field(default_factory=list[BaseException])
    stopped: list[int] = field(default_factory=list[int])
    """Numbers of the calls without an answer."""
    made: dict[int, Made] = field(init=False)
    """Calls that are not made again, each answered once, by their place."""
    _begun: list[asyncio.Task[Outcome]] = field(default_factory=list[asyncio.Task[Outcome]])
    _room: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no call made."""
        self.made = standing(self.move.made)
        self._room = asyncio.Semaphore(max(1, self.recorder.state.limits.calls))

    async def call(self, name: str, args: JsonObject) -> JsonValue:
        """See `Bridge`."""
        function = next(one for one in self.move.functions if one.name == name)
        names = dict(function.parameters)
        call = Call(function.tool, {names[key]: value for key, value in args.items()})
        known = None if self.broken else self._known(call)
        number = -1 if known else self._number()
        try:
            ended = known or await self._made(number, call)
            output = await self._whole(ended)
        except Exception as error:
            # What stops the run, or is broken here, is no business of a program, which could catch it.
            if not isinstance(error, Interrupt) and all(error is not one for one in self.broken):
                self.broken.append(error)
            self.stopped.append(number)
            raise Interrupt(str(error)) from error
        if ended.status in {"ok", "simulated"}:
            return output
        raise ToolError(output if isinstance(output, str) else msgspec.json.encode(output).decode())

    async def end(self) -> None:
        """Wait for the calls that a program made which is gone: what has begun comes to an end that is recorded."""
        await asyncio.gather(*self._begun, return_exceptions=True)

    async def cancel(self) -> None:
        """Cancel the calls under way, because their run is."""
        for begun in self._begun:
            begun.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)

    async def _made(self, number: int, call: Call) -> Outcome:
        # A task of its own: when the program that waits for it dies, it must not be cut off in the middle.
        begun = asyncio.create_task(self._in_turn(number, call))
        self._begun.append(begun)
        return await asyncio.shield(begun)

    async def _in_turn(self, number: int, call: Call) -> Outcome:
        async with self._room:
            if self.broken:
                raise Interrupt
            try:
                return (await self.make(f"{self.path}.{number}.0", Run((call,))))[0]
            except BaseException as error:
                # At once, so that no other call begins after it.
                self.broken.append(error)
                raise

    def _known(self, call: Call) -> Made | None:
        if not self.made:
            return None
        wanted = written(call, self.world.secrets)
        for place, one in self.made.items():
            if one.tool == wanted.tool and (same_args(one.args, wanted.args) or self._same_changed(one, wanted)):
                return self.made.pop(place)
        return None

    def _same_changed(self, one: Made, call: Call) -> bool:
        """Say whether a call was changed into the one that was made, by a person, or by guards as they would again."""
        tool = self.world.tools.get(call.tool)
        if not one.changed or tool is None:
            return False
        before = one.args if one.wished is None else one.wished
        if one.wished is not None and same_args(before, call.args):
            return True
        args = judge(self.world.guards, call, tool.spec, self.recorder.state).args
        return args is not None and same_args(before, args)

    def _number(self) -> int:
        if self.numbers:
            return self.numbers.pop(0)
        self.next += 1
        return self.next - 1

    async def _whole(self, ended: Outcome | Made) -> JsonValue:
        return msgspec.json.decode(await self.world.store.get(ended.blob)) if ended.blob else ended.output


def standing(made: Iterable[Made]) -> dict[int, Made]:
    """Give the calls that are not made again, by their place: all but those that surely failed."""
    return {place: one for place, one in enumerate(made) if one.status != "failed" or one.doubted}
