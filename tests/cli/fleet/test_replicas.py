"""Several servers over one database, and workers beside them: whatever one is asked holds at all."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.cli.fleet.clients import Client, Reading, ended
from tests.cli.fleet.processes import Processes, Started, processes

from remit.tools.registry import FILE

ASKS = {"CLERK_ASKS": "1"}


@pytest_asyncio.fixture
async def fleet(url: str, tmp_path: Path) -> AsyncIterator[Processes]:
    """Start processes over an empty database."""
    async with processes(tmp_path, url) as made:
        yield made


async def _three(fleet: Processes, *words: str, **more: str) -> tuple[Started, Started, Started]:
    """Start two replicas and a worker."""
    one, two, worker = await asyncio.gather(
        fleet.replica(*words, more=more), fleet.replica(*words, more=more), fleet.worker(more=more)
    )
    return one, two, worker


async def _until(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask until the answer is something."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.05)


async def test_text_that_a_worker_writes_is_read_at_every_replica(fleet: Processes) -> None:
    one, two, _ = await _three(fleet, CLERK_SECONDS="0.8", CLERK_PAPERS="2")
    async with Client(one.url, two.url) as client:
        session = await client.begin("file")
        readings = [Reading(session), Reading(session)]
        await asyncio.gather(
            *(client.read(mine, ended(1), at=at.url) for mine, at in zip(readings, (one, two), strict=True))
        )
    for reading in readings:
        assert reading.deltas > 8
        assert reading.seqs == list(range(1, len(reading.seqs) + 1))


async def test_what_is_allowed_at_one_replica_is_seen_at_the_other(fleet: Processes) -> None:
    one, two, _ = await _three(fleet, **ASKS, CLERK_PAPERS="1")
    async with Client(one.url) as client:
        session = await client.begin("file")
        [asked] = await _until(lambda: _waiting(client, one.url, "approvals"))
        assert [asked] == await _waiting(client, two.url, "approvals")
        reading = Reading(session)
        following = asyncio.create_task(client.read(reading, ended(1), at=two.url))
        await reading.until(lambda reading: "RunSuspended" in reading.kinds)
        await client.sure("POST", f"/v1/sessions/{session}/approvals/{asked['call']}", {"granted": True})
        await following
    assert len(fleet.cabinet()) == 1


async def _waiting(client: Client, at: str, what: str) -> list[Any]:
    return (await client.ask("GET", f"/v1/{what}", at=at)).json()["waiting"]


async def test_what_a_worker_drives_is_paused_resumed_and_cancelled_at_any_replica(fleet: Processes) -> None:
    one, two, _ = await _three(fleet, CLERK_SECONDS="0.3", CLERK_PAPERS="1000")
    async with Client(one.url) as client:
        session = await client.begin("file")
        path, reading = f"/v1/sessions/{session}", Reading(session)
        following = asyncio.create_task(client.read(reading, ended(1), at=one.url))
        await reading.until(lambda reading: "EffectEnded" in reading.kinds)
        assert (await client.ask("POST", f"{path}/pause", {"reason": "tea"}, at=two.url)).status_code < 300
        await reading.until(lambda reading: reading.kinds[-1] == "RunSuspended")
        done = reading.kinds.count("EffectEnded")
        assert (await client.ask("POST", f"{path}/pause", {}, at=two.url)).status_code == 409
        assert (await client.ask("POST", f"{path}/resume", {}, at=one.url)).status_code < 300
        await reading.until(lambda reading: reading.kinds.count("EffectEnded") > done)
        assert (await client.ask("POST", f"{path}/cancel", {"reason": "enough"}, at=two.url)).status_code < 300
        await following
        assert (await client.get(session))["status"] == "idle"


async def test_a_switch_at_one_replica_stops_what_a_worker_drives_until_it_is_on_again(fleet: Processes) -> None:
    one, two, _ = await _three(fleet, CLERK_SECONDS="0.2", CLERK_PAPERS="20")
    async with Client(one.url) as client:
        session = await client.begin("file")
        reading = Reading(session)
        following = asyncio.create_task(client.read(reading, ended(1), at=two.url))
        await reading.until(lambda reading: "EffectEnded" in reading.kinds)
        await client.sure("POST", "/v1/switches", {"kind": "agent", "name": "clerk", "reason": "fire"})
        await reading.until(lambda reading: reading.kinds[-1] == "RunSuspended", 5)
        done = len(fleet.cabinet())
        refused = await _until(lambda: _refused(client, two.url), 5)
        assert "switched off" in refused
        assert (await client.ask("DELETE", "/v1/switches?kind=agent&name=clerk", at=two.url)).status_code == 204
        await following
    assert done < 20 == len(fleet.cabinet())


async def _refused(client: Client, at: str) -> str:
    response = await client.ask("POST", "/v1/sessions", {"agent": "clerk"}, at=at)
    return response.text if response.status_code >= 400 else ""


async def test_a_key_made_at_a_terminal_opens_every_replica_while_they_run(fleet: Processes, url: str) -> None:
    (fleet.folder / FILE).write_text("[access]\nrequired = true\n")
    code, out, err = await fleet.run("keys", "new", "--name", "ann", "--role", "developer", "--json", "--store", url)
    assert code == 0, err
    first = json.loads(out)["key"]
    one, two, _ = await _three(fleet)
    code, out, err = await fleet.run("keys", "new", "--name", "bob", "--role", "developer", "--json")
    assert code == 0, err
    for key, name in ((first, "ann"), (json.loads(out)["key"], "bob")):
        async with Client(one.url, two.url, key=key) as client:
            for at in (one, two):
                me = await client.ask("GET", "/v1/me", at=at.url)
                assert (me.status_code, me.json()["name"]) == (200, name), me.text
            reading = Reading(await client.begin("file"))
            await client.read(reading, ended(1))
    async with Client(one.url) as client:
        assert (await client.ask("GET", "/v1/me")).status_code == 401


async def test_commands_and_pages_show_what_workers_do_and_decide_it(fleet: Processes, url: str) -> None:
    one, two, worker = await _three(fleet, "--metrics", "0", **ASKS, CLERK_PAPERS="1")
    async with Client(one.url) as client:
        session = await client.begin("file it")
        await _until(lambda: _waiting(client, one.url, "approvals"))
        for words, found in (
            (("sessions",), session),
            (("show", session), "file_paper"),
            (("top", "--once"), session[:8]),
            (("send", session, "and then?"), ""),
        ):
            code, out, err = await fleet.run(*words, "--store", url)
            assert (code, found in out) == (0, True), (words, out, err)
        for path, found in ((f"/sessions/{session}", "file it"), ("/sessions", session), ("/approvals", "file_paper")):
            await _until(lambda path=path, found=found: _shows(client, two.url + path, found), 5)
        code, out, err = await fleet.run("approve", session, "--no-resume", "--store", url)
        assert code == 0, err
        reading = Reading(session)
        await client.read(reading, ended(1), at=two.url)
        assert len(fleet.cabinet()) == 1
        await _until(lambda: _shows(client, two.url + "/approvals", "", absent=session), 5)
        assert worker.process.returncode is None
        told = (await client.ask("GET", "", at=one.said["metrics"])).text
        assert re.search(r"(?m)^remit_queue\S* \d", told), told


async def _shows(client: Client, page: str, found: str, absent: str = "\0") -> bool:
    response = await client.ask("GET", "", at=page)
    assert response.status_code == 200, response.text
    return found in response.text and absent not in response.text


async def test_old_and_new_versions_work_side_by_side_and_what_is_left_is_adopted(fleet: Processes) -> None:
    old, new = {"CLERK_VERSION": "1", "CLERK_SECONDS": "0.3"}, {"CLERK_VERSION": "2", "CLERK_PAPERS": "1"}
    before, first = await asyncio.gather(fleet.replica(more=old), fleet.worker(more=old))
    async with Client(before.url) as client:
        sessions = [await client.begin("file") for _ in range(3)]
        after, second = await asyncio.gather(fleet.replica(more=new), fleet.worker(more=new))
        client.urls = [after.url]
        newer = [await client.begin("file") for _ in range(3)]
        drivers: dict[str, set[str]] = {}
        for session in sessions + newer:
            await client.read(Reading(session), ended(1))
            drivers[session] = await _drivers(fleet, session)
        assert [drivers[session] for session in sessions] == [{first.said["working"]}] * 3
        assert [drivers[session] for session in newer] == [{second.said["working"]}] * 3
        assert await first.end() == 0
        assert await before.end() == 0
        await client.send(sessions[0], "more", "more")
        code, out, err = await fleet.run("fleet", "status")
        assert code == 0, err
        assert re.search(r"clerk@1: 1 wait", out), out
        await fleet.worker("--adopt", "clerk@1", more=new)
        await client.read(Reading(sessions[0]), ended(2))


async def _drivers(fleet: Processes, session: str) -> set[str]:
    code, out, err = await fleet.run("show", session, "--json")
    assert code == 0, err
    return set(re.findall(r'"worker": ?"([^"]+)"', out))


@pytest.mark.parametrize("name", ["openai", "a2a", "agui", "mcp"])
async def test_every_protocol_is_spoken_by_a_replica(name: str, fleet: Processes) -> None:
    replica = await fleet.replica("--protocols", name)
    assert await replica.end() == 0
    assert sorted(path.name for path in fleet.folder.iterdir()) == ["told0"]
