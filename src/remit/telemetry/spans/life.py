"""Life: one session on its way to spans: runs, questions to models, calls of tools and programs, O(1) a record."""

from dataclasses import dataclass, field
from typing import Literal

from remit.core import events as ev
from remit.core.messages import Call, Outcome, Usage
from remit.core.values import Nanos, usd
from remit.telemetry.cost.charges import copied, place
from remit.telemetry.spans import conventions as names
from remit.telemetry.spans.content import Content
from remit.telemetry.spans.identity import Above, root_of, span_id
from remit.telemetry.spans.placing import Placing
from remit.telemetry.spans.span import Attribute, Moment, Span

_WRONG: frozenset[ev.RunStatus] = frozenset({"failed", "refused", "diverged"})
_FINISH = {"length": "length", "filter": "content_filter"}


@dataclass(slots=True)
class _Begun:
    """Something under way."""

    at: int
    attributes: dict[str, Attribute] = field(default_factory=dict[str, Attribute])
    event: ev.Event | None = None


@dataclass(slots=True)
class Life:
    """One session."""

    session: str
    content: Content
    opened: ev.SessionOpened | None = None
    parent: bytes | None = None
    """The span of whoever began the session, where its journal does not say."""
    run: int = 0
    copied: int = 0
    _placing: Placing = field(init=False)
    _run: _Begun | None = None
    _spent: Nanos = 0
    _moments: dict[str, list[Moment]] = field(default_factory=dict[str, list[Moment]])
    """By call; those of the run under the empty one."""
    _asked: dict[str, _Begun] = field(default_factory=dict[str, _Begun])
    _tries: dict[str, int] = field(default_factory=dict[str, int])
    _calls: dict[str, Call] = field(default_factory=dict[str, Call])
    _started: dict[str, _Begun] = field(default_factory=dict[str, _Begun])
    _ended: list[tuple[int, int, bytes]] = field(default_factory=list[tuple[int, int, bytes]])
    _programs: dict[str, _Begun] = field(default_factory=dict[str, _Begun])

    def __post_init__(self) -> None:
        """Begin before the first record."""
        self._placing = Placing(self.session)

    def see(self, record: ev.Record) -> list[Span]:
        """Take in the next record; give the spans that ended with it."""
        event = record.event
        self.content.take(event)
        self._placing.take(event)
        match event:
            case ev.SessionOpened():
                self.opened, self.copied = event, copied(event)
            case ev.RunOpened():
                self._begin(record, event)
            case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed():
                return self._model(record, event)
            case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
                return self._program(record, event)
            case ev.RunEnded():
                return self._end(record, event)
            case _:
                return self._effect(record, event)
        return []

    def caller(self, at: int) -> bytes | None:
        """Give the span of the call during which something began, or of the run when that cannot be told."""
        open_now = [self._id("tool", name) for name, begun in self._started.items() if begun.at <= at]
        ended = [span for began, end, span in self._ended if began <= at <= end]
        found = [*open_now, *ended]
        if len(found) == 1:
            return found[0]
        return self._id("run") if self.run else None

    # -- runs ------------------------------------------------------------------------------------------------------

    def _begin(self, record: ev.Record, event: ev.RunOpened) -> None:
        self.run = event.run
        told: dict[str, Attribute] = {f"{names.REMIT}strategy": event.strategy, **self.content.task()}
        self._run = _Begun(record.at, told)
        self._spent = 0
        self._moments, self._asked, self._tries = {}, {}, {}
        self._calls, self._started, self._programs, self._ended = {}, {}, {}, []

    def _end(self, record: ev.Record, event: ev.RunEnded) -> list[Span]:
        begun, self._run = self._run, None
        if begun is None:
            return []
        lost = [self._lost_question(record, step, asked) for step, asked in self._asked.items()]
        lost += [self._lost_call(record, name, started) for name, started in self._started.items()]
        self._asked, self._started = {}, {}
        wrong = event.status in _WRONG
        agent = self.opened.agent if self.opened else ""
        told = self._told("invoke_agent", "AGENT") | begun.attributes | self.content.output(event.output)
        told |= {f"{names.REMIT}status": event.status, f"{names.REMIT}cost.usd": usd(self._spent)}
        if wrong:
            told[names.ERROR_TYPE] = event.status
        run = Span(
            trace=self._place.trace, id=self._id("run"), parent=self._place.span or self.parent,
            name=f"invoke_agent {agent}".rstrip(), began=begun.at, ended=record.at, attributes=told,
            moments=tuple(self._moments.pop("", ())), failed=wrong, sampled=self._place.sampled,
            why=event.reason if self.content.on and wrong else "",
        )  # fmt: skip
        return [*lost, run]

    def _lost_question(self, record: ev.Record, step: str, asked: _Begun) -> Span:
        return self._asking(record, step, asked, asked.attributes | {names.ERROR_TYPE: "lost"}, failed=True)

    def _lost_call(self, record: ev.Record, name: str, started: _Begun) -> Span:
        told = started.attributes | {names.ERROR_TYPE: "lost"}
        return self._acting(record, name, started.at, told, failed=True)

    # -- models ----------------------------------------------------------------------------------------------------

    def _model(self, record: ev.Record, event: ev.ModelEvent) -> list[Span]:
        if isinstance(event, ev.ModelAsked):
            self._tries[event.step] = self._tries.get(event.step, -1) + 1
            self._asked[event.step] = _Begun(record.at, self._question(event), event)
            return []
        asked = self._asked.pop(event.step, None) or _Begun(record.at, self._told("chat", "LLM"))
        self._spent += event.cost
        told = asked.attributes | {f"{names.REMIT}cost.usd": usd(event.cost), names.LLM_COST: usd(event.cost)}
        if isinstance(event, ev.ModelFailed):
            told[names.ERROR_TYPE] = _error(event.error)
            why = event.error if self.content.on else ""
            return [self._asking(record, event.step, asked, told, failed=True, why=why)]
        self._calls.update((call.id, call) for call in event.calls)
        alone = isinstance(asked.event, ev.ModelAsked) and asked.event.alone
        finish = _FINISH.get(event.stop) or ("tool_call" if event.calls else "stop")
        told |= _usage(event.usage) | {names.FINISH_REASONS: (finish,)}
        told |= self.content.answered(event, finish, alone=alone)
        if event.model:
            told[names.RESPONSE_MODEL] = names.named(event.model)[1]
        if event.hit:
            told[f"{names.REMIT}cache.hit"] = True
        if event.problem:
            told[f"{names.REMIT}unusable"] = True
        return [self._asking(record, event.step, asked, told)]

    def _question(self, event: ev.ModelAsked) -> dict[str, Attribute]:
        models = self.opened.models if self.opened else {}
        model = event.model or models.get(event.role or "default") or models.get("default", "")
        provider, name = names.named(model)
        told: dict[str, Attribute] = self._told("chat", "LLM") | {
            names.PROVIDER: provider,
            names.REQUEST_MODEL: name,
            names.LLM_MODEL: name,
            f"{names.REMIT}step": event.step,
            f"{names.REMIT}role": event.role or "default",
        }
        if names.inferred(provider):
            told[names.LLM_PROVIDER] = names.inferred(provider)
        if event.shape:
            told[names.OUTPUT_TYPE] = "json"
        return told | self.content.asked(event)

    def _asking(
        self, record: ev.Record, step: str, asked: _Begun, told: dict[str, Attribute], *, failed: bool = False,
        why: str = "",
    ) -> Span:  # fmt: skip
        name = f"chat {told.get(names.REQUEST_MODEL, '')}".rstrip()
        return Span(
            trace=self._place.trace, id=self._id("chat", step, self._tries.get(step, 0)), parent=self._id("run"),
            name=name, kind="client", began=asked.at, ended=record.at, attributes=told, failed=failed,
            sampled=self._place.sampled, why=why,
        )  # fmt: skip

    # -- effects ---------------------------------------------------------------------------------------------------

    def _effect(self, record: ev.Record, event: ev.Event) -> list[Span]:
        match event:
            case ev.EffectStarted():
                self._know(event.call, event.made)
                self._started[event.call] = _Begun(record.at, self._call(event.call))
            case ev.InputAsked():
                self._started.pop(event.call, None)
                self._moment(record, "input.asked", event.call)
            case ev.EffectEnded():
                return [self._acted(record, event)]
            case _:
                self._mark(record, event)
        return []

    def _mark(self, record: ev.Record, event: ev.Event) -> None:
        """Keep what happened within a call or a run."""
        words = self.content.words
        match event:
            case ev.Judged():
                told = {f"{names.REMIT}guard": event.guard, f"{names.REMIT}verdict": event.verdict}
                self._moment(record, "judged", event.call, told | words(f"{names.REMIT}reason", event.reason))
            case ev.ApprovalAsked():
                self._know(event.call, event.made)
                self._moment(record, "approval.asked", event.call, words(f"{names.REMIT}reason", event.reason))
            case ev.ApprovalEscalated():
                self._moment(record, "approval.escalated", event.call)
            case ev.ApprovalGiven():
                told = {f"{names.REMIT}granted": event.granted, **words(f"{names.REMIT}by", event.by)}
                if event.args is not None:
                    told[f"{names.REMIT}edited"] = True
                self._moment(record, "approval.given", event.call, told)
            case ev.EffectInDoubt():
                self._moment(record, "in_doubt", event.call)
            case ev.EffectReconciled():
                self._moment(record, "reconciled", event.call, {f"{names.REMIT}happened": event.happened})
            case ev.InputGiven():
                self._moment(record, "input.given", event.call)
            case _:
                self._mark_run(record, event)

    def _mark_run(self, record: ev.Record, event: ev.Event) -> None:
        match event:
            case ev.Flagged():
                told: dict[str, Attribute] = {f"{names.REMIT}flag": event.kind, f"{names.REMIT}level": event.level}
                told |= self.content.words(f"{names.REMIT}reason", event.reason)
                self._moment(record, "flagged", "", told)
            case ev.RunSuspended():
                self._moment(record, "suspended", "", {f"{names.REMIT}why": event.why})
            case ev.RunResumed():
                self._moment(record, "resumed", "")
            case _:
                pass

    def _acted(self, record: ev.Record, event: ev.EffectEnded) -> Span:
        outcome = event.outcome
        name = outcome.call
        self._know(name, event.made)
        started = self._started.pop(name, None)
        self._spent += event.cost
        began = started.at if started else record.at
        if started:
            self._ended.append((began, record.at, self._id("tool", name)))
        told = (started.attributes if started else self._call(name)) | self._result(outcome)
        told |= {f"{names.REMIT}attempts": event.attempts, f"{names.REMIT}waited_ms": event.waited}
        if event.cost:
            told[f"{names.REMIT}cost.usd"] = usd(event.cost)
        return self._acting(record, name, began, told, failed=outcome.status == "failed")

    def _call(self, name: str) -> dict[str, Attribute]:
        call = self._calls.get(name)
        tool = call.tool if call else ""
        told = self._told("execute_tool", "TOOL") | {
            names.TOOL_NAME: tool, names.OPENINFERENCE_TOOL: tool, names.TOOL_TYPE: "function", names.TOOL_CALL: name,
            f"{names.REMIT}step": place(name),
        }  # fmt: skip
        return told | self.content.called(call)

    def _result(self, outcome: Outcome) -> dict[str, Attribute]:
        told: dict[str, Attribute] = {f"{names.REMIT}outcome": outcome.status}
        if outcome.status == "failed":
            told[names.ERROR_TYPE] = "failed"
        return told | self.content.outcome(outcome)

    def _acting(self, record: ev.Record, name: str, began: int, told: dict[str, Attribute], *, failed: bool) -> Span:
        step = place(name)
        parent = self._id("program", step) if step in self._programs else self._id("run")
        return Span(
            trace=self._place.trace, id=self._id("tool", name), parent=parent,
            name=f"execute_tool {told.get(names.TOOL_NAME, '')}".rstrip(), began=began, ended=record.at,
            attributes=told, moments=tuple(self._moments.pop(name, ())), failed=failed, sampled=self._place.sampled,
        )  # fmt: skip

    # -- programs --------------------------------------------------------------------------------------------------

    def _program(self, record: ev.Record, event: ev.ProgramEvent) -> list[Span]:
        if isinstance(event, ev.ProgramStarted):
            told = self._told("execute_tool", "CHAIN") | {
                names.TOOL_NAME: "program", names.TOOL_TYPE: "extension", f"{names.REMIT}step": event.step,
                f"{names.REMIT}program.tier": event.tier, f"{names.REMIT}program.digest": event.digest,
            }  # fmt: skip
            # After a crash it is run again over its calls: it is the same program, and began when it first did.
            self._programs.setdefault(event.step, _Begun(record.at, told | self.content.input(event.code)))
            return []
        if isinstance(event, ev.ProgramPaused):
            self._moment(record, "program.paused", "")
            return []
        started = self._programs.pop(event.step, None)
        if started is None:
            return []
        failed = event.status not in {"ok", "paused"}
        told = started.attributes | {f"{names.REMIT}program.status": event.status, f"{names.REMIT}calls": event.calls}
        if failed:
            told[names.ERROR_TYPE] = event.status
        why = (event.why or event.error) if self.content.on and failed else ""
        return [Span(
            trace=self._place.trace, id=self._id("program", event.step), parent=self._id("run"),
            name="execute_tool program", began=started.at, ended=record.at,
            attributes=told | self.content.output(event.value), failed=failed, sampled=self._place.sampled, why=why,
        )]  # fmt: skip

    # -- what all have ---------------------------------------------------------------------------------------------

    def _know(self, name: str, made: Call | None) -> None:
        if made is not None:
            self._calls[name] = made

    def _moment(self, record: ev.Record, name: str, call: str, told: dict[str, Attribute] | None = None) -> None:
        self._moments.setdefault(call, []).append(Moment(f"{names.REMIT}{name}", record.at, told or {}))

    def _told(self, operation: names.Operation, kind: names.Kind) -> dict[str, Attribute]:
        told: dict[str, Attribute] = {names.OPERATION: operation, names.KIND: kind, names.CONVERSATION: self.session}
        told[f"{names.REMIT}run"] = self.run
        if self.opened is not None:
            told[names.SESSION] = root_of(self.opened, self.session)
            told[names.AGENT_NAME], told[names.AGENT_VERSION] = self.opened.agent, self.opened.version
            told[f"{names.REMIT}tenant"] = self.opened.tenant
        return told

    @property
    def _place(self) -> Above:
        return self._placing.below

    def _id(self, kind: Literal["run", "chat", "tool", "program"], *place: str | int) -> bytes:
        return span_id(self.session, self.run, kind, *place)


def _usage(usage: Usage) -> dict[str, Attribute]:
    told: dict[str, Attribute] = {
        names.INPUT_TOKENS: usage.input, names.LLM_PROMPT: usage.input,
        names.OUTPUT_TOKENS: usage.output, names.LLM_COMPLETION: usage.output,
        names.LLM_TOTAL: usage.input + usage.output,
    }  # fmt: skip
    more: tuple[tuple[int, tuple[str, ...]], ...] = (
        (usage.cached, (names.CACHE_READ, names.LLM_CACHE_READ)),
        (usage.cache_written, (names.CACHE_WRITE, names.LLM_CACHE_WRITE)),
        (usage.reasoning, (names.REASONING, names.LLM_REASONING)),
        (usage.audio_input, (names.AUDIO_INPUT,)),
        (usage.audio_output, (names.AUDIO_OUTPUT,)),
    )
    return told | {name: tokens for tokens, keys in more if tokens for name in keys}


def _error(text: str) -> str:
    """Give the class of an error from what was recorded of it, such as `OverloadedError: busy`."""
    name = text.partition(":")[0]
    return name if name.isidentifier() and name.endswith("Error") else names.ERROR_OTHER
