"""The door of the command line: help, version, usage; and that help costs nothing heavy."""

import importlib.util
import subprocess
import sys
from importlib.metadata import version

import pytest
from tests.cli.bench import Bench

from remit.cli import entry, main
from remit.cli.exits import MEANINGS

# The package's own `__init__` is left out: what it imports is not the command line's doing.
HELP = """
import sys, types
before = set(sys.modules)
package = types.ModuleType("remit")
package.__path__ = [sys.argv[1]]
sys.modules["remit"] = package
from remit.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"asyncio", "msgspec", "pydantic", "rich", "sqlite3", "remit.home", "remit.core"}
sys.stderr.write(" ".join(sorted(heavy & (set(sys.modules) - before))))
"""


def test_help_names_every_command_and_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert all(f"  {name} " in out for name in entry.COMMANDS)
    assert all(meaning in out for meaning in MEANINGS.values())


def test_help_imports_nothing_heavy() -> None:
    spec = importlib.util.find_spec("remit")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    where = spec.submodule_search_locations[0]
    done = subprocess.run([sys.executable, "-c", HELP, where], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"remit {version('remit')}\n"


def test_no_command_shows_the_help_and_a_wrong_one_the_commands(bench: Bench) -> None:
    nothing = bench.process()
    assert (nothing.status, nothing.out) == (2, "")
    assert "exit status:" in nothing.err
    wrong = bench.process("nonsense")
    assert wrong.status == 2
    assert "'doctor'" in wrong.err


@pytest.mark.parametrize("name", sorted(set(entry.COMMANDS) - {"desk", "demo"}))
def test_every_command_explains_itself(bench: Bench, name: str) -> None:
    said = bench(name, "--help")
    assert said.status == 0
    assert f"usage: remit {name}" in said.out
