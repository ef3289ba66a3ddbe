"""The desk over a database: where its mails are, and that workers handle what people decide at a replica."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.cli.fleet.clients import Client, Reading, ended
from tests.cli.fleet.processes import Processes, processes


@pytest_asyncio.fixture
async def fleet(url: str, tmp_path: Path) -> AsyncIterator[Processes]:
    """Start processes over an empty database."""
    async with processes(tmp_path, url) as made:
        yield made


async def test_what_the_desk_asks_is_allowed_at_a_replica_and_done_by_a_worker(fleet: Processes) -> None:
    code, out, err = await fleet.run("desk")
    assert code in {0, 3}, (out, err)
    replica, _ = await asyncio.gather(fleet.replica(agent="desk"), fleet.worker(agent="desk"))
    async with Client(replica.url) as client:
        waiting = (await client.sure("GET", "/v1/approvals"))["waiting"]
        assert waiting, out
        asked = waiting[0]
        path = f"/v1/sessions/{asked['session']}/approvals/{asked['call']}"
        await client.sure("POST", path, {"granted": True})
        reading = await client.read(Reading(asked["session"]), ended(1))
        assert "EffectEnded" in reading.kinds[reading.kinds.index("RunResumed") :]
    here = {path.name for path in fleet.folder.iterdir() if not path.name.startswith("told")}
    assert here == {".remit"}
    assert (fleet.folder / ".remit" / "outbox").is_dir()


async def test_an_unreadable_mail_is_kept_in_the_working_folder(fleet: Processes) -> None:
    (fleet.folder / "inbox").mkdir()
    (fleet.folder / "inbox" / "broken.eml").write_bytes(b"\x00\xff\xfe")
    _, out, err = await fleet.run("desk", "--inbox", "inbox")
    assert "unreadable" in out, err
    assert {path.name for path in fleet.folder.iterdir()} == {".remit", "inbox"}
    assert len(list((fleet.folder / ".remit" / "unreadable").iterdir())) == 1


async def test_a_worker_elsewhere_is_told_the_places_of_the_desk(fleet: Processes) -> None:
    code, _, err = await fleet.run("worker", "desk")
    assert (code, "set JIRA_URL and SMTP_URL" in err) == (2, True), err
    places = {"JIRA_URL": "http://127.0.0.1:1", "SMTP_URL": "smtp://127.0.0.1:1"}
    logins = {"JIRA_EMAIL": "desk@example.com", "JIRA_TOKEN": "jira-token-of-a-test"}
    worker = await fleet.worker(agent="desk", more={**places, **logins})
    assert await worker.end() == 0
