"""Charges add up to what a session spent, and say what each call of it came to."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.state import State
from remit.telemetry.cost import Charge, Charges, copied

BEGIN = 1_000_000
OPENED = ev.SessionOpened(
    "clerk", "2", "react@1", {"pay": "d1"}, "acme", ev.Tree("s1"), Limits(), {"default": "gpt", "judge": "mini"}
)


def records(*events: ev.Event, every: int = 1000) -> list[ev.Record]:
    return [ev.Record(place + 1, BEGIN + place * every, event) for place, event in enumerate(events)]


def read(found: Iterable[ev.Record]) -> list[Charge]:
    charges = Charges("s1")
    return [charge for record in found for charge in charges.see(record)]


MONEY = st.integers(0, 1000)


@st.composite
def questions(draw: st.DrawFn, step: str) -> list[ev.Event]:
    how = draw(st.sampled_from(["answered", "failed", "again", "open"]))
    events: list[ev.Event] = [ev.ModelAsked(step, hold=draw(MONEY))]
    if how in {"failed", "again"}:
        events.append(ev.ModelFailed(step, "busy", draw(MONEY)))
    if how == "again":
        events.append(ev.ModelAsked(step, hold=draw(MONEY)))
    if how in {"answered", "again"}:
        events.append(ev.ModelAnswered(step, "so", cost=draw(MONEY)))
    return events


@st.composite
def calls(draw: st.DrawFn, name: str) -> list[ev.Event]:
    how = draw(st.sampled_from(["made", "asked", "stopped", "started", "denied"]))
    made, events = Call("pay", {}, name), list[ev.Event]()
    if how != "denied":
        events.append(ev.EffectStarted(name, draw(MONEY), made))
    if how in {"asked", "stopped"}:
        events.append(ev.InputAsked(name, "which?", {}))
    if how == "asked":
        events.append(ev.EffectStarted(name, draw(MONEY)))
    if how not in {"started", "stopped"}:
        events.append(ev.EffectEnded(Outcome(name), draw(MONEY), made=made))
    return events


@st.composite
def runs(draw: st.DrawFn) -> list[ev.Event]:
    """Give a run whose calls of models and tools end, fail, stop for input or are left under way."""
    events: list[ev.Event] = [ev.MessageReceived("go"), ev.RunOpened(1, "react@1", "w", BEGIN)]
    for number in range(draw(st.integers(0, 6))):
        events += draw(st.one_of(questions(str(number)), calls(f"c1_{number}_0")))
    if draw(st.booleans()):
        events.append(ev.RunEnded(1, "done", "so"))
    return events


@given(runs())
def test_charges_add_up_to_what_the_state_says_was_spent(events: Sequence[ev.Event]) -> None:
    told = [OPENED, *events]
    charges, state = Charges("s1"), State()
    spent = 0
    for record in records(*told):
        spent += sum(charge.cost for charge in charges.see(record))
        state.apply(record.event)
    assert spent == state.spent
    assert charges.held == (state.run.held if state.run else 0)


def test_a_charge_says_who_answered_for_how_long_and_at_which_attempt() -> None:
    asked, failed, again, answered = read(
        records(
            OPENED,
            ev.RunOpened(1, "react@1", "w", BEGIN),
            ev.ModelAsked("0", hold=9),
            ev.ModelFailed("0", "busy", 9),
            ev.ModelAsked("0", hold=9),
            ev.ModelAnswered("0", "", (Call("pay", {}, "c1_0_0"),), Usage(10, 2), 5, model="spare"),
            ev.ModelAsked("1", role="judge"),
            ev.ModelAnswered("1", "?", problem="no JSON"),
            ev.EffectStarted("c1_0_0"),
            ev.EffectEnded(Outcome("c1_0_0", "failed"), 7, attempts=3, waited=400),
        )
    )
    assert (asked.status, asked.cost, asked.retries, asked.model) == ("failed", 9, 0, "gpt")
    assert (failed.status, failed.retries, failed.model, failed.role) == ("ok", 1, "spare", "default")
    assert (again.status, again.role, again.model, again.at - again.began) == ("unusable", "judge", "mini", 1000)
    assert (answered.kind, answered.tool, answered.step, answered.retries) == ("tool", "pay", "0", 2)
    assert (answered.agent, answered.tenant, answered.waited) == ("clerk", "acme", 400)


def test_what_a_fork_was_given_is_not_charged_again() -> None:
    opened = ev.SessionOpened(
        "clerk", "2", "react@1", {}, "acme", ev.Tree("s2"), Limits(), {"default": "gpt"}, forked="s1@4"
    )
    found = read(
        records(
            opened,
            ev.RunOpened(1, "react@1", "w", BEGIN),
            ev.ModelAsked("0", hold=9),
            ev.ModelAnswered("0", "a", cost=5),
            ev.ModelAsked("1", hold=9),
            ev.ModelAnswered("1", "b", cost=6),
        )
    )
    assert copied(opened) == 4
    assert [charge.cost for charge in found] == [6]


def test_a_call_that_was_never_recorded_has_no_tool() -> None:
    (charge,) = read(records(ev.EffectEnded(Outcome("mine", "denied"))))
    assert (charge.tool, charge.agent, charge.step, charge.began) == ("", "", "", 0)
