r"""Docs that run: every `python` block of a page works, in order, in one namespace and an empty folder.

A block below `<!-- no-run -->` is only compiled. A block with `title="agent.py"`, in whatever language, is also saved
under that name. What stands in a folder named like the page, beside it, is there when the page begins.

In a block fenced as `console run`, each line that starts with `$ ` runs in one shell for the whole page:

- it must succeed, or end as it says with `# exit status 3`;
- one that ends with `\` goes on in the next line;
- one that ends with `&` runs until the page ends; the page goes on when it has written a line, and the rest is dropped;
- the lines below it must be among those it prints, in this order; `...` stands for any text or, alone, for any lines,
  and white space for any other.
"""

import ast
import asyncio
import contextlib
import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Self

FENCE = re.compile(r"^ *(?P<ticks>`{3,}|~{3,}) *(?P<info>[^`]*)$")
TITLE = re.compile(r'\btitle="(?P<name>[\w./-]+)"')
STATUS = re.compile(r"# exit status (?P<status>\d+)$")
DONE = "--- done with status"
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


def save(block: Block) -> None:
    """Save a block that has a title under that name."""
    if title := TITLE.search(block.info):
        path = Path(title["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text + "\n", encoding="utf-8")


def run_python(page: Path, block: Block, runner: asyncio.Runner) -> None:
    """Run a block in the page's namespace, which is `__main__` so that annotations resolve."""
    save(block)
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


@dataclass(frozen=True)
class Command:
    """A command of a console, and what the page says of it."""

    text: str
    shown: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """How it ends."""
        said = STATUS.search(self.text)
        return int(said["status"]) if said else 0

    @property
    def stays(self) -> bool:
        """Whether it goes on beside the page."""
        return self.text.partition(" #")[0].rstrip().endswith("&")

    def missing(self, printed: list[str]) -> str:
        """Give the first line that the page shows and that was not printed after those above it; empty for none."""
        lines = iter([" ".join(line.split()) for line in printed])
        for line in self.shown:
            if line.strip() == "...":
                continue
            wanted = re.compile(".*".join(map(re.escape, " ".join(line.split()).split("..."))))
            if not any(wanted.fullmatch(found) for found in lines):
                return line
        return ""


def commands(text: str) -> Iterator[Command]:
    """Read the commands of a console with the lines below each."""
    command = Command("")
    for line in text.splitlines():
        if command.text.endswith("\\") and not command.shown:
            command = Command(f"{command.text}\n{line}")
        elif line.startswith("$ "):
            if command.text:
                yield command
            command = Command(line.removeprefix("$ "))
        elif line.strip():
            command = Command(command.text, (*command.shown, line))
    if command.text:
        yield command


class Shell:
    """One shell for the consoles of a page. What it started ends with it."""

    def __init__(self) -> None:
        """Start it where this process is, with the commands of this Python."""
        beside = str(Path(sys.executable).parent)
        self._known = dict(os.environ)
        env = self._known | {"PATH": os.pathsep.join((beside, os.environ.get("PATH", "")))}
        self._process = subprocess.Popen(
            ["bash"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        # It also ends, and all with it, when this process dies and its input with that.
        self._tell("trap 'kill 0' EXIT")

    def run(self, command: Command) -> None:
        """Run a command, let what it prints be seen, and raise when it is not as the page says."""
        clock = threading.Timer(COMMAND_SECONDS, self._kill)
        clock.start()
        try:
            self._catch_up()
            # What goes on beside the page says one line, so that the rest is not among what others print.
            heard = "> >(head -n 1; cat > /dev/null) 2>&1" if command.stays else ""
            self._tell(f"{{ {command.text}\n}} < /dev/null {heard}")
            printed = [self._line()] if command.stays else []
            self._tell(f"echo '{DONE}' $?")
            # The last line that was printed may have no end.
            while DONE not in (line := self._line()):
                printed.append(line)
        finally:
            clock.cancel()
        last, _, status = line.partition(DONE)
        printed += [last] if last else []
        print(f"$ {command.text}", *printed, sep="\n")
        if int(status) != command.status:
            raise AssertionError(f"`{command.text}` ended with status {status.strip()}, not {command.status}")
        if missing := command.missing(printed):
            raise AssertionError(f"`{command.text}` did not print, or not in this order: {missing}")

    def _catch_up(self) -> None:
        """Set the variables that the page's Python has set since."""
        now = dict(os.environ)
        for name in self._known.keys() - now.keys():
            self._tell(f"unset {name}")
        for name, value in now.items() - self._known.items():
            self._tell(f"export {name}={shlex.quote(value)}")
        self._known = now

    def _tell(self, text: str) -> None:
        assert self._process.stdin is not None
        # A shell that has ended is told of by whoever waits for what it prints.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{text}\n")
            self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the command ended the shell, or took longer than {COMMAND_SECONDS} s")
        return line.rstrip("\n")

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            self._kill()
        self._process.communicate()


def run_page(page: Path) -> int:
    """Run a page in this process and folder; a failure says which block."""
    sys.modules["__main__"] = ModuleType("__main__")
    if page.with_suffix("").is_dir():
        shutil.copytree(page.with_suffix(""), ".", dirs_exist_ok=True)
    with asyncio.Runner() as runner, Shell() as shell:
        for block in blocks(page.read_text(encoding="utf-8")):
            try:
                if block.language == "python":
                    run_python(page, block, runner)
                elif block.info == "console run":
                    for command in commands(block.text):
                        shell.run(command)
                else:
                    save(block)
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
