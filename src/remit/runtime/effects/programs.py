"""Programs: runs code that nobody trusts in a box, and makes each of its calls of tools like any other.

A program is run again over the calls that are recorded, so it is not one of them twice; one that could be kept while a
person had to act goes on from there instead. A call is the first move of a branch of the program's own: `PATH.CALL.0`.
"""

import contextlib
import mimetypes
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from remit.core.errors import ConfigError, DivergedError, JournalError, SandboxBusyError, ToolError
from remit.core.events import ProgramEnded, ProgramPaused, ProgramStarted
from remit.core.messages import Call, Outcome, Part
from remit.core.moves import Execute, Function, Made, Ran, Run
from remit.core.programs import Box, Interrupt, Result, Tier
from remit.core.state import Effect, State, Step
from remit.core.values import JsonObject, JsonValue, digest, now_ms
from remit.policy import refusal
from remit.runtime.halts import Stopped, Suspended
from remit.runtime.payload import fit, legible
from remit.runtime.recorder import Recorder
from remit.runtime.replaying.due import called
from remit.runtime.walk import gravest
from remit.runtime.world import World

MakeCalls = Callable[[str, Run], Awaitable[tuple[Outcome, ...]]]

_ARTEFACTS = 100
"""Files of one program that are kept."""
_LONGEST = 16_000
"""Characters of what was printed that are kept."""
_INSTALL = "no program can run here: install the extra `sandbox`, or open the home with a `sandbox`"


@dataclass(slots=True)
class Programs:
    """Answers `Execute` moves of one session."""

    world: World
    recorder: Recorder
    make: MakeCalls

    async def execute(self, path: str, move: Execute) -> Ran:
        """Run a program to its end; raise `Suspended` when one of its calls waits for a person."""
        step = self._step(path)
        if step is None:
            stopped = refusal(self.recorder.state, now_ms())
            if stopped:
                raise Stopped("stopped", stopped)
        else:
            same_program(path, step, move)
            if step.ran is not None:
                return ran(self.recorder.state, path)
        if self.world.sandbox is None:
            raise ConfigError(_INSTALL)
        try:
            box = await self.world.sandbox.open(move.policy)
        except SandboxBusyError as error:
            if step is not None:
                # It has made calls, and goes on when somebody resumes the run.
                raise
            return self._unopened(path, move, str(error))
        try:
            if step is None:
                self._start(path, move, box.tier)
            result = await self._follow(path, move, box)
            artefacts = await self._artefacts(box, move) if result.status != "killed" else ()
        finally:
            await box.close()
        return self._end(path, result, artefacts)

    def _step(self, path: str) -> Step | None:
        run = self.recorder.state.run
        assert run is not None
        return run.steps.get(path)

    def _start(self, path: str, move: Execute, tier: Tier) -> None:
        self.recorder.record(ProgramStarted(path, legible(move.code), hashed(move), tier))

    def _unopened(self, path: str, move: Execute, why: str) -> Ran:
        """End a program for which there was no room, which is no fault of its writer's."""
        self._start(path, move, move.policy.least)
        return self._end(path, Result(status="killed", why=why), ())

    async def _follow(self, path: str, move: Execute, box: Box) -> Result:
        """Run the program, from where it was kept if it was; raise what stopped one of its calls."""
        tools = {one.name: tuple(name for name, _ in one.parameters) for one in move.functions}
        step = self._step(path)
        paused = step.paused if step is not None else None
        result: Result | None = None
        bridge = _Bridge(path, move.functions, self.make, self.world, good(move.made))
        if paused is not None:
            # Kept by another version, or gone: then it is run again over the calls it made, as after a crash.
            with contextlib.suppress(ConfigError, JournalError):
                kept = await self.world.store.get(paused.kept)
                bridge.numbers = [*paused.waiting]
                bridge.next = paused.calls
                for place in paused.recalled:
                    bridge.made.pop(place, None)
                result = await box.resume(kept, tools=tools, bridge=bridge.call)
        if result is None:
            bridge = _Bridge(path, move.functions, self.make, self.world, good(move.made))
            result = await box.run(move.code, inputs=move.inputs, tools=tools, bridge=bridge.call)
            paused = None
        if bridge.broken:
            await self._kept(path, move, result, bridge)
            raise gravest(bridge.broken)
        if paused is None:
            self._all_repeated(path, bridge.next)
        return result

    async def _kept(self, path: str, move: Execute, result: Result, bridge: "_Bridge") -> None:
        if result.status == "paused" and all(isinstance(error, Suspended) for error in bridge.broken):
            blob = await self.world.store.put(result.kept)
            recalled = tuple(place for place in good(move.made) if place not in bridge.made)
            self.recorder.record(ProgramPaused(path, blob, bridge.next, tuple(sorted(bridge.stopped)), recalled))

    def _all_repeated(self, path: str, calls: int) -> None:
        made = calls_of(self.recorder.state, path)
        missed = next((number for number in made if number >= calls), None)
        if missed is not None:
            raise DivergedError(path, f"a call of {made[missed].tool} by a program", "its end")

    async def _artefacts(self, box: Box, move: Execute) -> tuple[Part, ...]:
        """Keep the files that a program left, as far as its bounds allow."""
        parts: list[Part] = []
        room = move.policy.bounds.disk
        # Names and sizes are the program's word.
        for name, size in sorted((await box.files()).items())[:_ARTEFACTS]:
            if size > room:
                continue
            try:
                data = await box.get(name)
            except ConfigError:
                continue
            room -= len(data)
            media = mimetypes.guess_type(name)[0] or "application/octet-stream"
            parts.append(Part(media, await self.world.store.put(data), "", legible(name), len(data)))
        return tuple(parts)

    def _end(self, path: str, result: Result, artefacts: tuple[Part, ...]) -> Ran:
        self.recorder.record(
            ProgramEnded(
                path,
                result.status,
                fit(result.value),
                shortened(legible(result.printed)),
                shortened(legible(result.error)),
                result.line,
                legible(result.why),
                result.calls,
                artefacts,
            )
        )
        return ran(self.recorder.state, path)


@dataclass(slots=True)
class _Bridge:
    """Makes the calls of one program; after one that could not be made it makes no more."""

    path: str
    functions: tuple[Function, ...]
    make: MakeCalls
    world: World
    made: dict[int, Made]
    """Calls that are not made again, each answered once, by their place."""
    next: int = 0
    """How many calls there are so far."""
    numbers: list[int] = field(default_factory=list[int])
    """Of the calls that the program makes again because they were interrupted."""
    broken: list[BaseException] = field(default_factory=list[BaseException])
    stopped: list[int] = field(default_factory=list[int])
    """Numbers of the calls without an answer."""

    async def call(self, name: str, args: JsonObject) -> JsonValue:
        """See `Bridge`."""
        function = next(one for one in self.functions if one.name == name)
        names = dict(function.parameters)
        call = Call(function.tool, {names[key]: value for key, value in args.items()})
        known = None if self.broken else self._known(call)
        number = -1 if known else self._number()
        if self.broken:
            self.stopped.append(number)
            raise Interrupt
        try:
            ended = known or (await self.make(f"{self.path}.{number}.0", Run((call,))))[0]
            output = await self._whole(ended)
        except Exception as error:
            # What stops the run, or is broken here, is no business of a program, which could catch it.
            self.broken.append(error)
            self.stopped.append(number)
            raise Interrupt(str(error)) from error
        if ended.status in {"ok", "simulated"}:
            return output
        raise ToolError(output if isinstance(output, str) else msgspec.json.encode(output).decode())

    def _known(self, call: Call) -> Made | None:
        for place, one in self.made.items():
            if (one.tool, one.args) == (call.tool, call.args):
                return self.made.pop(place)
        return None

    def _number(self) -> int:
        if self.numbers:
            return self.numbers.pop(0)
        self.next += 1
        return self.next - 1

    async def _whole(self, ended: Outcome | Made) -> JsonValue:
        return msgspec.json.decode(await self.world.store.get(ended.blob)) if ended.blob else ended.output


def good(made: Iterable[Made]) -> dict[int, Made]:
    """Give the calls whose answers stand, by their place."""
    return {place: one for place, one in enumerate(made) if one.status == "ok"}


def shortened(text: str) -> str:
    """Cut the middle out of a text that is too long for the journal."""
    over = len(text) - _LONGEST
    if over <= 0:
        return text
    return f"{text[: _LONGEST // 4]}\n[... {over:,} characters were cut here ...]\n{text[-(_LONGEST * 3 // 4) :]}"


def hashed(move: Execute) -> str:
    """Hash what decides what a program does."""
    functions: list[JsonValue] = [
        [one.name, one.tool, [list[JsonValue](pair) for pair in one.parameters]] for one in move.functions
    ]
    made: list[JsonValue] = [[one.tool, fit(one.args), fit(one.output), one.blob] for one in good(move.made).values()]
    return digest([legible(move.code), functions, fit(move.inputs), made])


def same_program(path: str, step: Step, move: Execute) -> None:
    """Raise `DivergedError` unless a recorded step is this program."""
    if step.program is None:
        raise DivergedError(path, called(step), "a program")
    if step.program.digest != hashed(move):
        raise DivergedError(path, "another program", f"the program {move.code[:80]!r}")


def calls_of(state: State, path: str) -> Mapping[int, Call]:
    """Give the calls that a program has made, by number."""
    return {number: effect.call for number, effect in _effects(state, path)}


def _effects(state: State, path: str) -> list[tuple[int, Effect]]:
    run = state.run
    assert run is not None
    ours = re.compile(rf"c{run.number}_{path.replace('.', '_')}_(\d+)_0_0")
    found = ((ours.fullmatch(name), effect) for name, effect in run.effects.items())
    return sorted(((int(match[1]), effect) for match, effect in found if match), key=lambda pair: pair[0])


def ran(state: State, path: str) -> Ran:
    """Give what came of a program that has ended."""
    run = state.run
    assert run is not None
    step = run.steps[path]
    assert step.ran is not None
    assert step.program is not None
    end = step.ran
    made = tuple(
        Made(effect.call.tool, effect.call.args, effect.outcome.status, effect.outcome.output, effect.outcome.blob)
        for _, effect in _effects(state, path)
        if effect.outcome is not None
    )
    return Ran(end.status, end.value, end.printed, end.error, end.line, end.why, step.program.tier, made, end.artefacts)
