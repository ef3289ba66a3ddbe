"""Carrying out: a call that may run is made and its outcome written down, also when a worker died in the middle."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from remit.core.errors import InputRequiredError, OverLimitError
from remit.core.events import (
    EffectEnded,
    EffectInDoubt,
    EffectReconciled,
    EffectStarted,
    Flagged,
    InputAsked,
)
from remit.core.messages import Call, Outcome, OutcomeStatus
from remit.core.ports import Entry, Pass, Resume, Tool, ToolContext
from remit.core.state import Run
from remit.core.token import Remit, sign
from remit.core.values import JsonValue
from remit.policy import budget_refusal
from remit.runtime.effects.acting import Leave, Result, act, probe
from remit.runtime.effects.traffic import FREE
from remit.runtime.halts import Suspended
from remit.runtime.ledger import Ledger
from remit.runtime.payload import fit, legible, outcome
from remit.runtime.recorder import NoRoom, Recorder
from remit.runtime.world import World

_DOUBTED = "Nobody can say yet, and a person looks into it. Do not make this call again."


class Go(Struct, frozen=True):
    """A call that may run, with what must be true of it."""

    call: Call
    tool: Tool
    made: Call | None = None
    fresh: bool = True
    """Nothing of it was started before."""
    held: tuple[Entry, ...] = ()
    over: bool = False
    """Its fallback was begun before the worker died, so it is not made any more."""


@dataclass(slots=True)
class Carrying:
    """Makes the calls of one session that were admitted."""

    world: World
    recorder: Recorder
    ledger: Ledger
    through: Callable[[Call], Awaitable[Outcome]]
    """Makes another call through the whole gateway: a fallback."""
    _token: str = field(default="")

    async def carry_out(self, go: Go) -> Outcome:
        """Make a call, or go on with one, until its outcome is recorded; raise `Suspended` when a person must act."""
        if go.over:
            return await self._fall_back(go, Result("failed", "failed before the worker died", charged=False))
        if not go.fresh:
            return await self._take_up(go)
        leave = await self._leave(go)
        if isinstance(leave, str):
            return await self._fail_over(replace(go, held=()), Result("failed", leave, charged=False))
        try:
            refused = await self._intend(go)
            if refused is not None:
                leave.release()
                return refused
        except BaseException:
            leave.release()
            raise
        result = await act(go.tool, go.call, self._context(go.call), self.world, leave, lambda: self._leave(go))
        return await self._conclude(replace(go, made=None), result)

    # -- before the act --------------------------------------------------------------------------------------------

    async def _leave(self, go: Go) -> Leave | str:
        """Get through the circuits of the tool and its hosts and wait for a turn, or say why that cannot be now."""
        passes = self._enter(go)
        if isinstance(passes, str):
            return passes
        entered = Leave(FREE, passes)
        try:
            turn = await self.world.turns.take(go.tool.spec)
        except BaseException:
            entered.release()
            raise
        if isinstance(turn, str):
            entered.release()
            return turn
        if entered.good:
            return Leave(turn, passes)
        # Others have found out while we waited.
        again = self._enter(go)
        if isinstance(again, str):
            turn.release()
            return again
        return Leave(turn, again)

    def _enter(self, go: Go) -> tuple[Pass, ...] | str:
        passes: list[Pass] = []
        for name in (f"tool:{go.call.tool}", *(f"host:{host}" for host in go.tool.spec.hosts)):
            entered = self.world.gate.enter(name)
            if isinstance(entered, str):
                for other in passes:
                    other.release()
                return entered
            passes.append(entered)
        return tuple(passes)

    async def _intend(self, go: Go) -> Outcome | None:
        """Make the intent durable; give the outcome when it was refused."""
        started = EffectStarted(go.call.id, go.tool.spec.price, go.made)
        if go.held:
            try:
                await self.recorder.reserve(started, go.held, lambda now: budget_refusal(now, started.hold))
            except (NoRoom, OverLimitError) as error:
                denied = EffectEnded(Outcome(go.call.id, "denied", fit(f"not run: {error}")), made=go.made)
                return self.recorder.record(denied).outcome
        else:
            # The intent goes first: after a crash we must know that it may have happened.
            self.recorder.record(started)
            await self.recorder.flush()
        if self._run().cancelled is not None:
            # A person was faster than the act, so it is sure that it did not happen.
            cancelled = Result("failed", "not run: the run was cancelled", charged=False)
            return await self._ended(replace(go, made=None), cancelled)
        return None

    # -- after a crash ---------------------------------------------------------------------------------------------

    async def _take_up(self, go: Go) -> Outcome:
        """Go on with a call that was under way when its worker died."""
        context, run = self._context(go.call), self._run()
        reconciled = run.effects[go.call.id].reconciled
        if reconciled is not None and reconciled.happened:
            return await self._conclude(go, Result("ok", reconciled.output))
        if f"{go.call.id}f" in run.effects:
            return await self._fall_back(go, Result("failed", "failed before the worker died"))
        if go.tool.spec.effect == "once" and reconciled is None:
            found = await probe(go.tool, go.call, context)
            if found is None:
                return await self._doubt(go, "the worker died while it was being called")
            reconciled = EffectReconciled(go.call.id, found.happened, "probe", found.output)
            self.recorder.record(reconciled)
            if found.happened:
                return await self._conclude(go, Result("ok", found.output))
        leave = await self._leave(go)
        if isinstance(leave, str):
            why = f"the worker died while it was being called, and now: {leave}"
            return await self._fail_over(go, Result("failed", why, charged=reconciled is None))
        try:
            if reconciled is not None:
                # It is about to be tried anew, so a second crash must find an intent again.
                self.recorder.record(EffectStarted(go.call.id))
            await self.recorder.flush()
        except BaseException:
            leave.release()
            raise
        return await self._conclude(
            go, await act(go.tool, go.call, context, self.world, leave, lambda: self._leave(go))
        )

    # -- after the act ---------------------------------------------------------------------------------------------

    async def _conclude(self, go: Go, result: Result) -> Outcome:
        if result.status == "unknown":
            return await self._doubt(go, str(result.output))
        if result.asks is not None:
            return await self._ask_for_input(go, result.asks)
        if result.status == "failed":
            return await self._fail_over(go, result)
        return await self._ended(go, result)

    async def _fail_over(self, go: Go, result: Result) -> Outcome:
        if go.tool.spec.fallback:
            return await self._fall_back(go, result)
        return await self._degrade(go, result)

    async def _fall_back(self, go: Go, result: Result) -> Outcome:
        """Try the declared fallback, through the same door; what it gives is the outcome of the first call."""
        call = Call(go.tool.spec.fallback, go.call.args, f"{go.call.id}f")
        second = await self.through(call)
        if second.status == "ok":
            output: JsonValue = {"via": call.tool, "because": result.output, "output": second.output}
            return await self._ended(go, replace(result, status="ok", output=output), own=False)
        output = f"{result.output}; the fallback {call.tool} failed too: {second.output}"
        return await self._degrade(go, replace(result, output=output))

    async def _degrade(self, go: Go, result: Result) -> Outcome:
        """Give the answer that was declared for when there is none, marked as what it is, or else the failure."""
        instead = go.tool.spec.degraded
        if instead is None:
            return await self._ended(go, result)
        output: JsonValue = {"degraded": True, "because": result.output, "output": instead}
        return await self._ended(go, replace(result, status="ok", output=output), own=False)

    async def _ended(self, go: Go, result: Result, *, own: bool = True) -> Outcome:
        """Write the outcome down; `own` says that it is the tool's own answer."""
        status: OutcomeStatus = "ok" if result.status == "ok" else "failed"
        # Before it is measured: what is too large goes to a blob, and no secret may get there either.
        clean = self.world.secrets.redact_event(EffectEnded(Outcome(go.call.id, status, fit(result.output)))).outcome
        ended = await outcome(go.call.id, status, clean.output, self.world.store)
        spec = go.tool.spec
        if own and status == "ok" and spec.output is not None:
            self._compare(go, clean.output)
        event = EffectEnded(
            ended,
            spec.price if result.charged else 0,
            result.attempts,
            go.made,
            round(result.waited * 1000),
            spec.labels,
            self._found(clean.output) if own and spec.reveals and status == "ok" else (),
        )
        return self.recorder.record(event, self.ledger.settle(go.held, spec.price, event.cost)).outcome

    def _compare(self, go: Go, output: JsonValue) -> None:
        """Flag an answer that does not have the promised form: the model may use it, and a person should look."""
        problem = self.world.unlike(go.tool.spec, output)
        if problem:
            reason = f"{go.call.tool} did not answer as it promises: {problem}"
            self.recorder.record(Flagged("drift", "notice", legible(reason), go.call.id))

    def _found(self, output: JsonValue) -> tuple[str, ...]:
        """Name the tools that a search has found and that are there."""
        listed = output.get("tools") if isinstance(output, dict) else None
        entries = listed if isinstance(listed, list) else []
        names = (entry.get("name") if isinstance(entry, dict) else None for entry in entries)
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name in self.world.tools))

    async def _ask_for_input(self, go: Go, asks: InputRequiredError) -> Outcome:
        schema = fit(asks.schema)
        assert isinstance(schema, dict)
        asked = InputAsked(go.call.id, legible(str(asks)), schema, fit(asks.memo))
        kept = self.recorder.record(asked, self.ledger.settle(go.held, go.tool.spec.price, 0))
        await self.recorder.flush()
        raise Suspended("input", asking(go.call, kept.question))

    async def _doubt(self, go: Go, why: str) -> Outcome:
        doubt = EffectInDoubt(go.call.id, legible(f"did {go.call.tool} ({go.call.id}) happen? {why}"))
        question = self.recorder.record(doubt).question
        if go.tool.spec.doubt == "tell":
            self.recorder.record(Flagged("in_doubt", "notice", question, go.call.id))
            told = EffectEnded(Outcome(go.call.id, "failed", f"{question.rstrip('.')}. {_DOUBTED}"), go.tool.spec.price)
            return self.recorder.record(told).outcome
        await self.recorder.flush()
        raise Suspended("in_doubt", question)

    def _context(self, call: Call) -> ToolContext:
        session, run = self.recorder.session, self._run()
        if not self._token:
            self._token = sign(Remit(session, self.world.tenant.name, self.ledger.tree), self.world.key)
        effect = run.effects.get(call.id)
        resume = None
        if effect is not None and effect.wants is not None and effect.got is not None:
            resume = Resume(effect.got.given, effect.wants.memo)
        name = self.world.tenant.name
        return ToolContext(f"{session}-{call.id}", session, name, call.id, self._token, run.task, resume)

    def _run(self) -> Run:
        run = self.recorder.state.run
        assert run is not None
        return run


def asking(call: Call, question: str) -> str:
    """Say that a call asks a person."""
    return f"{call.tool} ({call.id}) asks: {question}"
