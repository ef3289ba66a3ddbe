"""One event of every kind with every field set, from which the golden files were made; and laws' raw material."""

from typing import get_args

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Part, Usage

CALL = Call("pay", {"to": "bob", "usd": 5.5, "tags": ["a", None, True]}, "c1_2_0", "{raw", "bad")
OUTCOME = Outcome("c1_2_0", "failed", {"why": ["x", 1]}, "ab" * 32, 40_000)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TREE = ev.Tree("root", "parent", 2, 4, 30, 1_500_000_000, ("confidential",), ("ann",), TRACE)
LIMITS = Limits(
    usd=1.5,
    session_usd=2.5,
    tree_usd=3.5,
    usd_per_minute=0.5,
    steps=7,
    tokens=1000,
    seconds=9.5,
    depth=2,
    children=3,
    calls=4,
    max_output=512,
    unpriced="allow",
)
KINDS: tuple[type[ev.Event], ...] = tuple(kind for group in get_args(ev.Event) for kind in get_args(group) or (group,))
SAMPLES: tuple[ev.Event, ...] = (
    ev.SessionOpened(
        "helper", "3", "react@2", {"pay": "ab12"}, "acme", TREE, LIMITS, {"default": "m", "judge": "n"}, "a.py:h", "s@9"
    ),
    ev.RunOpened(4, "react@2", "77-ab", 1_700_000_000_000),
    ev.MessageReceived(
        "hello \u2603", "ann", "key-1", (Part("image/png", "b1", "https://example.com/a.png", "a.png", 9, 1600),), TRACE
    ),
    ev.ModelAsked(
        "4.1.0", "judge", 120, "well?", ("pay", "look"), "ab12", alone=True, nudge="go on", model="other", sample=2
    ),
    ev.ModelAnswered(
        "4.1.0", "so", (CALL,), Usage(10, 20, 3, 4, 5, 6, 7), 99, "no JSON", {"id": "r"}, "length", "fallback", hit=True
    ),
    ev.ModelFailed("4.1.0", "down", 120, final=True),
    ev.Judged("c1_2_0", "AskBefore", "ask", "costly"),
    ev.ApprovalAsked("c1_2_0", "cafe", "costly", 1_700_000_060_000, CALL, persons=2, escalates=1_700_000_040_000),
    ev.ApprovalGiven(
        "c1_2_0", granted=True, by="ann", digest="cafe", reason="fine", at=1_700_000_030_000, args={"usd": 4}
    ),
    ev.EffectStarted("c1_2_0", 500, CALL),
    ev.EffectEnded(OUTCOME, 500, 2, CALL, 1500, ("confidential",), ("pay",)),
    ev.EffectInDoubt("c1_2_0", "did it happen?"),
    ev.EffectReconciled("c1_2_0", happened=True, by="probe", output={"id": 1}),
    ev.Noted("4.1.0", "plan", {"steps": [1, 2]}),
    ev.Flagged("loop", "warn", "again", "c1_2_0"),
    ev.LimitRaised("usd", 9.5, "ann"),
    ev.RunEnded(4, "failed", {"so": "far"}, "no way"),
    ev.SessionClosed("ann", "over"),
    ev.RunSuspended("in_doubt", 1_700_000_000_500, "did it?"),
    ev.RunResumed("78-cd", 1_700_000_000_900),
    ev.CancelAsked("ann", "enough"),
    ev.InputAsked("c1_2_0", "which account?", {"type": "object"}, {"state": "x1"}),
    ev.InputGiven("c1_2_0", {"account": "A-1"}, "ann", 1_700_000_030_000),
    ev.ProgramStarted("4.1.0", "pay('bob')", "cafe", "wasm"),
    ev.ProgramPaused("4.1.0", "ab" * 32, 3, (1, 2), (0,)),
    ev.ProgramEnded(
        "4.1.0",
        "error",
        {"so": "far"},
        "paid\n",
        "ZeroDivisionError: division by zero",
        7,
        "too late",
        3,
        (Part("image/png", "b1", "", "charts/1.png", 9),),
    ),
    ev.ApprovalEscalated("c1_2_0", 1_700_000_040_000),
)
