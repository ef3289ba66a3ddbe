"""Programs: runs code that nobody trusts in a box, and makes each of its calls of tools like any other.

A program is run again over the calls that are recorded, so it is not one of them twice; one that could be kept while a
person had to act goes on from there instead. A call is the first move of a branch of the program's own: `PATH.CALL.0`.
"""

import asyncio
import contextlib
import mimetypes
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from remit.core.errors import ConfigError, DivergedError, JournalError, SandboxBusyError
from remit.core.events import ProgramEnded, ProgramPaused, ProgramStarted
from remit.core.messages import Call, Part
from remit.core.moves import Execute, Made, Ran
from remit.core.programs import Box, Result, Tier
from remit.core.state import Effect, State, Step
from remit.core.state import Run as RunState
from remit.core.values import JsonValue, digest, now_ms
from remit.policy import refusal
from remit.runtime.effects.bridge import Calling, MakeCalls, standing
from remit.runtime.halts import Stopped, Suspended
from remit.runtime.payload import fit, legible
from remit.runtime.recorder import Recorder
from remit.runtime.replaying.due import called
from remit.runtime.walk import gravest
from remit.runtime.world import World

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
        # What was recorded while another branch takes from an account does not count before that is decided.
        await self.recorder.settled()
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
            return await self._unopened(path, move, str(error))
        try:
            if step is None:
                self._start(path, move, box.tier)
            result = await self._follow(path, move, box)
            artefacts = await self._artefacts(box, move) if result.status != "killed" else ()
        finally:
            await box.close()
        return await self._end(path, result, artefacts)

    def _step(self, path: str) -> Step | None:
        run = self.recorder.state.run
        assert run is not None
        return run.steps.get(path)

    def _start(self, path: str, move: Execute, tier: Tier) -> None:
        self.recorder.record(ProgramStarted(path, legible(move.code), hashed(move), tier))

    async def _unopened(self, path: str, move: Execute, why: str) -> Ran:
        """End a program for which there was no room, which is no fault of its writer's."""
        self._start(path, move, move.policy.least)
        return await self._end(path, Result(status="busy", why=why), ())

    async def _follow(self, path: str, move: Execute, box: Box) -> Result:
        """Run the program, from where it was kept if it was; raise what stopped one of its calls."""
        step = self._step(path)
        paused = step.paused if step is not None else None
        ended = None if paused is None else await self._resumed(path, move, box, paused)
        if ended is None:
            calling, inputs = self._calling(path, move), fit(move.inputs)
            assert isinstance(inputs, dict)
            # As the journal could hold them: halves of surrogate pairs, say, no box would take.
            running = box.run(legible(move.code), inputs=inputs, tools=_tools(move), bridge=calling.call)
            ended = await self._whole(running, calling), calling
        result, calling = ended
        if calling.broken:
            await self._kept(path, move, result, calling)
            raise gravest(calling.broken)
        self._all_repeated(path, calling, result)
        return result

    def _calling(self, path: str, move: Execute) -> Calling:
        return Calling(path, move, self.make, self.world, self.recorder)

    async def _resumed(
        self, path: str, move: Execute, box: Box, paused: ProgramPaused
    ) -> tuple[Result, Calling] | None:
        """Go on with a program where it was kept; nothing when it must run again, over the calls it made."""
        calling = self._calling(path, move)
        calling.numbers, calling.next = [*paused.waiting], paused.calls
        for place in paused.recalled:
            calling.made.pop(place, None)
        # Kept by another version, or gone: as after a crash.
        with contextlib.suppress(ConfigError, JournalError):
            kept = await self.world.store.get(paused.kept)
            return await self._whole(box.resume(kept, tools=_tools(move), bridge=calling.call), calling), calling
        return None

    async def _whole(self, running: Awaitable[Result], calling: Calling) -> Result:
        """Wait for a program and for all of its calls, also for those that it left behind when it died."""
        try:
            result = await running
        except asyncio.CancelledError:
            await calling.cancel()
            raise
        except BaseException:
            await calling.end()
            raise
        await calling.end()
        return result

    async def _kept(self, path: str, move: Execute, result: Result, calling: Calling) -> None:
        if result.status == "paused" and all(isinstance(error, Suspended) for error in calling.broken):
            blob = await self.world.store.put(result.kept)
            recalled = tuple(place for place in standing(move.made) if place not in calling.made)
            self.recorder.record(ProgramPaused(path, blob, calling.next, tuple(sorted(calling.stopped)), recalled))

    def _all_repeated(self, path: str, calling: Calling, result: Result) -> None:
        made = calls_of(self.recorder.state, path)
        missed = next((number for number in made if number >= calling.next or number in calling.numbers), None)
        if missed is not None and result.status == "killed":
            # It came to no end of its own, so nobody can say what it would have done.
            raise SandboxBusyError(f"the program did not come to where it was before: {result.why}; resume the run")
        if missed is not None:
            raise DivergedError(path, f"a call of {made[missed].tool} by a program", "its end")

    async def _artefacts(self, box: Box, move: Execute) -> tuple[Part, ...]:
        """Keep the files that a program left, as far as its bounds allow."""
        parts: list[Part] = []
        room = move.policy.bounds.disk
        try:
            files = await box.files()
        except ConfigError:
            # It is gone, or gives no list: that is no reason to forget what the program did.
            return ()
        # Names and sizes are the program's word.
        for name, size in sorted(files.items())[:_ARTEFACTS]:
            if size > room:
                continue
            try:
                data = await box.get(name)
            except ConfigError:
                continue
            if len(data) > room:
                continue
            room -= len(data)
            # By its ending alone: of what looks like a URL, the type would be the program's own words.
            media = mimetypes.guess_type(f"file{PurePosixPath(name).suffix}")[0] or "application/octet-stream"
            parts.append(Part(media, await self.world.store.put(data), "", legible(name), len(data)))
        return tuple(parts)

    async def _end(self, path: str, result: Result, artefacts: tuple[Part, ...]) -> Ran:
        self.recorder.record(
            ProgramEnded(
                path,
                result.status,
                fit(result.value),
                self._said(result.printed),
                self._said(result.error),
                result.line,
                legible(result.why),
                result.calls,
                artefacts,
            )
        )
        return ran(await self.recorder.settled(), path)

    def _said(self, text: str) -> str:
        # Redacted before it is cut, which would leave half of a secret that nobody knows again.
        return shortened(self.world.secrets.redact(legible(text)))


def _tools(move: Execute) -> Mapping[str, tuple[str, ...]]:
    return {one.name: tuple(name for name, _ in one.parameters) for one in move.functions}


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
    made: list[JsonValue] = [
        [one.tool, fit(one.args), one.status, fit(one.output), one.blob] for one in standing(move.made).values()
    ]
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
    made = tuple(_made(effect, run) for _, effect in _effects(state, path) if effect.outcome is not None)
    return Ran(end.status, end.value, end.printed, end.error, end.line, end.why, step.program.tier, made, end.artefacts)


def _made(effect: Effect, run: RunState) -> Made:
    call, outcome = effect.call, effect.outcome
    assert outcome is not None
    # Nobody waited for a person to say whether it happened, so it may have.
    doubted = outcome.status != "ok" and bool(effect.question) and effect.reconciled is None
    changed = call.id in run.redacted
    return Made(call.tool, call.args, outcome.status, outcome.output, outcome.blob, doubted, changed, effect.wished)
