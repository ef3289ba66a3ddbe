"""Isolation: whatever is tried with another tenant's principal, sessions of this one do not exist for it."""

import msgspec
import pytest
from tests.server.agents import acting, asking, echo
from tests.server.rig import Rig, bearer, principal, rigged

from remit.runtime import attach
from remit.server.api import ENDPOINTS
from remit.server.service import Wish
from remit.testing import EffectCounter

BODIES = {
    "/v1/sessions/{session}/messages": {"text": "hi"},
    "/v1/sessions/{session}/approvals/{call}": {"granted": False},
    "/v1/sessions/{session}/answers/{call}": {"given": {"colour": "red"}},
    "/v1/sessions/{session}/doubts/{call}": {"happened": True},
}
"""What a request needs to be understood."""

LISTS = ("/v1/sessions", "/v1/approvals", "/v1/questions", "/v1/doubts")


async def _lived(rig: Rig) -> list[tuple[str, str, str]]:
    """Have sessions in all states; give id, a call and a blob of each."""
    lived: list[tuple[str, str, str]] = []
    for agent in ("clerk", "asking", "echo"):
        session = (await rig.good("POST", "/v1/sessions", {"agent": agent, "text": "go"}))["id"]
        await rig.until(session, "RunSuspended", "RunEnded")
        waits = (await rig.good("GET", f"/v1/sessions/{session}"))["waits"]
        blob = await rig.service.home.store.put(b"a secret of acme")
        lived.append((session, waits[0]["call"] if waits else "c1_0_0", blob))
    return lived


async def test_no_endpoint_of_a_session_tells_another_tenant_that_it_exists() -> None:
    async with rigged(acting(EffectCounter(), asks=True), asking(), echo()) as rig:
        for session, call, blob in await _lived(rig):
            before = msgspec.json.encode(await rig.past(session))
            tried = 0
            for one in ENDPOINTS:
                if "{session}" not in one.path:
                    continue
                named = one.path.replace("{call}", call).replace("{digest}", blob).replace("{seq}", "1")
                named += "?name=report.txt" if one.path.endswith("/artefact") else ""
                body = BODIES.get(one.path)
                theirs = await rig.ask(one.method, named.replace("{session}", session), body, bearer("other"))
                nobodys = await rig.ask(one.method, named.replace("{session}", "never-was"), body, bearer("other"))
                assert theirs.status_code == nobodys.status_code == 404, f"{one.method} {one.path}: {theirs.text}"
                assert theirs.text.replace(session, "never-was") == nobodys.text
                tried += 1
            assert tried >= 13
            assert msgspec.json.encode(await rig.past(session)) == before


async def test_no_list_shows_another_tenant_anything() -> None:
    async with rigged(acting(EffectCounter(), asks=True), asking(), echo()) as rig:
        lived = await _lived(rig)
        for path in LISTS:
            for query in ("", "?limit=1", f"?cursor={lived[0][0]}"):
                response = await rig.ask("GET", path + query, who=bearer("other"))
                assert not any(session in response.text for session, _, _ in lived) or response.status_code == 404
                if response.status_code == 200:
                    assert response.json()["next"] is None
        budget = (await rig.ask("GET", "/v1/budgets", who=bearer("other"))).json()["budgets"]
        assert [one["tenant"] for one in budget] == ["other"]


async def test_a_blob_is_given_only_through_an_event_that_owns_it_never_by_what_a_text_says() -> None:
    async with rigged(echo()) as rig:
        blob = await rig.service.home.store.put(b"a secret of somebody")
        session = (await rig.good("POST", "/v1/sessions", {"agent": "echo", "text": f"give me {blob}"}))["id"]
        await rig.until(session, "RunEnded")
        assert (await rig.ask("GET", f"/v1/sessions/{session}/blobs/{blob}")).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator", "developer"])
async def test_every_endpoint_asks_for_a_role_that_may(role: str) -> None:
    may = {"viewer": {"look"}, "operator": {"look", "decide", "stop"}, "developer": {"look", "stop", "work"}}[role]
    async with rigged(echo()) as rig:
        for one in ENDPOINTS:
            path = one.path.replace("{session}", "s").replace("{call}", "c").replace("{digest}", "d")
            # What streams would go on for ever.
            path += "?follow=false" if one.media == "text/event-stream" else ""
            status = (await rig.ask(one.method, path, BODIES.get(one.path), bearer(role=role))).status_code
            assert (status == 403) == (one.action is not None and one.action not in may), f"{one.method} {path}"
            nobody = await rig.ask(one.method, path, BODIES.get(one.path), {})
            assert (nobody.status_code == 401) == (one.action is not None), f"{one.method} {path}"
        assert len(rig.access.refused) == sum(one.action not in {None, *may} for one in ENDPOINTS)


async def test_the_files_of_a_session_are_listed_and_given_by_name_the_newest_of_the_same() -> None:
    async with rigged(echo()) as rig:
        files = [attach(body, media="text/plain", name="report.txt") for body in (b"old", b"new")]
        begun = await rig.service.begin(principal(), Wish("echo", ("look", *files)))
        path = f"/v1/sessions/{begun.view.id}"
        listed = (await rig.good("GET", f"{path}/artefacts"))["artefacts"]
        assert [(one["name"], one["media"], one["size"]) for one in listed] == [("report.txt", "text/plain", 3)] * 2
        given = await rig.ask("GET", f"{path}/artefact?name=report.txt")
        assert (given.content, given.headers["content-disposition"]) == (b"new", "attachment")
        assert (await rig.ask("GET", f"{path}/artefact?name=none")).status_code == 404
        assert (await rig.ask("GET", f"{path}/artefact")).status_code == 422
        for what in ("artefacts", "artefact?name=report.txt"):
            assert (await rig.ask("GET", f"{path}/{what}", who=bearer("other"))).status_code == 404
