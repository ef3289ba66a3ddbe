"""Gateway: the one door for effects. It decides what becomes of each call, also of one from before a crash.

Order: schema, limits, guards, approval, honeypot, breakers, turn, hold, `EffectStarted`, act, output, `EffectEnded`,
settle.
"""

from dataclasses import dataclass, field

from msgspec.structs import replace

from remit.core import moves
from remit.core.agent import Agent
from remit.core.errors import DivergedError
from remit.core.events import ApprovalAsked, EffectEnded, Flagged, Judged
from remit.core.messages import Call, Outcome, OutcomeStatus
from remit.core.ports import Tool, Verdict
from remit.core.state import Effect, Run
from remit.core.values import JsonObject, JsonValue, digest, now_ms
from remit.policy import judge, refusal
from remit.policy.order import APPROVAL_SECONDS
from remit.runtime.effects.acting import own
from remit.runtime.effects.approving import allowed, shown, undecided
from remit.runtime.effects.carrying import Carrying, Go, asking
from remit.runtime.halts import Stopped, Suspended
from remit.runtime.ledger import Ledger
from remit.runtime.payload import fit
from remit.runtime.recorder import Recorder
from remit.runtime.replaying.due import called, same_args, same_call, written
from remit.runtime.walk import together
from remit.runtime.world import World


@dataclass(slots=True)
class Gateway:
    """Answers `Run` moves of one session."""

    agent: Agent
    world: World
    recorder: Recorder
    ledger: Ledger
    _carrying: Carrying = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing under way."""
        self._carrying = Carrying(self.world, self.recorder, self.ledger, self._through)

    async def run(self, path: str, move: moves.Run) -> tuple[Outcome, ...]:
        """Make calls at the same time; raise `Suspended` when one of them waits for a person."""
        run = (await self.recorder.settled()).run
        assert run is not None
        if path in run.steps:
            raise DivergedError(path, called(run.steps[path]), "tool calls")
        place = path.replace(".", "_")
        calls = [
            call if call.id else written(replace(call, id=f"c{run.number}_{place}_{number}"), self.world.secrets)
            for number, call in enumerate(move.calls)
        ]
        if not calls:
            return ()
        if len(calls) == 1:
            return (await self._carried(self._admit(path, calls[0], 0)),)
        admitted = [self._admit(path, call, number) for number, call in enumerate(calls)]
        if any(isinstance(entry, Go) for entry in admitted):
            return tuple(await together(self._carried(entry) for entry in admitted))
        return tuple([await self._carried(entry) for entry in admitted])

    async def _through(self, call: Call) -> Outcome:
        return await self._carried(self._admit("", call, 0))

    async def _carried(self, entry: Outcome | Suspended | Go) -> Outcome:
        if isinstance(entry, Go):
            return await self._carrying.carry_out(entry)
        if isinstance(entry, Suspended):
            raise entry
        return entry

    # -- before ----------------------------------------------------------------------------------------------------

    def _admit(self, path: str, call: Call, number: int) -> Outcome | Suspended | Go:
        """Decide what becomes of a call now, in the light of what the journal says of it."""
        run = self.recorder.state.run
        assert run is not None
        effect = run.effects.get(call.id)
        if effect is None or effect.status == "wanted":
            return self._check(call, number, made=call if effect is None else None)
        if not same_call(effect.call, call, changed=call.id in run.redacted):
            raise DivergedError(path, f"{effect.call.tool}({effect.call.args})", f"{call.tool}({call.args})")
        match effect.status:
            case "ended":
                assert effect.outcome is not None
                return effect.outcome
            case "asked":
                return self._decided(effect, number)
            case "in_doubt" | "input":
                return self._asleep(effect, number)
            case "started" | "reconciled":
                return Go(effect.call, self._tool(effect.call), fresh=False)

    def _check(self, call: Call, number: int, made: Call | None, *, approved: int = 0) -> Outcome | Suspended | Go:
        run = self.recorder.state.run
        assert run is not None
        fallback = run.effects.get(f"{call.id}f")
        if fallback is not None:
            return self._passed_over(call, fallback.call, made)
        given = own(call.args)
        withheld = self.world.withheld.get(call.tool)
        if withheld:
            # Before anything else: what the tool itself says of the arguments nobody has reviewed.
            self.recorder.record(Judged(call.id, "contract", "deny", withheld))
            return self._end(call, "denied", f"not allowed: withheld: {withheld}", made)
        problem = self._problem(call, given, number)
        if problem:
            return self._end(call, "failed", problem, made)
        tool = self.world.tools[call.tool]
        stopped = refusal(self.recorder.state, now_ms())
        if stopped and _counted(run, call):
            stopped = refusal(self.recorder.state, now_ms(), begun=True)
        if stopped:
            raise Stopped("stopped", stopped)
        return self._judged(Go(call, tool, made, given=given), approved=approved)

    def _passed_over(self, call: Call, fallback: Call, made: Call | None) -> Go:
        """Go on with a call that could not be made, and whose fallback was under way when the worker died or slept."""
        run = self.recorder.state.run
        assert run is not None
        effect = run.effects.get(call.id)
        if call.id in run.redacted and (effect is None or effect.status in {"wanted", "asked"}):
            # What a guard or a person made of its arguments only the fallback was given.
            call = made = Call(call.tool, fallback.args, call.id)
        return Go(call, self._tool(call), made, over=True)

    def _problem(self, call: Call, given: JsonObject, number: int) -> str:
        tool = self.world.tools.get(call.tool)
        most = self.recorder.state.limits.calls
        if tool is None:
            known = ", ".join(sorted(self.world.tools.keys() - self.world.withheld.keys())) or "none"
            return f"no tool named {call.tool!r}; known: {known}"
        if number >= most:
            return f"not run: at most {most} calls at the same time; make this one again later"
        if call.problem:
            return call.problem
        return tool.check(given)

    def _judged(self, go: Go, *, approved: int) -> Outcome | Suspended | Go:
        call, tool, made = go.call, go.tool, go.made
        verdict = judge(self.world.guards, call, tool.spec, self.recorder.state, approved=approved)
        if approved and verdict.args is not None and not same_args(verdict.args, call.args):
            # What was approved are other arguments than those that a guard makes of them now.
            verdict = judge(self.world.guards, call, tool.spec, self.recorder.state)
        if verdict.kind == "allow":
            return self._afford(go)
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
                return self._afford(Go(redacted, tool, redacted))

    def _ask_person(self, call: Call, verdict: Verdict, made: Call | None) -> Suspended:
        if verdict.args is not None:
            call = made = Call(call.tool, verdict.args, call.id)
            self.recorder.record(Judged(call.id, verdict.guard, "redact", verdict.reason))
        now = now_ms()
        expires = now + round((verdict.expires or APPROVAL_SECONDS) * 1000)
        escalates = now + round(verdict.escalate * 1000) if verdict.escalate else 0
        asked = ApprovalAsked(
            call.id,
            digest([call.tool, call.args]),
            verdict.reason,
            expires,
            made,
            max(verdict.persons, 1),
            # What would escalate after it lapsed never does.
            escalates if escalates < expires else 0,
        )
        self.recorder.record(asked)
        return Suspended("approval", f"approve {call.tool} ({call.id})? {verdict.reason}")

    def _decided(self, effect: Effect, number: int) -> Outcome | Suspended | Go:
        asked, given, call = effect.asked, effect.given, effect.call
        assert asked is not None
        if given is None:
            if now_ms() > asked.expires:
                return self._end(call, "denied", f"not allowed: {undecided(effect)}", None)
            return Suspended("approval", f"approve {call.tool} ({call.id})? {asked.reason}")
        if not given.granted:
            reason = f": {given.reason}" if given.reason else ""
            return self._end(call, "denied", f"not allowed: {given.by} said no{reason}", None)
        made = None
        if given.args is not None and given.digest == asked.digest:
            # Another call than the one that was asked about: all of it is checked as if nobody had seen it yet.
            call = made = Call(call.tool, given.args, call.id)
        approved = allowed(effect, call)
        if approved < (asked.persons if made is None else 1):
            return self._end(call, "denied", "not allowed: the approval is for other arguments or came too late", None)
        # The world may have changed while the person thought: everything but the question is checked again.
        return self._check(call, number, made, approved=approved)

    def _asleep(self, effect: Effect, number: int) -> Outcome | Suspended | Go:
        """Go on with a call that asked for input: nothing has happened yet, so only the approval still holds."""
        if effect.wants is None or effect.status == "in_doubt":
            return Suspended("in_doubt", effect.question)
        if effect.got is None:
            return Suspended("input", asking(effect.call, effect.wants.question))
        return self._check(effect.call, number, None, approved=allowed(effect, effect.call))

    def _afford(self, go: Go) -> Go:
        price = go.tool.spec.price
        return go if price == 0 else replace(go, held=self.ledger.hold(price, self.recorder.state.limits))

    def _end(self, call: Call, status: OutcomeStatus, output: JsonValue, made: Call | None) -> Outcome:
        run = self.recorder.state.run
        said = shown(run.effects.get(call.id) if run else None, call, output)
        return self.recorder.record(EffectEnded(Outcome(call.id, status, fit(said)), made=made)).outcome

    def _tool(self, call: Call) -> Tool:
        tool = self.world.tools.get(call.tool)
        if tool is None:
            raise Stopped("failed", f"tool {call.tool!r} was under way and is gone; put it back and resume")
        return tool


def _counted(run: Run, call: Call) -> bool:
    """Say whether the move of a call counts among the steps already: another call of it, or this one, was begun."""
    first = run.effects.get(f"{call.id.rpartition('_')[0]}_0")
    return first is not None and first.status != "wanted"
