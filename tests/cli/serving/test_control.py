"""`remit serve` has its console at `/`, lets people in with keys where they are needed, and shares its switches."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
from tests.cli.serving.served import served

from remit.server.access import Keys, SqliteAccessStore


async def test_the_console_is_there_unless_it_is_left_out(tmp_path: Path) -> None:
    async with served(tmp_path) as server, httpx2.AsyncClient(base_url=server.url) as client:
        assert 'id="data"' in (await client.get("/")).text
        assert (await client.get("/login")).headers["location"] == "/"
    async with served(tmp_path, "--no-console") as server, httpx2.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.get("/v1/version")).status_code == 200


async def test_where_keys_are_needed_people_come_in_by_the_login(tmp_path: Path) -> None:
    (tmp_path / "remit.toml").write_text("[access]\nrequired = true\n")
    store = SqliteAccessStore(tmp_path / ".remit")
    _, key = await Keys(store.keys).new(tenant="default", role="admin", name="ann")
    await store.close()
    async with served(tmp_path) as server, httpx2.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/")).headers["location"].startswith("/login")
        assert (await client.post("/login", data={"key": key})).status_code == 303
        assert "ann" in (await client.get("/settings")).text
        lines = (await client.get("/v1/audit")).json()["lines"]
        # Of a server with one tenant, strangers are shown too.
        assert any(line["name"] == "" and not line["allowed"] for line in lines)


async def test_two_servers_of_one_home_heed_the_same_switch_and_a_restart_keeps_it(tmp_path: Path) -> None:
    async with served(tmp_path) as one, served(tmp_path) as two, httpx2.AsyncClient() as client:
        body = {"kind": "agent", "name": "clerk", "reason": "an incident"}
        assert (await client.post(f"{one.url}/v1/switches", json=body)).status_code == 200
        refused = await _until_refused(client, two.url)
        assert "was switched off by" in refused["detail"]
    async with served(tmp_path) as again, httpx2.AsyncClient() as client:
        assert (await _begin(client, again.url)).status_code == 503
        gone = await client.delete(f"{again.url}/v1/switches?kind=agent&name=clerk")
        assert gone.status_code == 204
        assert (await _begin(client, again.url)).status_code == 201


async def _begin(client: httpx2.AsyncClient, url: str) -> httpx2.Response:
    return await client.post(f"{url}/v1/sessions", json={"agent": "clerk", "text": "go"})


async def _until_refused(client: httpx2.AsyncClient, url: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            answer = await _begin(client, url)
            if answer.status_code == 503:
                return answer.json()
            # The other process looks once a second.
            await asyncio.sleep(0.1)
