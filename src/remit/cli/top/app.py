"""App: the screen of `remit top`. It and what only it imports need the extra `top`."""

from textual.app import App
from textual.theme import Theme

from remit.cli.top.acting import Acting
from remit.cli.top.dialogs import helping
from remit.cli.top.lines import Wanted
from remit.cli.top.overview import Overview
from remit.cli.top.watching import Watching

_THEMES: dict[str, Theme] = {
    "dark": Theme(
        "remit-dark", primary="#7aa2ff", secondary="#8b93a7", warning="#f0b429", error="#ff6b6b", success="#4cc38a",
        accent="#7aa2ff", foreground="#d8dee9", background="#0f1218", surface="#151a22", panel="#1d2430", dark=True,
    ),
    "light": Theme(
        "remit-light", primary="#2450c8", secondary="#5b6475", warning="#8a5a00", error="#b42318", success="#12693f",
        accent="#2450c8", foreground="#1b2230", background="#fbfcfe", surface="#ffffff", panel="#eaeef5", dark=False,
    ),
}  # fmt: skip

_CSS = """
Screen { background: $background; color: $foreground; }
#head { height: 3; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
#about { height: 2; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
#bar { height: 1; padding: 0 1; color: $secondary; }
#stands { height: auto; max-height: 8; padding: 0 1; }
#filter { height: 1; padding: 0 1; display: none; background: $panel; }
#filter.open { display: block; }
#filter:focus { background-tint: $foreground 0%; }
Grid { height: 1fr; padding: 0 0 0 1; background: $background; overflow-x: hidden; scrollbar-size-vertical: 1;
       scrollbar-background: $background; scrollbar-color: $secondary 40%; scrollbar-background-hover: $background; }
#asks { display: none; height: 9; border-top: solid $warning; border-title-color: $warning; }
#asks.open { display: block; }
.grid--head { color: $secondary; text-style: bold; background: $background; }
.grid--plain { color: $foreground; }
.grid--quiet { color: $secondary; }
.grid--good { color: $success; }
.grid--warn { color: $warning; }
.grid--bad { color: $error; text-style: bold; }
.grid--cursor { color: $foreground; background: $primary 30%; text-style: bold; }
App:nocolor .grid--cursor { text-style: reverse; }
Dialog { align: center middle; background: $background 60%; }
#dialog { width: 90%; max-width: 96; height: auto; max-height: 90%; padding: 0 1; background: $surface;
          border: round $primary; }
#dialog.good { border: round $success; }
#dialog.bad { border: round $error; }
#dialog-title { text-style: bold; margin-bottom: 1; }
#dialog-body { height: auto; max-height: 17; scrollbar-size-vertical: 1; scrollbar-background: $surface;
               scrollbar-color: $secondary 40%; }
#dialog-input { margin-top: 1; background: $panel; }
#dialog-keys { color: $secondary; margin-top: 1; }
Footer { background: $panel; }
"""


class Top(App[None]):
    """Shows what all sessions do, until somebody leaves."""

    CSS = _CSS
    TITLE = "remit top"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [("question_mark", "help", "Help"), ("q", "quit", "Quit"), ("t", "theme", "")]  # noqa: RUF012 - as above

    def __init__(self, watching: Watching, acting: Acting, wanted: Wanted, every: float, theme: str) -> None:
        """Take what the first screen needs, and `dark`, `light` or `terminal`."""
        super().__init__()
        self.overview = Overview(self, watching, acting, wanted, every)
        for known in _THEMES.values():
            self.register_theme(known)
        self.theme = _THEMES[theme].name if theme in _THEMES else "ansi-dark"

    async def on_mount(self) -> None:
        """Show the first screen."""
        await self.push_screen(self.overview)

    def action_help(self) -> None:
        """Say which keys there are."""
        self.push_screen(helping())

    def action_theme(self) -> None:
        """Turn dark into light, or back."""
        light = _THEMES["light"].name
        self.theme = _THEMES["dark"].name if self.theme == light else light


def opened(watching: Watching, acting: Acting, wanted: Wanted, every: float, theme: str) -> Top:
    """Make the screen."""
    return Top(watching, acting, wanted, every, theme)
