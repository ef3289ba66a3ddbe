"""Questions: one model call, from the question to its recorded answer. The worst case is held before the call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from remit.core.agent import Agent
from remit.core.errors import (
    ConfigError,
    ContextTooLongError,
    DivergedError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverLimitError,
)
from remit.core.events import ModelAnswered, ModelAsked, ModelFailed
from remit.core.messages import Call, Stop, UserMessage
from remit.core.moves import Answer, Ask
from remit.core.ports import Delta, Entry, Model, Reply, Request, ToolSpec
from remit.core.shape import Shape
from remit.core.state import State, Step
from remit.core.values import JsonObject, Nanos, now_ms
from remit.policy import budget_refusal, refusal
from remit.runtime.asking.repair import read_json
from remit.runtime.asking.told import Told, same
from remit.runtime.asking.told import tokens as bound
from remit.runtime.feed import Feed
from remit.runtime.halts import Stopped
from remit.runtime.ledger import Ledger
from remit.runtime.payload import DEEPEST, fit, legible, too_deep
from remit.runtime.recorder import NoRoom, Recorder
from remit.runtime.replaying.due import called
from remit.runtime.world import World

_WARN = "You are repeating yourself without getting further. Try something else, or answer with what you have."
_FORCE = "Answer now with what you have. No more tool calls are possible."

_SHORTEN = "; begin a new session, or give the agent a model that reads more"

_json = msgspec.json.Encoder()


class _Asked(msgspec.Struct, frozen=True):
    """A question on its way."""

    path: str
    move: Ask
    model: Model
    offered: tuple[ToolSpec, ...]
    worst: Nanos
    held: tuple[Entry, ...]


@dataclass(slots=True)
class Asking:
    """Answers `Ask` moves of one session."""

    agent: Agent
    world: World
    recorder: Recorder
    ledger: Ledger
    feed: Feed
    _told: Told = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing told."""
        self._told = Told(self.agent.instructions, self.world.secrets)

    async def ask(self, path: str, move: Ask) -> Answer:
        """Give the recorded answer, or get one."""
        run = (await self.recorder.settled()).run
        assert run is not None
        step = run.steps.get(path)
        if step is not None:
            recorded = recalled(path, step, move)
            if recorded is not None:
                return recorded
            self._bury(path, step)
        elif f"c{run.number}_{path.replace('.', '_')}_0" in run.effects and not move.alone:
            raise DivergedError(path, "tool calls", "a question to a model")
        return await self._ask(path, move)

    def _bury(self, path: str, step: Step) -> None:
        """Account for a call that was under way when its worker died: it may have been answered and billed."""
        if step.asked is not None and step.failed is None:
            error = "the worker died while the model was being called; the whole hold counts as spent"
            self.recorder.record(ModelFailed(path, error, cost=step.asked.hold))

    async def _ask(self, path: str, move: Ask) -> Answer:
        state = self.recorder.state
        begun = _begun(state, path)
        self._check(state, begun=begun)
        told, say = self._told, self.world.secrets.redact(move.say)
        told.renew(state)
        nudge, tools = self._nudge(state, move)
        model = self.world.models.get(move.role) or self.world.models["default"]
        offer, shape = told.offer(self.world.offer(tools, state.revealed)), told.shape(move.shape)
        asked = ModelAsked(
            path,
            "" if move.role == "default" else move.role,
            say=say,
            tools=move.tools,
            shape=move.shape.id if move.shape else "",
            alone=move.alone,
            nudge=nudge,
            model=_unlike_pinned(state, move.role, model),
            sample=move.sample,
        )
        said = [UserMessage(text) for text in (say, nudge) if text]
        key = path.rpartition(".")[0]
        tokens = offer.tokens + told.around() + bound(said) + (0 if move.alone else told.tokens(state, key))
        tokens += len(_json.encode(shape.schema)) if shape else 0
        worst = self._worst(model, tokens, state.limits.max_output, state.limits.unpriced)
        held = self.ledger.hold(worst, state.limits)
        try:
            if worst:
                asked = msgspec.structs.replace(asked, hold=worst)
            await self.recorder.reserve(asked, held, lambda now: _refused(now, worst, begun=begun))
        except (NoRoom, OverLimitError) as error:
            heed(self.recorder.state)
            self._check(self.recorder.state, begun=begun)
            raise Stopped("refused", f"the model was not asked: {error}") from None
        told.renew(self.recorder.state)
        request = Request(
            messages=said if move.alone else told.messages(self.recorder.state, key),
            instructions=told.instructions,
            tools=offer.specs,
            shape=shape,
            max_output=state.limits.max_output,
            role=move.role,
            session=self.recorder.session,
            tenant=self.world.tenant.name,
            sample=move.sample,
            memo=None if move.alone else told.thread(self.recorder.state, key).memo,
            blobs=told.blobs(self.world.store),
        )
        on_its_way = _Asked(path, move, model, offer.specs, worst, held)
        return self._take(on_its_way, await self._complete(on_its_way, request))

    def _check(self, state: State, *, begun: bool) -> None:
        refused = refusal(state, now_ms(), begun=begun)
        if refused:
            raise Stopped("stopped", refused)

    def _nudge(self, state: State, move: Ask) -> tuple[str, tuple[str, ...] | None]:
        """Turn the pressure a loop has built up into words, and in the end into an answer."""
        run = state.run
        assert run is not None
        match run.pressure:
            case "warn":
                return _WARN, move.tools
            case "answer":
                return _FORCE, ()
            case "stop":
                raise Stopped("stopped", "stopped: a loop went on after a warning and after an answer was demanded")
            case _:
                return "", move.tools

    def _worst(self, model: Model, tokens: int, output: int, unpriced: str) -> Nanos:
        spec = model.spec
        if spec.price is None:
            if unpriced == "refuse":
                raise Stopped(
                    "refused",
                    f"the price of model {spec.name!r} is not known, so its cost cannot be bounded; "
                    "give it one with Settings(prices=...), or Priced(...) around an object, "
                    "or set Limits(unpriced='allow')",
                )
            return 0
        return spec.price.worst(tokens, output) * spec.calls

    async def _complete(self, asked: _Asked, request: Request) -> Reply:
        seconds = self._seconds_left()
        try:
            with self.feed.answering():
                if seconds is None:
                    return await self._answer(asked.model, request)
                async with asyncio.timeout(seconds):
                    return await self._answer(asked.model, request)
        except TimeoutError:
            # Whoever is cut off may still have been answered and billed.
            self._failed(asked, "cut off: the run's time was over", asked.worst)
            raise Stopped("stopped", f"stopped: the run's {self.recorder.state.limits.seconds:g} s were over") from None
        except ModelError as error:
            said = legible(str(error)) + (_SHORTEN if isinstance(error, ContextTooLongError) else "")
            self._failed(asked, f"{type(error).__name__}: {said}", 0 if error.free else asked.worst)
            raise Stopped("failed", f"the model {asked.model.spec.name!r} gave no answer: {said}") from error

    async def _answer(self, model: Model, request: Request) -> Reply:
        shown, redaction = False, self.world.secrets.stream()

        def show(delta: Delta) -> None:
            nonlocal shown
            shown = True
            if delta.fresh:
                # What waited is of a text that is void.
                redaction.end()
            text = redaction.feed(delta.text)
            if text is delta.text:
                self.feed.say(delta)
            elif text or delta.fresh:
                self.feed.say(Delta(text, delta.fresh))

        try:
            reply = await model.complete(request, show)
        except TimeoutError as error:
            # Not ours: our own cuts the model off and so does not come out of it as an error.
            raise ModelTimeoutError(str(error) or "no answer in time") from error
        except ConfigError as error:
            # Found out before anything was sent; but a wrapper that may be billed twice may have lost a call before.
            failed = ModelRequestError(str(error))
            failed.free = model.spec.calls == 1 and not shown
            raise failed from error
        except ModelError as error:
            # Text that came was surely computed, whatever ended it.
            error.free = error.free and not shown
            raise
        rest = redaction.end()
        if rest:
            self.feed.say(Delta(rest))
        return reply

    def _failed(self, asked: _Asked, error: str, cost: Nanos) -> None:
        failed = ModelFailed(asked.path, error, cost=cost, final=True)
        self.recorder.record(failed, self.ledger.settle(asked.held, asked.worst, cost))

    def _seconds_left(self) -> float | None:
        state = self.recorder.state
        if state.limits.seconds is None or state.run is None:
            return None
        return max(state.limits.seconds - (now_ms() - state.run.clock) / 1000, 0.0)

    def _take(self, asked: _Asked, reply: Reply) -> Answer:
        run = self.recorder.state.run
        assert run is not None
        price = asked.model.spec.price
        cost = reply.cost if reply.cost is not None else price.cost(reply.usage) if price else 0
        # Without tools on offer nobody could run a call, and one without an outcome would spoil the conversation.
        calls = _named(reply, run.number, asked) if asked.offered else ()
        said = legible(reply.text)
        value, problem = _value(said, calls, asked.move.shape, reply.stop)
        if reply.calls and not asked.offered and not value:
            problem = "tools were called although none is on offer"
        answered = ModelAnswered(
            asked.path,
            said,
            calls,
            reply.usage,
            cost,
            problem,
            fit(reply.reasoning),
            reply.stop,
            legible(reply.model),
            reply.hit,
        )
        kept = self.recorder.record(answered, self.ledger.settle(asked.held, asked.worst, cost))
        if kept is not answered:
            # A secret was taken out: the strategy must see what a replay will.
            value, _ = _value(kept.text, kept.calls, asked.move.shape, kept.stop)
        return Answer(kept.text, kept.calls, value, kept.problem)


def _begun(state: State, path: str) -> bool:
    """Say whether a question was asked before a crash, and so is counted already."""
    return state.run is not None and path in state.run.steps


def _refused(state: State, worst: Nanos, *, begun: bool) -> str:
    """Say why a model may not be asked now, in the light of all that was decided up to here."""
    if state.run is not None and state.run.cancelled is not None:
        return "cancelled"
    return refusal(state, now_ms(), begun=begun) or budget_refusal(state, worst)


def heed(state: State) -> None:
    """Stop where a person wants it."""
    run = state.run
    assert run is not None
    if run.cancelled is not None:
        reason = f": {run.cancelled.reason}" if run.cancelled.reason else ""
        raise Stopped("cancelled", f"cancelled by {run.cancelled.by}{reason}")


def _unlike_pinned(state: State, role: str, model: Model) -> str:
    """Name a model that is not the one the session was opened with; empty when it is."""
    pinned = state.opened.models if state.opened else {}
    name = model.spec.name
    return "" if pinned.get(role) == name or (role not in pinned and pinned.get("default") == name) else name


def recalled(path: str, step: Step, move: Ask) -> Answer | None:
    """Give a step's recorded answer, or `None` when it has none yet; raise `DivergedError` for another question."""
    asked = step.asked
    if asked is None:
        raise DivergedError(path, called(step), "a question to a model")
    shape = move.shape.id if move.shape else ""
    role = "" if move.role == "default" else move.role
    recorded = (asked.role, asked.tools, asked.shape, asked.alone, asked.sample)
    if recorded != (role, move.tools, shape, move.alone, move.sample) or not same(asked.say, move.say):
        now, then = _worded(move.role, move.say), _worded(asked.role or "default", asked.say)
        raise DivergedError(path, then, now if now != then else f"{now} with other tools or another shape")
    if step.failed is not None and step.failed.final:
        raise Stopped("failed", step.failed.error)
    answered = step.answered
    if answered is None:
        return None
    value, _ = _value(answered.text, answered.calls, move.shape, answered.stop)
    return Answer(answered.text, answered.calls, value, answered.problem)


def _worded(role: str, say: str) -> str:
    """Describe a question to a person."""
    saying = f", saying {say[:80]!r}" if say else ""
    return f"a question to the {role} model{saying}"


def _value(text: str, calls: Sequence[Call], shape: Shape | None, stop: Stop) -> tuple[object, str]:
    """Read an answer into its shape: the value, or what is wrong with it in words a model can act on."""
    if shape is None or calls:
        return None, ""
    read = read_json(text)
    if read.problem:
        return None, f"the answer is not JSON: {read.problem}"
    if read.repaired and stop == "length":
        # It can be closed, but nobody knows what was still to come.
        return None, "the answer was cut off at its length; make it shorter"
    try:
        return shape.read(read.value), ""
    except ValueError as error:
        return None, f"the answer does not have the asked shape: {error}"


def _named(reply: Reply, run: int, asked: _Asked) -> tuple[Call, ...]:
    """Give each call an id of ours, since a model's may repeat, and mend what can be mended."""
    place = asked.path.replace(".", "_")
    names = None if asked.move.tools is None else frozenset(asked.move.tools)
    whole = reply.stop != "length"
    return tuple(
        _mended(call, f"c{run}_{place}_{number}", names, whole=whole) for number, call in enumerate(reply.calls)
    )


def _mended(call: Call, name: str, offered: frozenset[str] | None, *, whole: bool) -> Call:
    if offered is not None and call.tool not in offered:
        return Call(
            legible(call.tool),
            {},
            name,
            "",
            f"{call.tool!r} is not on offer here; there are: {', '.join(sorted(offered))}",
        )
    if not call.malformed:
        return _made(call.tool, call.args, name)
    read = read_json(call.malformed)
    if isinstance(read.value, dict) and not read.problem and (whole or not read.repaired):
        return _made(call.tool, read.value, name)
    raw = legible(call.malformed)[:2000]
    problem = read.problem or "cut off at the length"
    return Call(legible(call.tool), {}, name, raw, f"the arguments are not a JSON object ({problem}): {raw[:200]!r}")


def _made(tool: str, args: JsonObject, name: str) -> Call:
    if too_deep(args):
        return Call(legible(tool), {}, name, "", f"the arguments are nested more than {DEEPEST} levels deep")
    return Call(legible(tool), _arguments(args), name)


def _arguments(args: JsonObject) -> JsonObject:
    fitting = fit(args)
    assert isinstance(fitting, dict)
    if all(type(name) is str for name in fitting):
        return fitting
    return {str(name): value for name, value in fitting.items()}
