"""What a command writes while a secret is registered: output, errors, tracebacks and logs."""

import logging
import subprocess
import sys

import pytest
from tests.cli.bench import Bench, environment

KEY = "sk-live-4f9a77c1"
MARK = "[secret:api]"

AGENTS = f'''
import logging

from remit import Agent, RemitError, Secrets, Settings, tool
from remit.testing import EchoModel, ScriptedModel, calls, says, use

KEY = "{KEY}"
settings = Settings(secrets=Secrets({{"api": KEY}}))


@tool(effect="read")
async def look() -> str:
    """Look."""
    logging.getLogger("a.child").warning("the key is %s", KEY)
    logging.basicConfig()
    try:
        raise ValueError(KEY)
    except ValueError:
        logging.getLogger("a.child").exception("failed")
    return KEY


def broken() -> Agent:
    raise RemitError(f"401 for {{KEY}}")


def bugged() -> Agent:
    raise ValueError(f"401 for {{KEY}}")


class Raising:
    """A model that breaks."""

    spec = EchoModel().spec

    async def complete(self, request, emit):
        raise LookupError(f"no {{KEY}}")


echo = Agent("echo", EchoModel())
logs = Agent("logs", ScriptedModel([calls(use("look")), says("done")]), tools=[look])
raising = Agent("raising", Raising())
'''


@pytest.fixture
def keyed(bench: Bench) -> Bench:
    """A bench whose agents know a secret."""
    (bench.folder / "keyed.py").write_text(AGENTS)
    return bench


def test_what_was_said_is_shown_without_the_secret(keyed: Bench) -> None:
    said = keyed("run", f"{keyed.folder}/keyed.py:echo", f"use {KEY}")
    assert said.out == f"use {MARK}\n"
    assert keyed("run", f"{keyed.folder}/keyed.py:echo", f"use {KEY}", "--json").json["output"] == f"use {MARK}"


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize("name", ["broken", "bugged", "raising"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_errors_and_tracebacks_do_not_tell_secrets(
    keyed: Bench, monkeypatch: pytest.MonkeyPatch, name: str, debug: str, form: list[str]
) -> None:
    monkeypatch.setenv("REMIT_DEBUG", debug)
    said = keyed("run", f"{keyed.folder}/keyed.py:{name}", "go", *form)
    assert said.status != 0
    assert MARK in said.err
    assert KEY not in said.err + said.out
    assert ("Traceback" in said.err) is bool(debug)
    if form:
        assert MARK in str(said.json["error"])


def test_logs_do_not_tell_secrets_whoever_writes_them_down(keyed: Bench) -> None:
    arguments = ["run", f"{keyed.folder}/keyed.py:logs", "go", "--store", str(keyed.folder / "store")]
    done = subprocess.run(
        [sys.executable, "-m", "remit", *arguments], capture_output=True, text=True, check=True, env=environment()
    )
    assert f"the key is {MARK}" in done.stderr
    assert f"ValueError: {MARK}" in done.stderr
    assert KEY not in done.stderr + done.stdout


def test_the_logs_of_others_are_left_alone_afterwards(keyed: Bench, caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    keyed("run", f"{keyed.folder}/keyed.py:echo", "go")
    assert logging.getLogRecordFactory() is before
    logging.getLogger("others").warning("key %s", KEY)
    assert caplog.messages[-1] == f"key {KEY}"
