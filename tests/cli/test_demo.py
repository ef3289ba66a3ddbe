"""The demo: that it tells its story, checks its claims, and leaves a store behind that its commands work on."""

import io
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from tests.cli.bench import Bench, environment

from remit.cli.demo.command import finished
from remit.cli.demo.stage import Claim
from remit.cli.screen import Screen
from remit.core.values import JsonObject, JsonValue


def claims(told: JsonObject) -> list[JsonObject]:
    return msgspec.convert(told["claims"], list[dict[str, JsonValue]])


def test_every_claim_holds_and_every_command_works(bench: Bench) -> None:
    said = bench("demo", "--json")
    assert (said.status, said.json["ok"]) == (0, True)
    assert len(claims(said.json)) > 20
    assert all(claim["holds"] for claim in claims(said.json))
    for command in msgspec.convert(said.json["next"], list[str]):
        _, verb, *words = shlex.split(command)
        assert words[-2:] == ["--store", str(bench.folder / "store")]
        # The mail that was refused for its budget stays refused, and the desk says so.
        assert bench(verb, *words[:-2]).status == (1 if verb == "desk" else 0)


def test_it_is_readable_without_a_terminal(bench: Bench) -> None:
    said = bench("demo", "--fast")
    assert said.status == 0
    for sign in (
        "5. A mail tries",
        "6. Programs that a model wrote",
        "none began it again",
        "exit status -9",
        "Jira counts one ticket",
        "at worst $0.0",
        "demo user approves",
    ):
        assert sign in said.out
    assert "\x1b" not in said.out
    assert "NOT SO" not in said.out


def test_without_the_extra_it_says_what_to_install_and_ends_well(bench: Bench) -> None:
    code = "import sys; sys.modules['pydantic_monty'] = None; from remit.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "demo", "--fast", "--store", str(bench.folder / "store")],
        env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pip install 'remit[sandbox]'" in done.stdout
    assert "NOT SO" not in done.stdout


def test_it_never_plays_in_a_store_that_is_in_use(bench: Bench) -> None:
    assert bench("demo", "--json").status == 0
    assert bench("demo", "--json").status == 2


def test_a_claim_that_does_not_hold_fails_the_demo(tmp_path: Path) -> None:
    out = io.StringIO()
    told = [Claim("one", holds=True), Claim("two", holds=False, seen="three")]
    status = finished(tmp_path, told, [], Screen(out=out, json=True), Console(quiet=True), 1.0)
    assert status == 1
    assert msgspec.json.decode(out.getvalue())["ok"] is False
    assert finished(tmp_path, told[:1], [], Screen(out=io.StringIO(), json=True), Console(quiet=True), 1.0) == 0
