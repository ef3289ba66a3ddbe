"""`remit serve --protocols`: an agent is reached in each of them, none that was not asked for, and a typo is told."""

from pathlib import Path

import httpx2
import pytest
from mcp import Client
from openai import AsyncOpenAI
from tests.cli.bench import Bench
from tests.cli.serving.served import served

ADDRESSES = {"openai": "/openai/v1/models", "a2a": "/a2a/clerk/.well-known/agent-card.json"}


async def test_an_agent_is_reached_in_the_protocols_that_were_asked_for_and_no_others(tmp_path: Path) -> None:
    async with (
        served(tmp_path, "--protocols", "openai, a2a,mcp", "--url", "https://agents.example.com/") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=20) as client,
    ):
        for path in ADDRESSES.values():
            assert (await client.get(path)).status_code == 200
        card = (await client.get(ADDRESSES["a2a"])).json()
        assert card["supportedInterfaces"][0]["url"] == "https://agents.example.com/a2a/clerk"
        assert (await client.post("/agui/clerk", json={})).status_code == 404
        async with Client(f"{server.url}/mcp") as tools:
            assert "clerk" in {one.name for one in (await tools.list_tools()).tools}
        said = AsyncOpenAI(base_url=f"{server.url}/openai/v1", api_key="none", timeout=30)
        answer = await said.chat.completions.create(model="clerk", messages=[{"role": "user", "content": "go on"}])
        assert answer.choices[0].message.content == "done"
        await said.close()


async def test_no_protocol_is_spoken_unless_it_was_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path) as server, httpx2.AsyncClient(base_url=server.url, timeout=20) as client:
        for path in ADDRESSES.values():
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--protocols", "openai,sip"), "--protocols knows no 'sip'; there are: openai, a2a, agui, mcp"),
        (("--protocols", "a2a", "--url", "agents.example.com"), "--url is an address such as https://"),
        (("--grace", "nan"), "--grace is in seconds, 0 or more, not nan"),
        (("--grace", "-1"), "--grace is in seconds, 0 or more, not -1.0"),
        (("--streams", "0"), "--streams is at least 1, not 0"),
    ],
)
def test_what_cannot_be_meant_is_told(bench: Bench, words: tuple[str, ...], said: str) -> None:
    result = bench("serve", "--port", "0", *words)
    assert result.status == 2
    assert said in result.err
