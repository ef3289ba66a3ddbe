"""Grid: a list of any length in columns, of which only what is on the screen is ever written."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from remit.cli.top.cells import Cell, Column, layout

T = TypeVar("T")


class Grid(ScrollView, Generic[T], can_focus=True):
    """Shows items, one a line, below a head that stays; one of them is chosen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--head", "grid--cursor", "grid--plain", "grid--quiet", "grid--good", "grid--warn", "grid--bad",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("home,g", "jump(0)", show=False),
        Binding("end,G", "jump(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Somebody pressed enter, or clicked twice, on an item."""

        def __init__(self, item: object) -> None:
            """Take which."""
            super().__init__()
            self.item = item

    def __init__(
        self, columns: Sequence[Column], key: Callable[[T], str], paint: Callable[[T, int], Sequence[Cell]],
        *, name: str, empty: str = "", tail: bool = False,
    ) -> None:  # fmt: skip
        """Take how an item is told from others, and how it is written in so many cells; `tail` keeps to the end."""
        super().__init__(id=name)
        self._columns, self._key, self._paint, self._empty = columns, key, paint, empty
        self._items: Sequence[T] = ()
        self._cursor = 0
        self._tail = tail

    # -- what it shows ---------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> T | None:
        """Give the item that the cursor is on."""
        return self._items[self._cursor] if self._items else None

    @property
    def items(self) -> Sequence[T]:
        """Give all of them."""
        return self._items

    @property
    def text(self) -> list[str]:
        """Give the lines as they are on the screen now."""
        return [self.render_line(y).text.rstrip() for y in range(self.size.height)]

    def show(self, items: Sequence[T]) -> None:
        """Show other items; the cursor stays with its own, or at the end where it was there to follow it."""
        before, at_end = self.chosen, self._tail and self._cursor >= len(self._items) - 1
        self._items = items
        if at_end:
            self._cursor = len(items) - 1
        elif before is not None and not self._tail:
            key = self._key(before)
            if self._cursor >= len(items) or self._key(items[self._cursor]) != key:
                found = next((place for place, item in enumerate(items) if self._key(item) == key), self._cursor)
                self._cursor = found
        self._cursor = max(0, min(self._cursor, len(items) - 1))
        size = Size(self.scrollable_content_region.width, len(items) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self._into_view()
        self.refresh()

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by what fits on the screen."""
        self._go(self._cursor + by * max(self.size.height - 2, 1))

    def action_jump(self, to: int) -> None:
        """Move the cursor to the beginning, or with -1 to the end."""
        self._go(to if to >= 0 else len(self._items) - 1)

    def action_choose(self) -> None:
        """Tell of the item under the cursor."""
        if (item := self.chosen) is not None:
            self.post_message(self.Chosen(item))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to where somebody clicked; a second click is enter."""
        place = event.y - 1 + self.scroll_offset.y
        if event.y < 1 or place >= len(self._items):
            return
        self._go(place)
        if event.chain > 1:
            self.action_choose()

    def _go(self, to: int) -> None:
        self._cursor = max(0, min(to, len(self._items) - 1))
        self._into_view()
        self.refresh()

    def _into_view(self) -> None:
        height, top = max(self.size.height - 1, 1), self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Take the new width."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._items) + 1)
        self._into_view()

    # -- lines -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Write a line of the screen."""
        width = self.scrollable_content_region.width
        if y == 0:
            style = self.get_component_rich_style("grid--head")
            titles: list[Cell] = [(column.title, "plain") for column in self._columns]
            return self._strip(titles, width, lambda _: style)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self._items):
            said = f" {self._empty}" if y == 2 and not self._items else ""
            style = self.get_component_rich_style("grid--quiet")
            return Strip([Segment(set_cell_size(said, width), style)], width)
        cells = self._paint(self._items[place], width)
        if place == self._cursor and (self.has_focus or self._tail):
            cursor = self.get_component_rich_style("grid--cursor")
            return self._strip(cells, width, lambda _: cursor)
        return self._strip(cells, width, lambda cell: self.get_component_rich_style(f"grid--{cell[1]}"))

    def _strip(self, cells: Sequence[Cell], width: int, style: Callable[[Cell], Style]) -> Strip:
        segments: list[Segment] = []
        used = 0
        for place, column, room in layout(self._columns, width):
            gap = " " if segments else ""
            segments.append(Segment(gap + fitted(cells[place][0], room, right=column.right), style(cells[place])))
            used += room + len(gap)
        segments.append(Segment(" " * max(width - used, 0), style(("", "plain"))))
        return Strip(segments).adjust_cell_length(width, style(("", "plain")))


def fitted(text: str, room: int, *, right: bool = False) -> str:
    """Write a text in exactly so many cells, cut with an ellipsis."""
    size = cell_len(text)
    if size > room:
        return set_cell_size(text, room - 1) + "…" if room else ""
    return " " * (room - size) + text if right else text + " " * (room - size)
