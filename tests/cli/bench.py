"""A bench for the command line: a folder with agents in it, and the command in this process or as one of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from remit.cli import main
from remit.core.values import JsonObject, JsonValue

AGENTS = Path(__file__).with_name("agents.py.txt")


@dataclass(frozen=True)
class Said:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> JsonObject:
        """The one JSON object on standard output."""
        return msgspec.json.decode(self.out, type=dict[str, JsonValue])

    @property
    def lines(self) -> list[JsonObject]:
        """The JSON lines on standard output."""
        return [msgspec.json.decode(line, type=dict[str, JsonValue]) for line in self.out.splitlines()]

    @property
    def session(self) -> str:
        """The session it was about."""
        return str(self.json["session"])


@dataclass(frozen=True)
class Bench:
    """A folder with a store and an `agent.py`."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def ref(self, name: str) -> str:
        """Name one of the agents."""
        return f"{self.folder / 'agent.py'}:{name}"

    def __call__(self, command: str, *words: str) -> Said:
        """Run a command in this process, in JSON when `--json` is among the words."""
        self.capture.readouterr()
        try:
            status = main([command, "--store", str(self.folder / "store"), *words])
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = self.capture.readouterr()
        return Said(status, out, err)

    def run(self, name: str, message: str = "go", *words: str) -> Said:
        """Run one of the agents and tell in JSON."""
        return self("run", self.ref(name), message, "--json", *words)

    def listed(self, *words: str) -> list[str]:
        """Give the ids of the sessions that are listed."""
        rows = msgspec.convert(self("sessions", "--json", *words).json["sessions"], list[dict[str, JsonValue]])
        return [str(row["session"]) for row in rows]

    def start(self, *words: str, out: int = subprocess.PIPE, err: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command as a process of its own, in the folder, with pipes unless told otherwise."""
        return subprocess.Popen(
            arguments(words), cwd=self.folder, env=environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip

    def process(self, *words: str, told: str = "", **more: str) -> Said:
        """Run a command as a process of its own, in the folder."""
        done = subprocess.run(
            arguments(words), cwd=self.folder, env=environment() | more, text=True, input=told,
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)


def arguments(words: Sequence[str]) -> list[str]:
    """Give the command line of a process."""
    return [sys.executable, "-m", "remit", *words]


def environment() -> dict[str, str]:
    """Give an environment in which nothing of the person who runs the tests shows."""
    hidden = ("REMIT_", "NO_COLOR", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"USER": "tess", "LOGNAME": "tess", "PYTHONUTF8": "1"}
