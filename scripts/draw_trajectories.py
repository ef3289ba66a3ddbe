"""Pictures of trajectories: one for each way of working, drawn from the journal of the run that its page shows.

The first `python` block of a page in `docs/strategies/` runs and leaves `home` and `run`; what is drawn is what the
home's journal then holds. The same page gives the same bytes. With `--check` nothing is written, and a picture that is
not what would be drawn is an error. A folder can be named; it is the current one otherwise.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from types import ModuleType
from typing import cast

from check_docs import blocks, run_python
from remit import Home, RunResult
from remit.core.events import Record
from trajectories import Box, Column, Line, Split, Trajectory, counted

MARGIN, GAP, BRANCH_GAP = 20, 18, 14
NARROW, WIDE = 216, 460
"""Least width of a box, and the most."""
PADDING, LINE, FONT = 10, 16, 12
BOLD = 1.08
"""How much wider bold letters are."""
FRAME = 8
"""Between boxes and what is around them: a branch that is alone, or a program."""

STYLE = """
.trajectory text{font:12px system-ui,sans-serif;fill:#1f2328}
.trajectory .b{font-weight:600}
.trajectory .m{fill:#59636e}
.trajectory .page{fill:#ffffff}
.trajectory .own{fill:none;stroke:#8a929c}
.trajectory path{fill:none;stroke:#8a929c;stroke-width:1.5}
.trajectory .task,.trajectory .done{fill:#f1f2f4;stroke:#7a818a}
.trajectory .ask{fill:#eaf1fe;stroke:#3b73d1}
.trajectory .tool{fill:#e8f6ec;stroke:#2c8a4b}
.trajectory .program{fill:#f5effc;stroke:#7d4fc4}
.trajectory .note{fill:#fff8e3;stroke:#a87900;stroke-dasharray:4 3}
.trajectory .failed{fill:#fdecee;stroke:#c4314b}
@media (prefers-color-scheme:dark){
.trajectory text{fill:#e6e8eb}
.trajectory .m{fill:#a7afb9}
.trajectory .page{fill:#1b1e24}
.trajectory .own{stroke:#7d8590}
.trajectory path{stroke:#7d8590}
.trajectory .task,.trajectory .done{fill:#2a2d33;stroke:#9aa1ab}
.trajectory .ask{fill:#1d2b44;stroke:#7aa7f0}
.trajectory .tool{fill:#1a3225;stroke:#63c588}
.trajectory .program{fill:#2a2140;stroke:#b595f0}
.trajectory .note{fill:#342c14;stroke:#dfb548}
.trajectory .failed{fill:#3d1d24;stroke:#f0808f}
}
"""


def least(part: Box | Split) -> int:
    """Say how wide a part must be."""
    if isinstance(part, Box):
        return max([NARROW, *(least(one) + 2 * FRAME for one in part.inner)])
    frame = 2 * FRAME if framed(part) else 0
    return sum(max(map(least, branch)) for branch in part.branches) + BRANCH_GAP * (len(part.branches) - 1) + frame


def framed(part: Split) -> bool:
    """Say whether a branch has several steps and no other branch beside it that would set them apart."""
    return len(part.branches) == 1 and len(part.branches[0]) > 1


def advance(letter: str) -> float:
    """Bound the width of a letter, in ems, as wide system fonts have it."""
    if letter in " .,:;'|!ijlI":
        return 0.34
    if letter in 'ft()[]{}r-/"':
        return 0.46
    if letter in "mwMW@%\u2192\u2026":
        return 1.0
    return 0.74 if letter.isupper() else 0.64


def broken(line: Line, width: int) -> list[str]:
    """Break a text into lines that fit; what is too long ends in an ellipsis."""
    found, current = list[str](), ""
    words = [piece for word in line.text.split() for piece in pieces(word, width)]
    for word in words:
        longer = f"{current} {word}".strip()
        if current and extent(longer) > width:
            found.append(current)
            current = word
        else:
            current = longer
    found.append(current)
    most = line.most if width >= WIDE // 2 else 2 * line.most
    if len(found) <= most:
        return found
    last = found[most - 1]
    while extent(f"{last}\u2026") > width:
        last = last[:-1]
    return [*found[: most - 1], f"{last.rstrip()}\u2026"]


def pieces(word: str, width: int) -> Iterator[str]:
    """Cut a word that is wider than a line."""
    while extent(word) > width:
        end = next(end for end in range(1, len(word) + 1) if extent(word[: end + 1]) > width)
        yield word[:end]
        word = word[end:]
    yield word


def extent(text: str) -> float:
    """Bound the width of a text, in pixels."""
    return FONT * sum(map(advance, text))


@dataclass(slots=True)
class Canvas:
    """The parts of a picture that are drawn, and how far down it reaches."""

    marks: list[str] = field(default_factory=list[str])

    def text(self, x: float, y: float, text: str, style: str = "", *, right: bool = False) -> None:
        """Write one line."""
        anchor = ' text-anchor="end"' if right else ""
        named = f' class="{style}"' if style else ""
        self.marks.append(f'<text x="{x:g}" y="{y:g}"{named}{anchor}>{escape(text, quote=False)}</text>')

    def line(self, path: str) -> None:
        """Draw how one part leads to another."""
        self.marks.append(f'<path d="{path}"/>')

    def column(self, parts: Column, x: int, y: int, width: int) -> int:
        """Draw parts below each other and give where they end."""
        center = x + width / 2
        for number, part in enumerate(parts):
            if number:
                self.line(f"M{center:g} {y}v{GAP}")
                y += GAP
            y = self.box(part, x, y, width) if isinstance(part, Box) else self.split(part, x, y, width)
        return y

    def split(self, part: Split, x: int, y: int, width: int) -> int:
        """Draw branches side by side, and how they begin and end together."""
        if len(part.branches) == 1:
            return self.framed(part, x, y, width) if framed(part) else self.column(part.branches[0], x, y, width)
        widths = [max(map(least, branch)) for branch in part.branches]
        spare = (width - least(part)) // len(widths)
        ends: list[tuple[float, int]] = []
        left = x
        for branch, narrow in zip(part.branches, widths, strict=True):
            ends.append((left + (narrow + spare) / 2, self.column(branch, left, y + GAP, narrow + spare)))
            left += narrow + spare + BRANCH_GAP
        bottom = max(end for _, end in ends) + GAP
        self.line(f"M{ends[0][0]:g} {y}H{ends[-1][0]:g}M{ends[0][0]:g} {bottom}H{ends[-1][0]:g}")
        self.line("".join(f"M{center:g} {y}v{GAP}M{center:g} {end}V{bottom}" for center, end in ends))
        return bottom

    def framed(self, part: Split, x: int, y: int, width: int) -> int:
        """Draw a branch that is alone in a frame."""
        place = len(self.marks)
        self.text(x + FRAME, y + LINE - 2, "a conversation of its own", "m")
        bottom = self.column(part.branches[0], x + FRAME, y + LINE + FRAME - 2, width - 2 * FRAME) + FRAME
        frame = f'<rect class="own" x="{x}" y="{y}" width="{width}" height="{bottom - y}" rx="4"/>'
        self.marks.insert(place, frame)
        return bottom

    def box(self, box: Box, x: int, y: int, width: int) -> int:
        """Draw a box and give where it ends."""
        x, width = x + max(width - WIDE, 0) // 2, min(width, WIDE)
        room = width - 2 * PADDING
        rows = rows_of(box.lines, room)
        step = f"step {box.step}" if box.step else ""
        beside = extent(f"{box.title}  {step}") * BOLD <= room
        if step and not beside:
            rows.insert(0, (step, "m"))
        place = len(self.marks)
        self.text(x + PADDING, y + LINE, box.title, "b")
        if step and beside:
            self.text(x + width - PADDING, y + LINE, step, "m", right=True)
        bottom = self.rows(rows, x + PADDING, y + LINE) + PADDING
        if box.inner:
            bottom = self.column(box.inner, x + FRAME, bottom, width - 2 * FRAME)
        if box.ending:
            bottom = self.rows(rows_of(box.ending, room), x + PADDING, bottom + (FRAME // 2 if box.inner else -PADDING))
            bottom += PADDING
        elif box.inner:
            bottom += FRAME
        corner = 14 if box.kind in {"task", "done", "failed"} else 4
        rect = f'<rect class="{box.kind}" x="{x}" y="{y}" width="{width}" height="{bottom - y}" rx="{corner}"/>'
        self.marks.insert(place, rect)
        return bottom

    def rows(self, rows: Iterable[tuple[str, str]], x: int, y: int) -> int:
        """Write lines below each other and give where the last one stands."""
        for row, style in rows:
            y += LINE
            self.text(x, y, row, style)
        return y


def rows_of(lines: Iterable[Line], room: int) -> list[tuple[str, str]]:
    """Break lines so that they fit, each with its style."""
    return [(row, "m" if line.quiet else "") for line in lines for row in broken(line, room)]


def described(parts: Iterable[Box | Split]) -> Iterator[str]:
    """Tell a trajectory to those who do not see it."""
    for part in parts:
        if isinstance(part, Split):
            for number, branch in enumerate(part.branches):
                yield f"Branch {number}: {' '.join(described(branch))}"
        else:
            step = f"Step {part.step}, " if part.step else ""
            yield f"{step}{part.title}: {sentence(part.lines)}"
            yield from described(part.inner)
            if part.ending:
                yield f"The {part.title} ends: {sentence(part.ending)}"


def sentence(lines: Iterable[Line]) -> str:
    """Put lines into one."""
    said = " ".join(" ".join(broken(line, WIDE)) for line in lines)
    return said if said.endswith((".", "!", "?")) else f"{said}."


def drawn(name: str, records: Sequence[Record]) -> str:
    """Draw the trajectory of a session."""
    trajectory = Trajectory()
    for record in records:
        trajectory.see(record.event)
    parts = trajectory.column()
    width = max(WIDE, *map(least, parts))
    canvas = Canvas()
    bottom = canvas.column(parts, MARGIN, MARGIN, width) + MARGIN + 4
    totals = trajectory.totals()
    canvas.text(MARGIN + (width - min(width, WIDE)) // 2, bottom, totals, "m")
    whole, height = width + 2 * MARGIN, bottom + MARGIN
    about = escape(" ".join(" ".join([*described(parts), f"In all: {totals}."]).split()), quote=False)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="trajectory" role="img" width="{whole}" height="{height}" '
        f'viewBox="0 0 {whole} {height}" aria-labelledby="{name}-title {name}-desc">'
    )
    title = f"Trajectory of a run: {name.replace('-', ' ')}"
    told = f'<title id="{name}-title">{title}</title>\n<desc id="{name}-desc">{about}</desc>'
    page = f'<rect class="page" width="{whole}" height="{height}" rx="8"/>'
    return "\n".join([head, told, f"<style>{STYLE}</style>", page, *canvas.marks, "</svg>", ""])


def drawn_from(page: Path) -> str:
    """Run the first block of a page and draw what its journal holds."""
    sys.modules["__main__"] = ModuleType("__main__")
    with asyncio.Runner() as runner:
        block = next(block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "python")
        run_python(page, block, runner)
        left = vars(sys.modules["__main__"])
        home, result = cast("Home", left["home"]), cast("RunResult", left["run"])
        return drawn(page.stem, runner.run(home.store.read(result.session)))


def main(root: Path, *, check: bool) -> int:
    """Draw a picture for each page but the index, or check that those that are there are up to date."""
    pages = [page for page in sorted((root / "docs/strategies").glob("*.md")) if page.stem != "index"]
    pictures = {root / f"docs/pictures/trajectory-{page.stem}.svg": drawn_from(page) for page in pages}
    late = [path for path, text in pictures.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if not check:
        for path in late:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pictures[path], encoding="utf-8")
        print(f"trajectories: {counted(len(late), 'picture')} of {len(pictures)} drawn anew")
        return 0
    late += sorted({*(root / "docs/pictures").glob("trajectory-*.svg")} - {*pictures})
    for path in late:
        print(f"{path.relative_to(root)} is not what its page gives: run scripts/draw_trajectories.py")
    return bool(late)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--check", *folder]:
            sys.exit(main(Path(*folder), check=True))
        case folder:
            sys.exit(main(Path(*folder), check=False))
