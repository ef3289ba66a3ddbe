"""Lives: valid random journals, made by a small machine that only does what a session could do."""

from collections.abc import Callable

from hypothesis import strategies as st

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.state import State
from remit.core.values import JsonValue

TEXT = st.text(max_size=12)
AMOUNT = st.integers(0, 10**12)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DEAD = frozenset({"ended"})


class Life:
    """Grows a journal event by event, choosing among what may come next."""

    def __init__(self, draw: Callable[[st.SearchStrategy[object]], object]) -> None:
        self._draw = draw
        self.events: list[ev.Event] = []
        self.state = State()
        self._step = 0
        self.add(ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s"), Limits(), {"default": "m"}))

    def add(self, event: ev.Event) -> None:
        self.events.append(event)
        self.state.apply(event)

    def _pick(self, *choices: Callable[[], None]) -> None:
        which = self._draw(st.integers(0, len(choices) - 1))
        assert isinstance(which, int)
        choices[which]()

    def _text(self) -> str:
        return str(self._draw(TEXT))

    def _amount(self) -> int:
        amount = self._draw(AMOUNT)
        assert isinstance(amount, int)
        return amount

    def _json(self) -> JsonValue:
        value: JsonValue = self._draw(JSON)  # pyright: ignore[reportAssignmentType] - drawn from JSON
        return value

    # -- what may come next --------------------------------------------------------------------------------------------

    def grow(self) -> None:
        """Add one event, or a few that belong together."""
        run = self.state.run
        if run is None:
            self._pick(self._message, self._open_run, self._raise_limit)
        elif run.suspended is not None:
            self._pick(self._message, self._resume, self._decide, self._reconcile, self._cancel)
        else:
            self._pick(
                self._message, self._ask, self._ask, self._effect, self._effect, self._side, self._stop, self._decide
            )

    def _message(self) -> None:
        self.add(ev.MessageReceived(self._text(), "ann", str(self._draw(st.sampled_from(["", "", "k1", "k2"])))))

    def _open_run(self) -> None:
        self._step = 0
        self.add(ev.RunOpened(self.state.runs + 1, "react@1", "w", self._amount()))

    def _resume(self) -> None:
        self.add(ev.RunResumed("w2", self._amount()))

    def _raise_limit(self) -> None:
        self._pick(
            lambda: self.add(ev.LimitRaised("steps", float(self._amount()), "ann")),
            lambda: self.add(ev.LimitRaised("usd", self._amount() / 7, "ann")),
        )

    def _cancel(self) -> None:
        self.add(ev.CancelAsked("ann", self._text()))

    def _ask(self) -> None:
        """Ask a model, in the conversation, beside it or in a branch; it answers, fails, or is cut off."""
        branch = str(self._draw(st.sampled_from(["", "", f"{self._step}.0.", f"{self._step}.1."])))
        path = f"{branch}{0 if branch else self._step}"
        self._step += 1
        alone = bool(self._draw(st.booleans()))
        self.add(ev.ModelAsked(path, say=self._text(), alone=alone, hold=self._amount(), nudge=self._text()))
        self._pick(lambda: self._answer(path), lambda: self._answer(path), lambda: self._fail(path))

    def _answer(self, path: str) -> None:
        assert self.state.run is not None
        number = self._draw(st.integers(0, 3))
        assert isinstance(number, int)
        place = path.replace(".", "_")
        calls = tuple(Call("t", {"v": self._json()}, f"c{self.state.runs}_{place}_{n}") for n in range(number))
        self.add(ev.ModelAnswered(path, self._text(), calls, Usage(1, 2), self._amount(), reasoning=self._json()))

    def _fail(self, path: str) -> None:
        self.add(ev.ModelFailed(path, self._text(), self._amount()))
        self._pick(lambda: None, lambda: self._again(path))

    def _again(self, path: str) -> None:
        self.add(ev.ModelAsked(path, hold=self._amount()))
        self._answer(path)

    def _effect(self) -> None:
        """Take one call a step further, or make one of the strategy's own."""
        run = self.state.run
        assert run is not None
        alive = [name for name, effect in run.effects.items() if effect.status not in DEAD]
        name = str(self._draw(st.sampled_from([*alive, "own"])))
        made = None
        if name == "own":
            name = f"c{self.state.runs}_{self._step}_0"
            self._step += 1
            made = Call("t", {"v": self._json()}, name)
        self._pick(
            lambda: self.add(ev.EffectStarted(name, self._amount(), made)),
            lambda: self._end(name, made),
            lambda: self.add(ev.ApprovalAsked(name, "d", self._text(), self._amount(), made)),
            lambda: self._doubt(name, made),
            lambda: self._redact(name, made),
            lambda: self._want(name, made),
        )

    def _end(self, name: str, made: Call | None) -> None:
        outcome = Outcome(name, "ok", self._json())
        self.add(ev.EffectEnded(outcome, self._amount(), made=made, labels=("secret",), revealed=(self._text(),)))

    def _doubt(self, name: str, made: Call | None) -> None:
        self.add(ev.EffectStarted(name, self._amount(), made))
        self.add(ev.EffectInDoubt(name, self._text()))

    def _want(self, name: str, made: Call | None) -> None:
        self.add(ev.EffectStarted(name, self._amount(), made))
        self.add(ev.InputAsked(name, self._text(), {}, self._json()))

    def _redact(self, name: str, made: Call | None) -> None:
        self.add(ev.Judged(name, "g", "redact", self._text()))
        self.add(ev.EffectStarted(name, 0, made or Call("t", {}, name)))

    def _decide(self) -> None:
        asked = [name for name, effect in self._effects() if effect == "asked"]
        for name in asked[:1]:
            self.add(ev.ApprovalGiven(name, bool(self._draw(st.booleans())), "ann", "d", at=self._amount()))
        wanted = [name for name, effect in self._effects() if effect == "input"]
        for name in wanted[:1]:
            self.add(ev.InputGiven(name, {"a": self._json()} if self._draw(st.booleans()) else None, "ann"))

    def _reconcile(self) -> None:
        doubted = [name for name, effect in self._effects() if effect == "in_doubt"]
        for name in doubted[:1]:
            self.add(ev.EffectReconciled(name, bool(self._draw(st.booleans())), "ann", self._json()))

    def _effects(self) -> list[tuple[str, str]]:
        return [] if self.state.run is None else [(name, e.status) for name, e in self.state.run.effects.items()]

    def _side(self) -> None:
        self._step += 1
        step = f"n{self._step}"
        self._pick(
            lambda: self.add(ev.Noted(step, "plan", self._json())),
            lambda: self.add(ev.Flagged("loop", "warn", self._text())),
            lambda: self._program(step),
            self._cancel,
            self._raise_limit,
        )

    def _program(self, step: str) -> None:
        self.add(ev.ProgramStarted(step, self._text(), "d", "wasm"))
        self._pick(
            lambda: None,
            lambda: self.add(ev.ProgramPaused(step, "b", self._amount(), (0,))),
            lambda: self.add(ev.ProgramEnded(step, "ok", self._json(), self._text())),
        )

    def _stop(self) -> None:
        self._pick(
            lambda: self.add(ev.RunSuspended("approval", self._amount(), self._text())),
            lambda: self.add(ev.RunEnded(self.state.runs, "done", self._json(), self._text())),
            lambda: self.add(ev.RunResumed("w3", self._amount())),
        )


@st.composite
def lives(draw: Callable[[st.SearchStrategy[object]], object], most: int = 40) -> list[ev.Event]:
    """Make a whole journal."""
    life = Life(draw)
    length = draw(st.integers(0, most))
    assert isinstance(length, int)
    for _ in range(length):
        life.grow()
    if draw(st.booleans()) and life.state.run is None:
        life.add(ev.SessionClosed("ann"))
    return life.events
