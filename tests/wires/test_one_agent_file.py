"""One agent file, unchanged, on every model that can be named; and the key of none of them is ever written down."""

import asyncio
from pathlib import Path

import pytest
from tests.cli.bench import Bench, Said
from tests.faults.hearing import hear

from remit.core.events import kind
from remit.core.ports import Reply
from remit.journal import SqliteJournal
from remit.testing import calls, says, use
from remit.testing.server import BadRequest, Fault, Kind, ModelServer, Received, Threaded

KEY = "sk-file-0f1e2d3c4b5a"
OUTPUT = {"city": "Tokyo", "celsius": 21}
KINDS = [
    "SessionOpened",
    "MessageReceived",
    "RunOpened",
    "ModelAsked",
    "ModelAnswered",
    "EffectStarted",
    "EffectEnded",
    "ModelAsked",
    "ModelAnswered",
    "RunEnded",
]
BY_URL = {
    "openai": "gpt-4.1",
    "openai-responses": "gpt-5",
    "anthropic": "claude-sonnet-5",
}
BY_VARIABLE: dict[str, tuple[str, str, Kind]] = {
    "openai:gpt-4.1": ("OPENAI_BASE_URL", "/v1", "cloud"),
    "openai-responses:gpt-5": ("OPENAI_BASE_URL", "/v1", "cloud"),
    "anthropic:claude-sonnet-5": ("ANTHROPIC_BASE_URL", "", "cloud"),
    "ollama:qwen3:8b": ("OLLAMA_BASE_URL", "/v1", "ollama"),
    "vllm:Qwen/Qwen3-8B": ("VLLM_BASE_URL", "/v1", "vllm"),
    "llamacpp:qwen3": ("LLAMACPP_BASE_URL", "/v1", "llamacpp"),
    "pydantic-ai:openai-chat:gpt-4.1": ("OPENAI_BASE_URL", "/v1", "cloud"),
    "pydantic-ai:openai-responses:gpt-5": ("OPENAI_BASE_URL", "/v1", "cloud"),
    "pydantic-ai:anthropic:claude-sonnet-5": ("ANTHROPIC_BASE_URL", "", "cloud"),
}
NAMES = ("openai:gpt-4.1", "openai-responses:gpt-5", "anthropic:claude-sonnet-5", "pydantic-ai:openai-chat:gpt-4.1")
"""Those that need a key."""


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    """A folder with the agent file."""
    text = Path(__file__).with_name("agent.py.txt").read_text(encoding="utf-8")
    (tmp_path / "agent.py").write_text(text, encoding="utf-8")
    return Bench(tmp_path, capsys)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a key for everybody, and nobody's address."""
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, KEY)
    for variable in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "REMIT_MODEL", "REMIT_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


def measures(received: Received) -> Reply:
    """Measure, then say: what the file's own model does."""
    if hear(received).outcomes:
        return says('{"city": "Tokyo", "celsius": 21}')
    return calls(use("thermometer", city="Tokyo"))


def kinds(bench: Bench, session: str) -> list[str]:
    """List the kinds of a session's events."""

    async def read() -> list[str]:
        store = SqliteJournal(bench.folder / "store" / "journal.db")
        try:
            return [kind(record.event) for record in await store.read(session)]
        finally:
            await store.close()

    return asyncio.run(read())


def written(bench: Bench) -> list[str]:
    """List the files of the store that hold the key."""
    files = [path for path in (bench.folder / "store").rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if KEY.encode() in path.read_bytes()]


def holds(bench: Bench, said: Said) -> None:
    """Hold that a run came to the one output by the one way, and that nobody wrote the key down."""
    assert (said.status, said.json["output"]) == (0, OUTPUT), said
    assert kinds(bench, said.session) == KINDS
    assert written(bench) == []
    assert KEY not in said.out + said.err


def run(bench: Bench, name: str, *words: str) -> Said:
    """Run the agent with a model: in this process, unless another library's connections would outlive the test."""
    where = bench.process if name.startswith("pydantic-ai") else bench
    store = str(bench.folder / "store")
    return where("run", bench.ref("agent"), "How warm is it in Tokyo?", "--model", name, "--store", store, *words)


def test_it_runs_with_its_own_model(bench: Bench) -> None:
    holds(bench, bench.run("agent", "How warm is it in Tokyo?"))


@pytest.mark.parametrize("prefix", BY_URL)
def test_it_runs_on_each_wire_by_the_url_of_a_server(
    prefix: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Threaded(ModelServer(measures, key=KEY)) as server:
        monkeypatch.setenv(f"REMIT_KEY_{server.url.partition('//')[2].replace('.', '_').replace(':', '_')}", KEY)
        name = f"{prefix}@{server.url}/v1:{BY_URL[prefix]}"
        holds(bench, run(bench, name, "--json"))
        assert server.asked == 2


@pytest.mark.parametrize("name", BY_VARIABLE)
def test_it_runs_on_a_provider_whose_address_is_in_the_environment(
    name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, path, whose = BY_VARIABLE[name]
    with Threaded(ModelServer(measures, kind=whose, key=KEY if whose == "cloud" else "")) as server:
        monkeypatch.setenv(variable, f"{server.url}{path}")
        holds(bench, run(bench, name, "--json"))
        assert server.asked == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_key_is_an_error_without_the_key(name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    variable, path, _ = BY_VARIABLE[name]
    with Threaded(ModelServer(measures, key="sk-another")) as server:
        monkeypatch.setenv(variable, f"{server.url}{path}")
        said = run(bench, name, "--json")
    assert (said.status, said.json["status"]) == (1, "failed")
    assert "HTTP 401" in str(said.json["reason"])
    assert KEY not in said.out + said.err
    assert written(bench) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_that_repeats_the_key_is_not_repeated(
    name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, path, _ = BY_VARIABLE[name]

    def tells(received: Received) -> Fault:
        return BadRequest(f"the key {KEY} is odd")

    with Threaded(ModelServer(tells)) as server:
        monkeypatch.setenv(variable, f"{server.url}{path}")
        said = run(bench, name)
    assert said.status == 1
    assert "is odd" in said.err
    assert KEY not in said.out + said.err
    assert written(bench) == []


@pytest.mark.parametrize("name", ["openai:gpt-4.1", "anthropic:claude-sonnet-5"])
def test_without_a_key_it_says_which_one_is_missing(name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"{name.partition(':')[0].upper()}_API_KEY"
    monkeypatch.delenv(variable)
    said = bench("run", bench.ref("agent"), "go", "--model", name)
    assert said.status == 2
    assert f"set {variable}" in said.err
