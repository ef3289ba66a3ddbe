"""Models at the command line: another one for this run, files to show it, and those that servers here offer."""

import shlex

import msgspec
import pytest
from tests.cli.bench import Bench

from remit.testing import calls, says, use
from remit.testing.server import ModelServer, Threaded

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no provider and no server but those a test names."""
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "REMIT_MODEL"):
        monkeypatch.delenv(variable, raising=False)


def test_another_model_can_be_named_for_a_run_and_for_going_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with Threaded(ModelServer([says("from the server"), says("again")], kind="ollama")) as server:
        monkeypatch.setenv("OLLAMA_BASE_URL", f"{server.url}/v1")
        first = bench.run("agent", "hi", "--model", "ollama:llama3:8b")
        assert first.json["output"] == "from the server"
        bench("send", first.session, "and now?")
        assert bench("resume", first.session, "--model", "ollama:llama3:8b", "--json").json["output"] == "again"
        assert [request.json["model"] for request in server.requests] == ["llama3:8b"] * 2
    bench("send", first.session, "as declared")
    assert bench("resume", first.session, "--json").json["output"] == "as declared"


def test_the_commands_to_go_on_name_the_model_that_was_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    script = [calls(use("refund", order="A1", usd=30)), says("paid back")]
    with Threaded(ModelServer(script, kind="ollama")) as server:
        monkeypatch.setenv("OLLAMA_BASE_URL", f"{server.url}/v1")
        waits = bench.run("clerk", "pay", "--model", "ollama:qwen3")
        approve, deny = msgspec.convert(waits.json["next"], list[str])
        assert approve.endswith(" --model ollama:qwen3")
        assert deny.endswith(" --model ollama:qwen3")
        done = bench("approve", *shlex.split(approve)[2:], "--json")
        assert done.json["output"] == "paid back"
    assert ' --model ollama:qwen3 "..."' in str(done.json["next"])
    assert "--model" not in str(bench.run("agent").json["next"])


def test_a_model_without_its_key_is_refused_before_anything_is_written(bench: Bench) -> None:
    said = bench("run", bench.ref("agent"), "hi", "--model", "openai:gpt-4o")
    assert said.status == 2
    assert "no key for model 'openai:gpt-4o': set OPENAI_API_KEY" in said.err
    assert bench.listed() == []


def test_a_name_that_names_no_model_says_how_to_write_one(bench: Bench) -> None:
    assert "write PREFIX:NAME" in bench("run", bench.ref("agent"), "hi", "--model", "gpt-4o").err


def test_a_file_can_be_shown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = bench.folder / "chart.png"
    picture.write_bytes(b"\x89PNG pixel")
    with Threaded(ModelServer([says("a chart")], kind="vllm")) as server:
        monkeypatch.setenv("VLLM_BASE_URL", f"{server.url}/v1")
        said = bench.run("agent", "what is it?", "--model", "vllm:m", "--attach", str(picture))
        assert said.json["output"] == "a chart"
        (request,) = server.requests
        assert "data:image/png;base64,iVBORyBwaXhlbA==" in str(request.json["messages"])
    assert "[chart.png]" in bench("show", said.session).out
    refused = bench("run", bench.ref("agent"), "hi", "--attach", "nowhere.png")
    assert "'nowhere.png' cannot be attached" in refused.err


def test_the_doctor_offers_the_models_of_servers_here(bench: Bench) -> None:
    with Threaded(ModelServer([], kind="ollama", models=["llama3:8b", "qwen3"])) as server:
        url = f"{server.url}/v1"
        said = bench.process(
            "doctor", OLLAMA_BASE_URL=url, VLLM_BASE_URL=NOWHERE, LLAMACPP_BASE_URL=NOWHERE, OPENAI_API_KEY="sk-secret"
        )
    assert f"ollama at {url} offers ollama:llama3:8b, ollama:qwen3; use one with --model" in said.out
    assert "keys for: openai, openai-responses; not set: ANTHROPIC_API_KEY" in said.out
    assert "set: LLAMACPP_BASE_URL, OLLAMA_BASE_URL, OPENAI_API_KEY, VLLM_BASE_URL" in said.out
    assert f"VLLM_BASE_URL={NOWHERE} cannot be used" in said.out
    assert "sk-secret" not in said.out + said.err
    assert said.status == 1
