"""The server: whom it lets in, what it says of itself, and where it runs."""

import asyncio
import os
import signal
import sys
from typing import cast

import anthropic
import httpx2
import openai
import pytest
from tests.testing.server.sdk_values import WIRES, Wire, anthropic_client, offers, openai_client, sdk_reply

from remit.core.values import JsonObject
from remit.testing import says
from remit.testing.server import BadRequest, ContextTooLong, Html, Kind, ModelServer, Received, Threaded

EVERY = pytest.mark.parametrize("wire", WIRES)
LOCAL = pytest.mark.parametrize("kind", ["ollama", "vllm", "llamacpp"])
ASKED: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
REFUSED = (openai.AuthenticationError, anthropic.AuthenticationError)


async def got(url: str, path: str) -> tuple[int, JsonObject]:
    """Get something without a key."""
    async with httpx2.AsyncClient(verify=False) as client:
        answer = await client.get(url + path)
        kind = answer.headers.get("content-type", "")
        return answer.status_code, cast("JsonObject", answer.json()) if "json" in kind else {"text": answer.text}


@EVERY
async def test_a_key_must_be_there_and_right(wire: Wire) -> None:
    async with ModelServer([says("in")], key="sk-other") as server:
        with pytest.raises(REFUSED):
            await sdk_reply(wire, server.url, stream=True)
    async with ModelServer([says("in")], key="sk-test") as server:
        assert (await sdk_reply(wire, server.url, stream=True)).text == "in"
        assert (await got(server.url, "/v1/models"))[0] == 401
        async with httpx2.AsyncClient(verify=False) as client:
            answer = await client.post(f"{server.url}/v1/messages", headers={"x-api-key": "sk-test"}, json={})
        assert (answer.status_code, "anthropic-version" in answer.text) == (400, True)


@EVERY
async def test_only_known_models_answer_when_they_are_named(wire: Wire) -> None:
    async with ModelServer([says("in")], models=["test-model"]) as server:
        assert (await sdk_reply(wire, server.url, stream=True)).text == "in"
        with pytest.raises((openai.NotFoundError, anthropic.NotFoundError)):
            await sdk_reply(wire, server.url, {"model": "other"}, stream=True)
    assert server.asked == 1


@EVERY
async def test_a_request_that_is_not_legal_does_not_use_up_the_script(wire: Wire) -> None:
    async with ModelServer([says("in")]) as server:
        with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match="grammar"):
            await sdk_reply(wire, server.url, {"grammar": "x"}, stream=True)
        with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match="pattern"):
            await sdk_reply(wire, server.url, offers(wire, "a b"), stream=True)
        assert (await sdk_reply(wire, server.url, offers(wire, "a"), stream=True)).text == "in"


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with ModelServer([]) as server, httpx2.AsyncClient(verify=False) as client:
        answer = await client.post(
            f"{server.url}/v1/chat/completions", headers={"authorization": "Bearer k"}, content=b"{"
        )
        assert (answer.status_code, "parse the JSON body" in answer.text) == (400, True)


async def test_models_are_listed_for_each_provider() -> None:
    async with (
        ModelServer([], models=["one", "two"]) as server,
        openai_client(server.url) as client,
        anthropic_client(server.url) as other,
    ):
        assert [model.id async for model in client.models.list()] == ["one", "two"]
        assert (await client.models.retrieve("two")).owned_by == "openai"
        assert [model.id async for model in other.models.list()] == ["one", "two"]
        assert (await other.models.retrieve("two")).display_name == "two"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("three")
        with pytest.raises(anthropic.NotFoundError):
            await other.models.retrieve("three")


async def test_what_is_nowhere_is_not_found_in_the_words_of_the_provider() -> None:
    async with ModelServer([]) as server, openai_client(server.url) as client, anthropic_client(server.url) as other:
        with pytest.raises(openai.NotFoundError, match="Invalid URL"):
            await client.get("/nowhere", cast_to=object)
        with pytest.raises(anthropic.NotFoundError, match="Invalid URL"):
            await other.get("/v1/nowhere", cast_to=object)


# -- servers that people run themselves --------------------------------------------------------------------------------


@LOCAL
async def test_a_local_server_needs_no_key_and_takes_fields_of_its_own(kind: Kind) -> None:
    async with ModelServer([says("in")], kind) as server, httpx2.AsyncClient(verify=False) as client:
        answer = await client.post(f"{server.url}/v1/chat/completions", json={**ASKED, "grammar": "x"})
        assert answer.json()["choices"][0]["message"]["content"] == "in"
    async with ModelServer([], kind, key="sk") as server:
        assert (await got(server.url, "/v1/models"))[0] == 401


async def test_each_local_server_says_what_it_is() -> None:
    async with ModelServer([], "ollama", models=["qwen2.5:0.5b"]) as server:
        assert await got(server.url, "/") == (200, {"text": "Ollama is running"})
        assert "version" in (await got(server.url, "/api/version"))[1]
        assert "'name': 'qwen2.5:0.5b'" in str((await got(server.url, "/api/tags"))[1]["models"])
        assert "'owned_by': 'library'" in str(await got(server.url, "/v1/models"))
        assert (await got(server.url, "/props"))[0] == 404
    async with ModelServer([], "vllm", models=["qwen"]) as server:
        assert "version" in (await got(server.url, "/version"))[1]
        assert await got(server.url, "/health") == (200, {"text": ""})
        listed = str(await got(server.url, "/v1/models"))
        assert "'owned_by': 'vllm'" in listed
        assert "'max_model_len': 8192" in listed
        assert (await got(server.url, "/api/tags"))[0] == 404
    async with ModelServer([], "llamacpp", models=["qwen"]) as server:
        assert await got(server.url, "/health") == (200, {"status": "ok"})
        assert "'n_ctx': 8192" in str((await got(server.url, "/props"))[1]["default_generation_settings"])
        assert "'owned_by': 'llamacpp'" in str(await got(server.url, "/v1/models"))
        assert (await got(server.url, "/version"))[0] == 404
    async with ModelServer([]) as server:
        assert (await got(server.url, "/health"))[0] == 401


@pytest.mark.parametrize(
    ("kind", "code", "says_type"),
    [("ollama", None, "api_error"), ("vllm", 400, "BadRequestError"), ("llamacpp", 400, "exceed_context_size_error")],
)
async def test_a_local_server_has_errors_of_its_own(kind: Kind, code: int | None, says_type: str) -> None:
    script = [ContextTooLong(), BadRequest("no"), Html()]
    async with ModelServer(script, kind) as server, httpx2.AsyncClient(verify=False) as client:
        wrong = (await client.post(f"{server.url}/v1/chat/completions", json=ASKED)).json()["error"]
        assert (wrong["code"], wrong["type"]) == (code, says_type)
        assert "context" in wrong["message"]
        wrong = (await client.post(f"{server.url}/v1/chat/completions", json=ASKED)).json()["error"]
        assert wrong["message"] == "no"
        page = await client.post(f"{server.url}/v1/chat/completions", json=ASKED)
        assert (page.status_code, page.headers["content-type"]) == (502, "text/html")


@LOCAL
async def test_a_local_server_speaks_the_wire_of_anthropic_with_its_errors(kind: Kind) -> None:
    async with ModelServer([ContextTooLong(), says("in")], kind) as server:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await sdk_reply("anthropic", server.url, stream=True)
        assert caught.value.type == "invalid_request_error"
        assert (await sdk_reply("anthropic", server.url, stream=True)).text == "in"


# -- where it runs -----------------------------------------------------------------------------------------------------


async def test_a_server_that_keeps_nothing_still_answers() -> None:
    async with ModelServer([says("in")], keep=False) as server:
        assert (await sdk_reply("openai-chat", server.url, stream=True)).text == "in"
        assert server.requests == []


async def test_a_pace_is_kept_between_events() -> None:
    async with ModelServer([says("a b c")], pace=0.001) as server:
        assert (await sdk_reply("openai-chat", server.url, stream=True)).text == "a b c"


async def test_arrivals_are_waited_for() -> None:
    async with ModelServer([says("a"), says("b")]) as server:
        waiting = asyncio.create_task(server.arrival(2))
        await sdk_reply("openai-chat", server.url, stream=True)
        assert not waiting.done()
        await sdk_reply("anthropic", server.url, stream=True)
        assert (await waiting).path == "/v1/messages"


async def test_a_thread_has_a_loop_of_its_own() -> None:
    with Threaded(ModelServer([says("from afar")])) as server:
        assert (await sdk_reply("anthropic", server.url, stream=True)).text == "from afar"
        assert await server.requests[0].end() == "answered"


def test_a_thread_raises_what_its_script_or_its_port_did() -> None:
    def broken(received: Received) -> BadRequest:
        raise LookupError(received.path)

    threaded = Threaded(ModelServer(broken))
    url = f"{threaded.__enter__().url}/v1/messages"
    headers = {"x-api-key": "k", "anthropic-version": "1"}
    answer = httpx2.post(url, headers=headers, json={**ASKED, "max_tokens": 1}, verify=False)
    assert answer.status_code == 500
    with pytest.raises(LookupError, match="/v1/messages"):
        threaded.__exit__(None, None, None)
    with (
        Threaded(ModelServer([])) as server,
        pytest.raises(OSError, match="in use"),
        Threaded(ModelServer([], port=int(server.url.rpartition(":")[2]))),
    ):
        raise AssertionError("the port was free")


async def test_a_process_prints_its_url_and_serves_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "remit.testing.server", "--port", "0", "--text", "canned", "--kind", "vllm"),
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    for wire in WIRES:
        assert (await sdk_reply(wire, url, stream=True)).text == "canned"
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_a_process_says_in_one_line_that_its_port_is_taken() -> None:
    async with ModelServer([]) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "remit.testing.server", "--port", server.url.rpartition(":")[2]),
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await process.communicate()
    assert process.returncode == 1
    (line,) = told.decode().splitlines()
    assert "in use; --port 0 takes a free one" in line
