"""Carrying out: a call that may run is made and its outcome written down, also when a worker died in the middle."""

from collections.abc import Awaitable, Callable, Sequence
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
from remit.core.state import Run, State
from remit.core.token import Remit, sign
from remit.core.values import JsonObject, JsonValue, Nanos, now_ms
from remit.policy import budget_refusal, refusal
from remit.runtime.effects.acting import Doing, Leave, Result, act, own, probe
from remit.runtime.effects.approving import shown
from remit.runtime.effects.traffic import FREE
from remit.runtime.halts import Stopped, Suspended
from remit.runtime.ledger import Ledger
from remit.runtime.payload import LARGE, fit, legible, outcome, packed
from remit.runtime.recorder import NoRoom, Recorder
from remit.runtime.world import World
from remit.telemetry.spans import Callers

_CALLED = frozenset({"started", "reconciled"})
_DOUBTED = "Nobody can say yet, and a person looks into it. Do not make this call again."

_CANCELLED = Result("failed", "not run: the run was cancelled", charged=False)


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
    given: JsonObject | None = None
    """A copy of the arguments that the tool has checked, for its first attempt."""


@dataclass(slots=True)
class Carrying:
    """Makes the calls of one session that were admitted."""

    world: World
    recorder: Recorder
    ledger: Ledger
    through: Callable[[Call], Awaitable[Outcome]]
    """Makes another call through the whole gateway: a fallback."""
    _signed: str = field(default="")
    _said: tuple[int, tuple[str, ...]] = field(default=(-1, ()))
    """What the token says: how many labels, which only grow, and who asked."""
    _callers: Callers | None = field(default=None)
    _circuits: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The names of the circuits of each tool."""

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
            if leave.turn.waited:
                self._still()
            refused = await self._intend(go)
            if refused is not None:
                leave.release()
                return refused
        except BaseException:
            leave.release()
            raise
        doing = Doing(go.tool, go.call, self._context(go.call), self.world, go.given)
        result = await act(doing, leave, lambda: self._leave(go))
        return await self._conclude(go if go.made is None else replace(go, made=None), result)

    # -- before the act --------------------------------------------------------------------------------------------

    async def _leave(self, go: Go) -> Leave | str:
        """Get through the circuits of the tool and its hosts and wait for a turn, or say why that cannot be now."""
        passes = self._enter(go)
        if isinstance(passes, str):
            return passes
        try:
            turn = await self.world.turns.take(go.tool.spec)
        except BaseException:
            _give_back(passes)
            raise
        if isinstance(turn, str):
            _give_back(passes)
            return turn
        if turn is FREE or all(entered.good for entered in passes):
            return Leave(turn, passes)
        # Others have found out while we waited. A pass that is still good may be a probe, which nobody else would get.
        _give_back(passes)
        again = self._enter(go)
        if isinstance(again, str):
            turn.release()
            return again
        return Leave(turn, again)

    def _enter(self, go: Go) -> Sequence[Pass] | str:
        names = self._circuits.get(go.call.tool)
        if names is None:
            hosts = (f"host:{host}" for host in go.tool.spec.hosts)
            # Each once: who has the probe of a half-open circuit would be refused as its second.
            names = self._circuits[go.call.tool] = tuple(dict.fromkeys((f"tool:{go.call.tool}", *hosts)))
        passes: list[Pass] = []
        for name in names:
            entered = self.world.gate.enter(name)
            if isinstance(entered, str):
                _give_back(passes)
                return entered
            passes.append(entered)
        return passes

    def _still(self) -> None:
        """Stop when the time of the run went by while it waited for a turn: nothing has begun yet."""
        stopped = refusal(self.recorder.state, now_ms(), begun=True)
        if stopped:
            raise Stopped("stopped", stopped)

    async def _intend(self, go: Go) -> Outcome | None:
        """Make the intent durable; give the outcome when it was refused."""
        started = EffectStarted(go.call.id, go.tool.spec.price, go.made)
        if go.held:
            try:
                await self.recorder.reserve(started, go.held, lambda now: budget_refusal(now, started.hold))
            except (NoRoom, OverLimitError) as error:
                why = self._shown(go, f"not run: {error}")
                denied = EffectEnded(Outcome(go.call.id, "denied", fit(why)), made=go.made)
                return self.recorder.record(denied).outcome
        else:
            # The intent goes first: after a crash we must know that it may have happened.
            self.recorder.record(started)
            await self.recorder.flush()
        if self._run().cancelled is not None:
            # A person was faster than the act, so it is sure that it did not happen.
            return await self._ended(replace(go, made=None), _CANCELLED)
        return None

    # -- after a crash ---------------------------------------------------------------------------------------------

    async def _take_up(self, go: Go) -> Outcome:
        """Go on with a call that was under way when its worker died."""
        context, run = self._context(go.call), self._run()
        reconciled = run.effects[go.call.id].reconciled
        if reconciled is not None and reconciled.happened:
            return await self._conclude(go, Result("ok", reconciled.output))
        if f"{go.call.id}f" in run.effects:
            before = Result("failed", "failed before the worker died", charged=reconciled is None)
            return await self._fall_back(go, before)
        if go.tool.spec.effect == "once" and reconciled is None:
            # Of a contract that nobody reviewed, no probe is believed either.
            doing = Doing(go.tool, go.call, context, self.world)
            found = None if go.tool.spec.withheld else await probe(doing)
            if found is None:
                return await self._doubt(go, "the worker died while it was being called")
            reconciled = EffectReconciled(go.call.id, found.happened, "probe", found.output)
            self.recorder.record(reconciled)
            if found.happened:
                return await self._conclude(go, Result("ok", found.output))
        return await self._make_again(go, context, certain=reconciled is not None)

    async def _make_again(self, go: Go, context: ToolContext, *, certain: bool) -> Outcome:
        """Make a call anew; `certain` says that it surely has not happened yet."""
        withheld = go.tool.spec.withheld
        leave = f"withheld: {withheld}" if withheld else await self._leave(go)
        if isinstance(leave, str):
            why = f"the worker died while it was being called, and now: {leave}"
            return await self._fail_over(go, Result("failed", why, charged=not certain))
        try:
            if certain:
                # A second crash must find an intent again.
                self.recorder.record(EffectStarted(go.call.id))
            await self.recorder.flush()
            if certain and self._run().cancelled is not None:
                leave.release()
                return await self._ended(go, _CANCELLED)
        except BaseException:
            leave.release()
            raise
        doing = Doing(go.tool, go.call, context, self.world)
        return await self._conclude(go, await act(doing, leave, lambda: self._leave(go)))

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
        name = f"{go.call.id}f"
        begun = self._run().effects.get(name)
        # One that was begun goes on as it was, whatever a guard made of it or a deploy declares instead.
        call = begun.call if begun is not None else Call(go.tool.spec.fallback, own(go.call.args), name)
        try:
            second = await self.through(call)
        except Stopped:
            # The run is over, but how this call ended is known and must leave no doubt.
            await self._degrade(go, result)
            raise
        if second.status == "ok":
            output: JsonValue = {"via": call.tool, "because": result.output, "output": second.output}
            return await self._ended(go, replace(result, status="ok", output=output), mine=False)
        output = f"{result.output}; the fallback {call.tool} failed too: {second.output}"
        return await self._degrade(go, replace(result, output=output))

    async def _degrade(self, go: Go, result: Result) -> Outcome:
        """Give the answer that was declared for when there is none, marked as what it is, or else the failure."""
        instead = go.tool.spec.degraded
        if instead is None:
            return await self._ended(go, result)
        output: JsonValue = {"degraded": True, "because": result.output, "output": instead}
        return await self._ended(go, replace(result, status="ok", output=output), mine=False)

    async def _ended(self, go: Go, result: Result, *, mine: bool = True) -> Outcome:
        """Write the outcome down; `mine` says that it is the tool's own answer."""
        status: OutcomeStatus = "ok" if result.status == "ok" else "failed"
        spec, output = go.tool.spec, fit(result.output)
        if self.world.secrets.version:
            # Before it is measured: what is too large goes to a blob, and no secret may get there either.
            output = self.world.secrets.redact_event(EffectEnded(Outcome(go.call.id, status, output))).outcome.output
        ended = await outcome(go.call.id, status, self._shown(go, output), self.world.store)
        if mine and status == "ok" and spec.output is not None:
            self._compare(go, output)
        effect = self._run().effects.get(go.call.id)
        cost = self._price(go) if result.charged else 0
        event = EffectEnded(
            ended,
            cost,
            result.attempts,
            go.made,
            round(result.waited * 1000) if result.waited else 0,
            # What nobody called has given nothing.
            spec.labels if spec.labels and effect is not None and effect.status in _CALLED else (),
            self._found(output) if spec.reveals and mine and status == "ok" else (),
        )
        hold = 0 if effect is None else effect.hold
        entries = () if hold == cost else await self._settle(go, cost)
        return self.recorder.record(event, entries).outcome

    def _shown(self, go: Go, output: JsonValue) -> JsonValue:
        return shown(self._run().effects.get(go.call.id), go.call, output)

    def _price(self, go: Go) -> Nanos:
        """Say what the call costs at most: what is held for it, also when its price has changed since."""
        effect = self._run().effects.get(go.call.id)
        return effect.hold if effect is not None and not go.fresh else go.tool.spec.price

    async def _settle(self, go: Go, cost: Nanos) -> Sequence[Entry]:
        """Give back what a hold was too much, also one that was taken in an earlier life."""
        effect = self._run().effects.get(go.call.id)
        hold = 0 if effect is None else effect.hold
        held = go.held
        if not held and hold:
            # Its accounts are those of the day it was taken, under the limits of then.
            past = State()
            for record in await self.world.store.read(self.recorder.session):
                past.apply(record.event)
                event = record.event
                if isinstance(event, EffectStarted) and event.call == go.call.id and event.hold:
                    held = self.ledger.hold(event.hold, past.limits, record.at)
        return self.ledger.settle(held, hold, cost)

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
        schema, memo = fit(asks.schema), fit(asks.memo)
        form = {str(key): value for key, value in schema.items()} if isinstance(schema, dict) else {}
        asked = InputAsked(go.call.id, legible(str(asks)), form, memo)
        size = len(packed([asked.question, form, memo]))
        if not isinstance(schema, dict) or size > LARGE:
            why = f"{size} bytes, and at most {LARGE} can be kept" if size > LARGE else "its schema is no object"
            return await self._fail_over(go, Result("failed", f"{go.call.tool} asks a person: {why}", charged=False))
        kept = self.recorder.record(asked, await self._settle(go, 0))
        await self.recorder.flush()
        raise Suspended("input", asking(go.call, kept.question))

    async def _doubt(self, go: Go, why: str) -> Outcome:
        doubt = EffectInDoubt(go.call.id, legible(f"did {go.call.tool} ({go.call.id}) happen? {why}"))
        question = self.recorder.record(doubt).question
        if go.tool.spec.doubt == "tell":
            self.recorder.record(Flagged("in_doubt", "notice", question, go.call.id))
            outcome = Outcome(go.call.id, "failed", f"{question.rstrip('.')}. {_DOUBTED}")
            ended = EffectEnded(outcome, self._price(go), labels=go.tool.spec.labels)
            return self.recorder.record(ended).outcome
        await self.recorder.flush()
        raise Suspended("in_doubt", question)

    def _context(self, call: Call) -> ToolContext:
        session, run = self.recorder.session, self._run()
        effect = run.effects.get(call.id)
        resume = None
        if effect is not None and effect.wants is not None and effect.got is not None:
            resume = Resume(effect.got.given, effect.wants.memo)
        if self._callers is None or self._callers.run != run.number:
            self._callers = Callers(session, run.number, self.recorder.state.opened, run.trace)
        key, name = f"{session}-{call.id}", self.world.tenant.name
        return ToolContext(key, session, name, call.id, self._token(), run.task, resume, self._callers.of)

    def _token(self) -> str:
        """Sign what a child must stay inside of: also what this session has been given, and by whom it was asked."""
        labels, by = self.recorder.state.labels, self._run().by
        if self._said != (len(labels), by):
            tree = self.ledger.tree
            asked = tuple(dict.fromkeys((*tree.by, *by)))
            # What began this session says nothing of its children: each is told its own call, beside what is signed.
            tree = replace(tree, labels=tuple(sorted(labels)), by=asked, trace="")
            self._signed = sign(Remit(self.recorder.session, self.world.tenant.name, tree), self.world.key)
            self._said = len(labels), by
        return self._signed

    def _run(self) -> Run:
        run = self.recorder.state.run
        assert run is not None
        return run


def _give_back(passes: Sequence[Pass]) -> None:
    for entered in passes:
        entered.release()


def asking(call: Call, question: str) -> str:
    """Say that a call asks a person."""
    return f"{call.tool} ({call.id}) asks: {question}"
