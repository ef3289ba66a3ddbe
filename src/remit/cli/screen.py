"""Screen: what a command writes. Output goes to standard output, everything said about it to standard error.

Text of models, tools and mails is shown with its control characters made visible, so that it cannot drive the terminal.
Nothing that is written holds a registered secret.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import TextIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from remit.core.values import JsonValue
from remit.policy import Secrets
from remit.telemetry import Mood, Row, figures, line, offset

_STYLES: dict[Mood, str] = {"plain": "", "quiet": "dim", "good": "green", "warn": "yellow", "bad": "red"}
SECRETS: ContextVar[Secrets | None] = ContextVar("secrets", default=None)
"""What is kept out of all that the command under way writes."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Write control characters and those that turn the direction of text as escapes; keep tabs and line ends."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text.replace("\r\n", "\n"))


class Screen:
    """Where a command writes: for people, or with `json` for machines."""

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """Write to the standard streams, without the secrets of the command under way, unless told otherwise."""
        self._secrets = secrets or SECRETS.get() or Secrets()
        self._pieces = self._secrets.stream()
        self._out, self._err = out or sys.stdout, err or sys.stderr
        self.json, self.quiet = json, quiet
        self._console = Console(file=self._out, highlight=False, markup=False, emoji=False)
        self._aside = Console(file=self._err, highlight=False, markup=False, emoji=False)
        self.streams = self._out.isatty() and not json
        """Whether text is shown while it is being written."""
        self._lively = self._err.isatty() and not json and not quiet
        self._open = False

    def result(self, value: JsonValue) -> None:
        """Write a value as a line of JSON."""
        self._out.write(f"{msgspec.json.encode(self._secrets.redact(value)).decode()}\n")
        self._out.flush()

    def say(self, text: str = "", style: str = "") -> None:
        """Write a line of output."""
        shown = self._visible(text) if self._out.isatty() else self._secrets.redact(text)
        self._console.print(Text(shown, style), soft_wrap=True)

    def hint(self, text: str, style: str = "") -> None:
        """Say something about the output, to a person."""
        if not self.quiet and not self.json:
            self.end_text()
            self._aside.print(Text(self._visible(text), style), soft_wrap=True)

    def piece(self, text: str, *, fresh: bool = False) -> None:
        """Write a piece of a text under way; `fresh` when what was shown of it is void."""
        if not self.streams:
            return
        self.clear()
        if fresh:
            # What waited is void too.
            self._pieces.end()
            self.end_text()
        self._write(self._pieces.feed(text))

    def end_text(self) -> None:
        """End the line of a text under way."""
        self._write(self._pieces.end())
        if self._open:
            self._out.write("\n")
            self._out.flush()
            self._open = False

    def row(self, row: Row) -> None:
        """Write a row of a timeline as output, on one line of a terminal."""
        if self._out.isatty():
            self._console.print(_row(self._clean(row)), no_wrap=True, overflow="ellipsis")
        else:
            self._out.write(f"{self._visible(line(row))}\n")
            self._out.flush()

    def step(self, row: Row) -> None:
        """Say compactly, on a terminal, what a step came to."""
        if self._lively:
            self.clear()
            self.end_text()
            self._aside.print(_row(self._clean(row), compact=True), no_wrap=True, overflow="ellipsis", style="dim")

    def under_way(self, text: str) -> None:
        """Show on a terminal what is being waited for; the next thing shown takes its place."""
        if self._lively and not self._open:
            self._err.write(f"\r\x1b[2K{self._visible(text)[: self._aside.width - 1]}")
            self._err.flush()

    def clear(self) -> None:
        """Take away what was shown as under way."""
        if self._lively and not self._open:
            self._err.write("\r\x1b[2K")
            self._err.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table; as tab-separated lines without a head when it is not for a terminal."""
        if not self._out.isatty():
            self._out.writelines("\t".join(map(self._secrets.redact, row)) + "\n" for row in rows)
            return
        table = Table(*columns, box=None, header_style="dim", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(self._visible(cell)) for cell in row))
        self._console.print(table)

    def _clean(self, row: Row) -> Row:
        redact = self._secrets.redact
        return replace(row, title=redact(row.title), detail=redact(row.detail), wants=redact(row.wants))

    def _visible(self, text: str) -> str:
        return visible(self._secrets.redact(text))

    def _write(self, text: str) -> None:
        if text:
            self._out.write(visible(text))
            self._out.flush()
            self._open = not text.endswith("\n")


def _row(row: Row, *, compact: bool = False) -> Text:
    style = _STYLES[row.mood]
    text = Text(no_wrap=True)
    if not compact:
        text.append(f"{row.seq:>4} {offset(row.since):>8}  ", "dim")
    text.append(f"{row.step:<5} ", "dim")
    text.append(f"{visible(row.title):<12} ", style or "bold")
    wants = f"→ {row.wants}" if row.wants else ""
    # On a terminal an answer was just read while it was written.
    detail = "" if compact and row.usage is not None and row.mood == "plain" else row.detail
    text.append(visible(" ".join(part for part in (detail, wants) if part)), style)
    shown = figures(row)
    if shown:
        text.append(f"  [{shown}]", "dim")
    return text
