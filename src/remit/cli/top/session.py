"""Session: one session on the whole screen: where it stands, how to go on, and its timeline as it grows."""

from collections.abc import Sequence

from textual import on, work
from textual.app import App, ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from remit.cli.top.acting import Acting
from remit.cli.top.cells import TIMELINE, Cell, clean, row_cells
from remit.cli.top.dialogs import telling
from remit.cli.top.grid import Grid
from remit.cli.top.hands import cancelled, decided
from remit.cli.top.headline import count, money
from remit.core import events as ev
from remit.core.errors import JournalError
from remit.core.ports import Store
from remit.telemetry import Row, Timeline, plain

_TURNS = (ev.RunOpened, ev.RunSuspended, ev.RunResumed, ev.RunEnded, ev.SessionClosed, ev.ApprovalGiven,
          ev.ApprovalAsked, ev.InputGiven, ev.EffectReconciled, ev.CancelAsked, ev.MessageReceived)  # fmt: skip
"""After these a session may stand elsewhere."""


class SessionScreen(Screen[None]):
    """Shows one session, and follows it."""

    BINDINGS = [  # noqa: RUF012 - declared so by textual
        ("escape", "dismiss(None)", "Back"),
        ("a", "decide('approve')", "Approve"),
        ("d", "decide('deny')", "Deny"),
        ("c", "cancel", "Cancel run"),
    ]

    def __init__(self, front: App[None], session: str, store: Store, acting: Acting) -> None:
        """Take what shows dialogs, which session, and who acts."""
        super().__init__()
        self.session = session
        self.timeline = Grid[Row](TIMELINE, _key, _paint, name="timeline", empty="nothing happened yet", tail=True)
        self._front = front
        self._store, self._acting = store, acting
        self._timeline, self._rows = Timeline(), list[Row]()
        self._records: dict[int, ev.Record] = {}
        self._about = ""

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(id="about")
        yield Static(id="stands")
        yield self.timeline
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to follow."""
        self.timeline.focus()
        self._follow()

    @work(exclusive=True, group="follow")
    async def _follow(self) -> None:
        try:
            records = await self._store.read(self.session)
            await self._take(records)
            async for record in self._store.follow(self.session, after=len(records)):
                await self._take([record])
        except JournalError as error:
            self.notify(clean(str(error)), severity="error", markup=False)

    async def _take(self, records: Sequence[ev.Record]) -> None:
        for record in records:
            self._records[record.seq] = record
            if (row := self._timeline.see(record)) is not None:
                self._rows.append(row)
        # What is under way comes last, and is gone when it has ended.
        self.timeline.show([*self._rows, *self._timeline.under_way()])
        if any(isinstance(record.event, _TURNS) for record in records):
            await self._stand()
        self._head()

    async def _stand(self) -> None:
        stands = await self._acting.stands(self.session)
        self._about = stands.status
        parts = [Content.styled(clean(stands.question), "$warning")] if stands.question else []
        parts += [Content.styled(f"  {clean(text)}  ({name})", "bold") for name, text in stands.calls]
        parts += [Content.styled(f"  {command}", "$secondary") for command in stands.commands]
        box = self.query_one("#stands", Static)
        box.display = bool(parts)
        box.update(Content("\n").join(parts))

    def _head(self) -> None:
        totals, first = self._timeline.totals, self._records.get(1)
        opened = first.event if first else None
        agent = f"{opened.agent} · {opened.tenant}" if isinstance(opened, ev.SessionOpened) else ""
        failed = f" ({totals.failures} failed)" if totals.failures else ""
        told = f"{totals.asks} model and {totals.calls} tool calls{failed} · {count(totals.input)}+"
        told += f"{count(totals.output)} tokens · {money(totals.cost)}"
        self.query_one("#about", Static).update(
            Content.assemble((self.session, "bold"), f"  {clean(agent)} · ", (self._about, "bold $primary"),
                             (f"\n{told}", "$secondary"))
        )  # fmt: skip

    # -- keys ------------------------------------------------------------------------------------------------------

    @on(Grid.Chosen)
    def open_record(self, event: Grid.Chosen) -> None:
        """Show a record in full."""
        row = event.item
        assert isinstance(row, Row)
        self._front.push_screen(telling(f"{row.title} · {row.seq}", plain(self._records[row.seq])))

    @work(exclusive=True, group="hands")
    async def action_decide(self, how: str) -> None:
        """Decide on the call that waits."""
        await decided(self._front, self._acting, self.session, "", granted=how == "approve")

    @work(exclusive=True, group="hands")
    async def action_cancel(self) -> None:
        """End the run."""
        await cancelled(self._front, self._acting, self.session, "", self._about)


def _key(row: Row) -> str:
    return str(row.seq)


def _paint(row: Row, width: int) -> tuple[Cell, ...]:
    return row_cells(row)
