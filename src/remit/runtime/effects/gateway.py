"""Gateway: the one door for effects. Checks, then intent, then act, then outcome, also after a crash.

Order: schema, limits, guards, approval, honeypot, breaker, hold, `EffectStarted`, act, output, `EffectEnded`, settle.
"""

from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from remit.core.agent import Agent
from remit.core.errors import DivergedError, InputRequiredError, OverLimitError
from remit.core.events import (
    ApprovalAsked,
    EffectEnded,
    EffectInDoubt,
    EffectReconciled,
    EffectStarted,
    Flagged,
    InputAsked,
    Judged,
)
from remit.core.messages import Call, Outcome, OutcomeStatus
from remit.core.moves import Run
from remit.core.ports import Entry, Resume, Tool, ToolContext, Verdict
from remit.core.state import Effect
from remit.core.token import Remit, sign
from remit.core.values import JsonValue, digest, now_ms
from remit.policy import budget_refusal, judge, refusal
from remit.runtime.effects.acting import Result, act, probe
from remit.runtime.halts import Stopped, Suspended
from remit.runtime.ledger import Ledger
from remit.runtime.payload import fit, legible, outcome
from remit.runtime.recorder import NoRoom, Recorder
from remit.runtime.walk import together
from remit.runtime.world import World

_DOUBTED = "Nobody can say yet, and a person looks into it. Do not make this call again."

APPROVAL_SECONDS = 24 * 3600.0
"""How long a question for approval stands, unless its guard says otherwise."""


class _Go(Struct, frozen=True):
    """A call that may run, with what must be true of it."""

    call: Call
    tool: Tool
    made: Call | None = None
    fresh: bool = True
    held: tuple[Entry, ...] = ()


@dataclass(slots=True)
class Gateway:
    """Answers `Run` moves of one session."""

    agent: Agent
    world: World
    recorder: Recorder
    ledger: Ledger
    _token: str = field(default="")

    async def run(self, path: str, move: Run) -> tuple[Outcome, ...]:
        """Make calls at the same time; raise `Suspended` when one of them waits for a person."""
        run = (await self.recorder.settled()).run
        assert run is not None
        if path in run.steps:
            raise DivergedError(path, "a question to a model or a note", "tool calls")
        place = path.replace(".", "_")
        calls = [
            call if call.id else self._own(call, f"c{run.number}_{place}_{number}")
            for number, call in enumerate(move.calls)
        ]
        if not calls:
            return ()
        admitted = [self._admit(path, call, number) for number, call in enumerate(calls)]
        if not any(isinstance(entry, _Go) for entry in admitted):
            return tuple([await self._settled(entry) for entry in admitted if not isinstance(entry, _Go)])
        if len(admitted) == 1:
            entry = admitted[0]
            assert isinstance(entry, _Go)
            return (await self._carry_out(entry),)
        works = [self._carry_out(entry) if isinstance(entry, _Go) else self._settled(entry) for entry in admitted]
        return tuple(await together(works))

    def _own(self, call: Call, name: str) -> Call:
        """Give a call that a strategy made itself as the journal will hold it, and an id."""
        args = fit(call.args)
        assert isinstance(args, dict)
        made = Call(call.tool, {str(key): value for key, value in args.items()}, name, call.malformed, call.problem)
        kept = self.world.secrets.redact_event(EffectStarted(name, made=made)).made
        assert kept is not None
        return kept

    async def _settled(self, entry: Outcome | Suspended) -> Outcome:
        if isinstance(entry, Suspended):
            raise entry
        return entry

    # -- before ----------------------------------------------------------------------------------------------------

    def _admit(self, path: str, call: Call, number: int) -> Outcome | Suspended | _Go:
        """Decide what becomes of a call now, in the light of what the journal says of it."""
        run = self.recorder.state.run
        assert run is not None
        effect = run.effects.get(call.id)
        if effect is None:
            return self._check(call, number, made=call)
        same = call.id in run.redacted or (effect.call.tool, effect.call.args) == (call.tool, call.args)
        if not same:
            raise DivergedError(path, f"{effect.call.tool}({effect.call.args})", f"{call.tool}({call.args})")
        match effect.status:
            case "ended":
                assert effect.outcome is not None
                return effect.outcome
            case "wanted":
                return self._check(call, number, made=None)
            case "asked":
                return self._decided(effect, number)
            case "in_doubt" | "input":
                return self._asleep(effect, number)
            case "started" | "reconciled":
                return _Go(effect.call, self._tool(effect.call), fresh=False)

    def _check(
        self, call: Call, number: int, made: Call | None, *, approved: bool = False
    ) -> Outcome | Suspended | _Go:
        problem = self._problem(call, number)
        if problem:
            return self._end(call, "failed", problem, made)
        tool = self.world.tools[call.tool]
        if tool.spec.withheld:
            self.recorder.record(Judged(call.id, "contract", "deny", tool.spec.withheld))
            return self._end(call, "denied", f"not allowed: withheld: {tool.spec.withheld}", made)
        stopped = refusal(self.recorder.state, now_ms())
        if stopped:
            raise Stopped("stopped", stopped)
        return self._judged(tool, call, made, approved=approved)

    def _problem(self, call: Call, number: int) -> str:
        tool = self.world.tools.get(call.tool)
        most = self.recorder.state.limits.calls
        if tool is None:
            known = ", ".join(sorted(self.world.tools)) or "none"
            return f"no tool named {call.tool!r}; known: {known}"
        if number >= most:
            return f"not run: at most {most} calls at the same time; make this one again later"
        if call.problem:
            return call.problem
        return tool.check(call.args)

    def _judged(self, tool: Tool, call: Call, made: Call | None, *, approved: bool) -> Outcome | Suspended | _Go:
        verdict = judge(self.world.guards, call, tool.spec, self.recorder.state, approved=approved)
        if verdict.kind == "allow":
            return self._afford(_Go(call, tool, made))
        self.recorder.record(Judged(call.id, verdict.guard, verdict.kind, verdict.reason))
        match verdict.kind:
            case "deny":
                return self._end(call, "denied", f"not allowed: {verdict.reason}", made)
            case "simulate":
                reason = f"{call.tool}: {verdict.reason}"
                self.recorder.record(Flagged("honeypot", "notice", reason, call.id))
                return self._end(call, "simulated", verdict.output, made)
            case "ask":
                return self._ask_person(call, verdict, made)
            case "redact":
                args = call.args if verdict.args is None else verdict.args
                redacted = Call(call.tool, args, call.id)
                return self._afford(_Go(redacted, tool, redacted))

    def _ask_person(self, call: Call, verdict: Verdict, made: Call | None) -> Suspended:
        if verdict.args is not None:
            call = made = Call(call.tool, verdict.args, call.id)
            self.recorder.record(Judged(call.id, verdict.guard, "redact", verdict.reason))
        expires = now_ms() + round((verdict.expires or APPROVAL_SECONDS) * 1000)
        asked = ApprovalAsked(call.id, digest([call.tool, call.args]), verdict.reason, expires, made)
        self.recorder.record(asked)
        return Suspended("approval", f"approve {call.tool} ({call.id})? {verdict.reason}")

    def _decided(self, effect: Effect, number: int) -> Outcome | Suspended | _Go:
        asked, given, call = effect.asked, effect.given, effect.call
        assert asked is not None
        if given is None:
            if now_ms() > asked.expires:
                return self._end(call, "denied", "not allowed: nobody decided in time", None)
            return Suspended("approval", f"approve {call.tool} ({call.id})? {asked.reason}")
        if not given.granted:
            reason = f": {given.reason}" if given.reason else ""
            return self._end(call, "denied", f"not allowed: {given.by} said no{reason}", None)
        if given.digest != digest([call.tool, call.args]) or given.at > asked.expires:
            return self._end(call, "denied", "not allowed: the approval is for other arguments or came too late", None)
        # The world may have changed while the person thought: everything but the question is checked again.
        return self._check(call, number, None, approved=True)

    def _asleep(self, effect: Effect, number: int) -> Outcome | Suspended | _Go:
        """Go on with a call that asked for input: nothing has happened yet, so only the approval still holds."""
        if effect.wants is None or effect.status == "in_doubt":
            return Suspended("in_doubt", effect.question)
        if effect.got is None:
            return Suspended("input", _asking(effect.call, effect.wants.question))
        approved = effect.given is not None and effect.given.granted
        return self._check(effect.call, number, None, approved=approved)

    def _afford(self, go: _Go) -> Outcome | _Go:
        # Last of all: a half-open breaker lets one call through, which must then really be made.
        closed = self.world.gate.refuses(f"tool:{go.call.tool}")
        if closed:
            return self._end(go.call, "failed", closed, go.made)
        price = go.tool.spec.price
        return go if price == 0 else replace(go, held=self.ledger.hold(price, self.recorder.state.limits))

    def _end(self, call: Call, status: OutcomeStatus, output: JsonValue, made: Call | None) -> Outcome:
        return self.recorder.record(EffectEnded(Outcome(call.id, status, fit(output)), made=made)).outcome

    def _tool(self, call: Call) -> Tool:
        tool = self.world.tools.get(call.tool)
        if tool is None:
            raise Stopped("failed", f"tool {call.tool!r} was under way and is gone; put it back and resume")
        return tool

    # -- the act ---------------------------------------------------------------------------------------------------

    async def _carry_out(self, go: _Go) -> Outcome:
        if not go.fresh:
            return await self._take_up(go)
        started = EffectStarted(go.call.id, go.tool.spec.price, go.made)
        if go.held:
            try:
                await self.recorder.reserve(started, go.held, lambda now: budget_refusal(now, started.hold))
            except (NoRoom, OverLimitError) as error:
                return self._end(go.call, "denied", f"not run: {error}", go.made)
        else:
            # The intent goes first: after a crash we must know that it may have happened.
            self.recorder.record(started)
            await self.recorder.flush()
        run = self.recorder.state.run
        assert run is not None
        if run.cancelled is not None:
            # A person was faster than the act, so it is sure that it did not happen.
            return await self._ended(go, Result("failed", "not run: the run was cancelled", charged=False))
        result = await act(go.tool, go.call, self._context(go.call), self.world)
        return await self._conclude(go, result)

    async def _take_up(self, go: _Go) -> Outcome:
        """Go on with a call that was under way when its worker died."""
        context = self._context(go.call)
        reconciled = self._reconciled(go.call)
        if reconciled is not None and reconciled.happened:
            return await self._conclude(go, Result("ok", reconciled.output))
        run = self.recorder.state.run
        assert run is not None
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
        if reconciled is not None:
            # It is about to be tried anew, so a second crash must find an intent again.
            self.recorder.record(EffectStarted(go.call.id))
        await self.recorder.flush()
        result = await act(go.tool, go.call, context, self.world)
        return await self._conclude(go, result)

    def _reconciled(self, call: Call) -> EffectReconciled | None:
        run = self.recorder.state.run
        assert run is not None
        return run.effects[call.id].reconciled

    async def _conclude(self, go: _Go, result: Result) -> Outcome:
        if result.status == "unknown":
            self.world.gate.report(f"tool:{go.call.tool}", ok=False)
            return await self._doubt(go, str(result.output))
        self.world.gate.report(f"tool:{go.call.tool}", ok=result.healthy)
        if result.asks is not None:
            return await self._ask_for_input(go, result.asks)
        if result.status == "failed" and go.tool.spec.fallback:
            return await self._fall_back(go, result)
        return await self._ended(go, result)

    async def _ended(self, go: _Go, result: Result) -> Outcome:
        status: OutcomeStatus = "ok" if result.status == "ok" else "failed"
        # Before it is measured: what is too large goes to a blob, and no secret may get there either.
        clean = self.world.secrets.redact_event(EffectEnded(Outcome(go.call.id, status, fit(result.output)))).outcome
        ended = await outcome(go.call.id, status, clean.output, self.world.store)
        spec = go.tool.spec
        cost = spec.price if result.charged else 0
        entries = self.ledger.settle(go.held, spec.price, cost)
        found = self._found(clean.output) if spec.reveals and status == "ok" else ()
        event = EffectEnded(ended, cost, result.attempts, labels=spec.labels, revealed=found)
        return self.recorder.record(event, entries).outcome

    def _found(self, output: JsonValue) -> tuple[str, ...]:
        """Name the tools that a search has found and that are there."""
        listed = output.get("tools") if isinstance(output, dict) else None
        entries = listed if isinstance(listed, list) else []
        names = (entry.get("name") if isinstance(entry, dict) else None for entry in entries)
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name in self.world.tools))

    async def _ask_for_input(self, go: _Go, asks: InputRequiredError) -> Outcome:
        schema = fit(asks.schema)
        assert isinstance(schema, dict)
        asked = InputAsked(go.call.id, legible(str(asks)), schema, fit(asks.memo))
        kept = self.recorder.record(asked, self.ledger.settle(go.held, go.tool.spec.price, 0))
        await self.recorder.flush()
        raise Suspended("input", _asking(go.call, kept.question))

    async def _fall_back(self, go: _Go, result: Result) -> Outcome:
        """Try the declared fallback, through this same door; what it gives is the outcome of the first call."""
        call = Call(go.tool.spec.fallback, go.call.args, f"{go.call.id}f")
        entry = self._admit("", call, 0)
        second = await self._carry_out(entry) if isinstance(entry, _Go) else await self._settled(entry)
        if second.status == "ok":
            output: JsonValue = {"via": call.tool, "because": result.output, "output": second.output}
            return await self._ended(go, replace(result, status="ok", output=output))
        output = f"{result.output}; the fallback {call.tool} failed too: {second.output}"
        return await self._ended(go, replace(result, output=output))

    async def _doubt(self, go: _Go, why: str) -> Outcome:
        doubt = EffectInDoubt(go.call.id, legible(f"did {go.call.tool} ({go.call.id}) happen? {why}"))
        question = self.recorder.record(doubt).question
        if go.tool.spec.doubt == "tell":
            self.recorder.record(Flagged("in_doubt", "notice", question, go.call.id))
            told = EffectEnded(Outcome(go.call.id, "failed", f"{question.rstrip('.')}. {_DOUBTED}"), go.tool.spec.price)
            return self.recorder.record(told).outcome
        await self.recorder.flush()
        raise Suspended("in_doubt", question)

    def _context(self, call: Call) -> ToolContext:
        session = self.recorder.session
        if not self._token:
            self._token = sign(Remit(session, self.world.tenant.name, self.ledger.tree), self.world.key)
        run = self.recorder.state.run
        task = run.task if run else ""
        effect = run.effects.get(call.id) if run else None
        resume = None
        if effect is not None and effect.wants is not None and effect.got is not None:
            resume = Resume(effect.got.given, effect.wants.memo)
        name = self.world.tenant.name
        return ToolContext(f"{session}-{call.id}", session, name, call.id, self._token, task, resume)


def _asking(call: Call, question: str) -> str:
    return f"{call.tool} ({call.id}) asks: {question}"
