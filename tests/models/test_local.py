"""Servers on this machine are found by what they say of themselves."""

import pytest

from remit.models.http.pooled import Pooled
from remit.models.local import LocalServer, local_servers
from remit.testing.server import ModelServer

NOWHERE = {f"{kind}_BASE_URL": "http://127.0.0.1:9/v1" for kind in ("OLLAMA", "VLLM", "LLAMACPP")}


@pytest.mark.parametrize("kind", ["ollama", "vllm", "llamacpp"])
async def test_a_server_is_found_where_the_environment_says_with_its_models(kind: str) -> None:
    transport = Pooled()
    async with ModelServer([], kind=kind, models=["small", "large"]) as server:  # pyright: ignore[reportArgumentType]
        found = await local_servers(NOWHERE | {f"{kind.upper()}_BASE_URL": f"{server.url}/v1"}, transport)
    await transport.close()
    here = next(server for server in found if server.kind == kind)
    assert here == LocalServer(here.kind, f"{server.url}/v1", ("small", "large"))
    assert len(found) == 3
    assert all("refused" in other.problem or "connect" in other.problem for other in found if other is not here)


async def test_what_is_named_and_is_no_such_server_is_a_problem() -> None:
    transport = Pooled()
    async with ModelServer([], kind="cloud", key="sk-right") as server:
        found = await local_servers(NOWHERE | {"VLLM_BASE_URL": f"{server.url}/v1"}, transport)
    await transport.close()
    assert "status 401" in next(server for server in found if server.kind == "vllm").problem
