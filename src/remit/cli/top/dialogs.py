"""Dialogs: what is asked before something is done, and help. Nothing is done without enter."""

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from remit.cli.screen import visible
from remit.cli.top.cells import clean, redacted
from remit.cli.top.headline import age
from remit.core.state import Effect
from remit.core.values import JsonValue
from remit.runtime import missing

HELP = """\
[b]↑ ↓ j k[/b]   move; PgUp PgDn g G by more
[b]Enter[/b]     open a session; in it, a record in full. [b]Esc[/b] goes back
[b]/[/b]         filter: any words, and status:waiting agent:desk
          tenant:acme why:approval id:3f
[b]f[/b]         show all, what needs people, what is not at rest
[b]s r[/b]       sort by the next thing, and the other way round
[b]Space[/b]     hold the picture      [b]t[/b]  light or dark
[b]p[/b]         approvals             [b]a d[/b]  approve, deny
[b]c[/b]         cancel a run          [b]q[/b]  quit
Nothing is done before it was shown and you pressed Enter.

[b]crashed[/b]   its worker died: remit resume
[b]ready[/b]     decided, and nobody went on yet
[b]queued[/b]    a message that no worker took up
[b]·[/b]         at rest since before today, and not read
Sums are of today in UTC, money with what is held for calls."""


def pretty(value: JsonValue) -> str:
    """Write a value as JSON over several lines, fit for a terminal."""
    return visible(redacted(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


class Dialog(ModalScreen[str | None]):
    """Shows something, and may ask for a line of text; enter gives the line, escape nothing."""

    BINDINGS = [  # noqa: RUF012 - declared so by textual
        Binding("escape", "dismiss(None)", "back", priority=True),
        Binding("up,pageup", "body(-1)", "up", priority=True),
        Binding("down,pagedown", "body(1)", "down", priority=True),
    ]

    def __init__(self, title: str, body: Content, *, asks: str = "", mood: str = "plain") -> None:
        """Take what is shown, and what is asked for; without it enter only closes."""
        super().__init__()
        self._title, self._body, self._asks, self._mood = title, body, asks, mood

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(id="dialog", classes=self._mood):
            yield Static(Content(self._title), id="dialog-title")
            with VerticalScroll(id="dialog-body", can_focus=False):
                yield Static(self._body)
            if self._asks:
                yield Input(placeholder=self._asks, compact=True, id="dialog-input")
            keys = "Enter: yes   Esc: no" if self._asks else "Esc: back"
            yield Static(Content(f"{keys}   ↑ ↓: what is above and below"), id="dialog-keys")

    def action_body(self, by: int) -> None:
        """Scroll what is shown: nobody should decide on arguments that could not be read."""
        body = self.query_one("#dialog-body", VerticalScroll)
        body.scroll_to(y=body.scroll_y + by * max(body.size.height - 1, 1), animate=False)

    @on(Input.Submitted)
    def said(self, event: Input.Submitted) -> None:
        """Take what was typed."""
        self.dismiss(event.value.strip())


def deciding(session: str, effect: Effect, now: int, *, granted: bool, by: str) -> Dialog:
    """Ask about one call, with its exact arguments."""
    asked = effect.asked
    assert asked is not None
    left = f"lapses in {age(asked.expires, now)}" if asked.expires > now else "has lapsed"
    names = ", ".join(given.by for given in effect.yes)
    people = f" · {missing(effect)} of {asked.persons} people are still to approve it" if asked.persons > 1 else ""
    people += f"; approved by {clean(names)}" if names else ""
    body = Content.assemble(
        (f"{clean(effect.call.tool)}\n", "bold"),
        f"{pretty(effect.call.args)}\n\n",
        (f"{clean(asked.reason)}\n", "$warning"),
        (f"session {session} · call {effect.call.id} · {left}{people}", "$secondary"),
    )
    verb, why = ("Approve", "why, if you like") if granted else ("Deny", "why; the agent is told")
    return Dialog(f"{verb} this call as {clean(by)}?", body, asks=f"{why} — Enter decides",
                  mood="good" if granted else "bad")  # fmt: skip


def cancelling(session: str, agent: str, now: str, by: str) -> Dialog:
    """Ask whether a run is to end."""
    body = Content.assemble(
        (f"{session} · {clean(agent)}\n", "bold"), f"{clean(now)}\n\n",
        ("A run that sleeps ends at once, one that a worker drives at its next step.", "$secondary"),
    )  # fmt: skip
    return Dialog(f"Cancel this run as {clean(by)}?", body, asks="why, if you like — Enter cancels the run", mood="bad")


def helping() -> Dialog:
    """Say which keys there are."""
    return Dialog("remit top", Content.from_markup(HELP))


def telling(title: str, value: JsonValue) -> Dialog:
    """Show a value in full."""
    return Dialog(clean(title), Content(pretty(value)))
