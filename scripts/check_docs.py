"""Docs that run: every `python` block of a page works, in order, in one namespace and an empty folder.

A block below `<!-- no-run -->` is only compiled. A block with `title="agent.py"` is also saved under that name.
In a block fenced as `console run`, each line that starts with `$ remit` runs and must succeed.
"""

import ast
import asyncio
import inspect
import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

FENCE = re.compile(r"^ *(?P<ticks>`{3,}|~{3,}) *(?P<info>[^`]*)$")
TITLE = re.compile(r'\btitle="(?P<name>[\w.-]+)"')
PAGE_SECONDS = 120
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    info: str
    """What stands after the opening fence."""
    text: str
    line: int
    """Line of the page on which the text starts."""
    run: bool

    @property
    def language(self) -> str:
        """The first word of the fence."""
        return self.info.partition(" ")[0]


def blocks(page: str) -> Iterator[Block]:
    """Read the fenced blocks of a page, also those indented in a list or an admonition."""
    lines = page.splitlines()
    before, at = "", 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            before = lines[at].strip() or before
            at += 1
            continue
        close = re.compile(rf"^ *{opening['ticks']}{opening['ticks'][0]}* *$")
        end = next((n for n in range(at + 1, len(lines)) if close.match(lines[n])), len(lines))
        text = textwrap.dedent("\n".join(lines[at + 1 : end]))
        yield Block(opening["info"].strip(), text, at + 2, run=before != "<!-- no-run -->")
        before, at = "", end + 1


def compiled(page: Path, block: Block) -> CodeType:
    """Compile a block with the line numbers of its page; it may await at its top level."""
    source = "\n" * (block.line - 1) + block.text
    return compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def run_python(page: Path, block: Block, runner: asyncio.Runner) -> None:
    """Run a block in the page's namespace, which is `__main__` so that annotations resolve."""
    if title := TITLE.search(block.info):
        Path(title["name"]).write_text(block.text + "\n", encoding="utf-8")
    code = compiled(page, block)
    if not block.run:
        return
    namespace = vars(sys.modules["__main__"])
    if not code.co_flags & inspect.CO_COROUTINE:
        exec(code, namespace)
        return

    async def awaited() -> None:
        await eval(code, namespace)

    runner.run(awaited())


def run_console(block: Block) -> None:
    """Run the `$ remit` lines of a block and let what they print be seen."""
    beside = str(Path(sys.executable).parent)
    env = os.environ | {"PATH": os.pathsep.join((beside, os.environ.get("PATH", "")))}
    for line in block.text.splitlines():
        if line.startswith("$ remit"):
            command = shlex.split(line.removeprefix("$ "), comments=True)
            subprocess.run(command, env=env, stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=True)


def run_page(page: Path) -> int:
    """Run a page in this process and folder; a failure says which block."""
    sys.modules["__main__"] = ModuleType("__main__")
    with asyncio.Runner() as runner:
        for block in blocks(page.read_text(encoding="utf-8")):
            try:
                if block.language == "python":
                    run_python(page, block, runner)
                elif block.info == "console run":
                    run_console(block)
            except BaseException:  # noqa: BLE001 - a block may even call sys.exit
                print(f"{page}:{block.line} this block failed:\n{traceback.format_exc()}")
                return 1
    return 0


def check_page(page: Path) -> str:
    """Run a page in its own process and an empty folder; what went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), "--page", str(page.resolve())]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=PAGE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{page} took longer than {PAGE_SECONDS} s"
    return done.stdout + done.stderr if done.returncode else ""


def main(root: Path) -> int:
    """Check README.md and every page below docs/ of a folder, two at a time."""
    pages = [page for page in (root / "README.md", *sorted((root / "docs").rglob("*.md"))) if page.is_file()]
    with ThreadPoolExecutor(max_workers=2) as pool:
        findings = [report for report in pool.map(check_page, pages) if report]
    print("\n".join(findings) or f"docs: every block of {len(pages)} pages runs")
    return bool(findings)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--page", name]:
            sys.exit(run_page(Path(name)))
        case [name]:
            sys.exit(main(Path(name)))
        case _:
            sys.exit(main(Path.cwd()))
