"""Overview: the list of sessions with what they come to, the calls that wait for people, and the keys."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from textual import on, work
from textual.app import App, ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from remit.cli.top.acting import Acting
from remit.cli.top.board import Ask
from remit.cli.top.cells import ASKS, SESSIONS, Cell, ask_cells, clean, session_cells
from remit.cli.top.grid import Grid
from remit.cli.top.hands import cancelled, decided
from remit.cli.top.headline import told
from remit.cli.top.lines import SHOWN, SORTS, Line, Wanted, after, words
from remit.cli.top.session import SessionScreen
from remit.cli.top.watching import Picture, Watching
from remit.core.values import now_ms
from remit.telemetry import Mood

_WIDE = 100
_COLOURS: dict[Mood, str] = {
    "plain": "", "quiet": "$secondary", "good": "$success", "warn": "bold $warning", "bad": "bold $error",
}  # fmt: skip


class Overview(Screen[None]):
    """Shows all sessions, and looks for what is new."""

    BINDINGS = [  # noqa: RUF012 - declared so by textual
        ("slash", "filter", "Filter"),
        ("f", "turn('shown')", "Show"),
        ("s", "turn('sort')", "Sort"),
        ("p", "asks", "Approvals"),
        ("a", "decide('approve')", "Approve"),
        ("d", "decide('deny')", "Deny"),
        ("c", "cancel", "Cancel"),
        ("escape", "back", ""),
        ("r", "turn('backwards')", ""),
        ("space", "turn('hold')", ""),
    ]

    def __init__(self, front: App[None], watching: Watching, acting: Acting, wanted: Wanted, every: float) -> None:
        """Take what shows dialogs, where to look, who acts, what is wanted, and the seconds between two looks."""
        super().__init__()
        self.watching, self.wanted = watching, wanted
        self.sessions = Grid[Line](SESSIONS, _line_key, _line_cells, name="sessions", empty="no sessions like this")
        self.asks = Grid[Ask](ASKS, _ask_key, _ask_cells, name="asks", empty="nothing waits for a decision")
        self.asks.border_title = "approvals: a approves, d denies"
        self._front, self._looking = front, False
        self._acting, self._every = acting, every
        self._picture: Picture | None = None
        self._held = False

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(id="head")
        yield Static(id="bar")
        yield self.sessions
        yield self.asks
        yield Input(placeholder="words, status: agent: tenant: why: id:", compact=True, id="filter")
        yield Footer(show_command_palette=False, compact=True)

    def on_screen_resume(self) -> None:
        """Begin to look, or show what came while something else was in front."""
        if not self._looking:
            self._looking = True
            self.sessions.focus()
            self._look_on()
        self._draw()

    @work(exclusive=True, group="look")
    async def _look_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Look at what is new, and show it."""
        fresh = await self.watching.look()
        if self._held and self._picture is not None:
            return
        if fresh or self._picture is None:
            self._picture = self.watching.picture()
            self._arrange()
        else:
            self._picture = replace(self._picture, at=now_ms())
        self._draw()

    def _arrange(self) -> None:
        if self._picture is not None:
            self.sessions.show(self.wanted.of(self._picture.lines))
            self.asks.show(self._picture.asks)

    def _draw(self) -> None:
        """Write what changes as time goes by."""
        picture = self._picture
        if picture is None or not self.is_current:
            return
        lines = [Content.assemble(*((text, _COLOURS[mood]) for text, mood in line))
                 for line in told(picture.headline, picture.at, narrow=self.size.width < _WIDE)]  # fmt: skip
        self.query_one("#head", Static).update(Content("\n").join(lines))
        self.query_one("#bar", Static).update(self._bar(picture))
        self.sessions.refresh()
        self.asks.refresh()

    def _bar(self, picture: Picture) -> Content:
        wanted = self.wanted
        hidden = f" · {picture.hidden} older ones at rest not listed" if picture.hidden else ""
        failed = f" · {picture.failures} times not readable" if picture.failures else ""
        order = f"by {wanted.sort}{' backwards' if wanted.backwards else ''}"
        shown = f" · filter {clean(wanted.text)}" if wanted.words else ""
        held = " · HELD" if self._held else ""
        return Content(f"{len(self.sessions.items)} of {len(picture.lines)} · {wanted.shown} · {order}{shown}{hidden}"
                       f"{failed}{held}")  # fmt: skip

    def _want(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._arrange()
        self._draw()

    # -- what is shown ---------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Open the line for a filter."""
        box = self.query_one("#filter", Input)
        box.add_class("open")
        box.value = self.wanted.text
        box.focus()

    @on(Input.Changed, "#filter")
    def filtered(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self._want(replace(self.wanted, words=words(event.value)))

    @on(Input.Submitted, "#filter")
    def keep_filter(self) -> None:
        """Leave the line, and keep the filter."""
        self.query_one("#filter", Input).remove_class("open")
        self.sessions.focus()

    def action_back(self) -> None:
        """Let go of the filter, or else of the approvals."""
        box = self.query_one("#filter", Input)
        if box.has_class("open") or self.wanted.words:
            box.remove_class("open")
            box.value = ""
            self._want(replace(self.wanted, words=()))
        else:
            self.asks.remove_class("open")
        self.sessions.focus()

    def action_turn(self, what: str) -> None:
        """Show what is next: which sessions, in which order, forwards or backwards, held or as it comes."""
        wanted = self.wanted
        match what:
            case "shown":
                self._want(replace(wanted, shown=after(SHOWN, wanted.shown)))
            case "sort":
                self._want(replace(wanted, sort=after(SORTS, wanted.sort)))
            case "backwards":
                self._want(replace(wanted, backwards=not wanted.backwards))
            case _:
                self._held = not self._held
                self._picture = self._picture if self._held else self.watching.picture()
                self._want(wanted)

    def action_asks(self) -> None:
        """Open the approvals, or close them."""
        is_open = self.asks.toggle_class("open").has_class("open")
        (self.asks if is_open else self.sessions).focus()

    @on(Grid.Chosen)
    def open_session(self, event: Grid.Chosen) -> None:
        """Open a session."""
        item = event.item
        assert isinstance(item, Line | Ask)
        name = item.id if isinstance(item, Line) else item.session
        self._front.push_screen(SessionScreen(self._front, name, self.watching.store, self._acting))

    # -- what is done ----------------------------------------------------------------------------------------------

    @work(exclusive=True, group="hands")
    async def action_decide(self, how: str) -> None:
        """Decide on the call under the cursor, or on the first one of the session under it."""
        session, call = self._asked()
        if session and await decided(self._front, self._acting, session, call, granted=how == "approve"):
            await self._now(session)

    @work(exclusive=True, group="hands")
    async def action_cancel(self) -> None:
        """End the run of the session under the cursor."""
        line = self.sessions.chosen
        if line is not None and await cancelled(self._front, self._acting, line.id, line.agent, line.now):
            await self._now(line.id)

    def _asked(self) -> tuple[str, str]:
        if self.asks.has_focus:
            ask = self.asks.chosen
            return (ask.session, ask.call) if ask else ("", "")
        line = self.sessions.chosen
        return (line.id, "") if line else ("", "")

    async def _now(self, session: str) -> None:
        self.watching.touch(session)
        await self.look()


def _line_key(line: Line) -> str:
    return line.id


def _line_cells(line: Line, width: int) -> Sequence[Cell]:
    return session_cells(line, now_ms(), narrow=width < _WIDE)


def _ask_key(ask: Ask) -> str:
    return f"{ask.session} {ask.call}"


def _ask_cells(ask: Ask, width: int) -> Sequence[Cell]:
    return ask_cells(ask, now_ms())
