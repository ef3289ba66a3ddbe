"""Keys, the audit log and switches over HTTP: for those who may, within their tenant, and written down."""

from typing import Any

import pytest
from tests.server.agents import acting, echo
from tests.server.rig import Rig, bearer, rigged

from remit.core.values import nanos
from remit.server.access import Keys
from remit.testing import EffectCounter


async def _said(rig: Rig) -> list[str]:
    return [line.what for line in await rig.store.log.read()]


async def test_somebody_is_told_who_they_are() -> None:
    async with rigged(echo()) as rig:
        found = (await rig.ask("GET", "/v1/me", who=bearer(name="olga", role="operator"))).json()
    assert found == {
        "name": "olga", "tenant": "acme", "role": "operator", "may": ["decide", "look", "stop"], "how": "key",
        "key": "", "expires": None,
    }  # fmt: skip


async def test_a_key_is_shown_once_and_opens_and_is_rotated_and_revoked_and_all_is_written_down() -> None:
    async with rigged(echo()) as rig:
        keys = Keys(rig.store.keys)
        made = await rig.good("POST", "/v1/keys", {"name": "ci", "role": "developer", "days": 1})
        assert (await keys.open(made["secret"])).principal().name == "ci"
        listed = await rig.ask("GET", "/v1/keys")
        assert made["secret"] not in listed.text
        assert "digest" not in listed.text
        [one] = listed.json()["keys"]
        assert (one["id"], one["role"], one["state"], one["by"]) == (made["key"]["id"], "developer", "valid", "ann")
        assert one["expires"] - one["made"] == 86_400_000

        heir = await rig.good("POST", f"/v1/keys/{one['id']}/rotate", {"grace_hours": 2})
        assert (await keys.open(heir["secret"])).id == heir["key"]["id"]
        states = {key["id"]: key["state"] for key in (await rig.good("GET", "/v1/keys"))["keys"]}
        assert states == {one["id"]: "ending", heir["key"]["id"]: "valid"}
        again = await rig.ask("POST", f"/v1/keys/{one['id']}/rotate")
        assert again.status_code == 409
        assert await rig.good("DELETE", f"/v1/keys/{one['id']}") is None
        states = {key["id"]: key["state"] for key in (await rig.good("GET", "/v1/keys"))["keys"]}
        assert states[one["id"]] == "rotated"
        said = await _said(rig)
    assert f"key {one['id']} was made for 'ci', a developer" in said
    assert f"key {one['id']} of 'ci' was rotated to {heir['key']['id']}, good for 2 h more" in said
    assert f"key {one['id']} of 'ci' was revoked" in said
    assert made["secret"] not in str(said)


async def test_keys_of_another_tenant_do_not_exist() -> None:
    async with rigged(echo()) as rig:
        made = (await rig.good("POST", "/v1/keys", {"name": "ci"}))["key"]["id"]
        for method, path in (("POST", "/v1/keys/{}/rotate"), ("DELETE", "/v1/keys/{}")):
            theirs = await rig.ask(method, path.format(made), who=bearer("other"))
            nobodys = await rig.ask(method, path.format("0123456789ab"), who=bearer("other"))
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.text.replace(made, "0123456789ab") == nobodys.text
        assert (await rig.ask("GET", "/v1/keys", who=bearer("other"))).json()["keys"] == []
        assert (await rig.good("GET", "/v1/keys"))["keys"][0]["state"] == "valid"


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": "a\nb"}, {"name": "x", "role": "root"}, {"name": "x", "days": 0}]
)
async def test_a_key_that_cannot_be_is_not_made(body: dict[str, Any]) -> None:
    async with rigged(echo()) as rig:
        assert (await rig.ask("POST", "/v1/keys", body)).status_code == 422
        assert await rig.store.keys.all() == []


async def test_the_log_is_read_in_pages_and_filtered_and_shows_no_other_tenant() -> None:
    async with rigged(echo()) as rig:
        for name in ("ann", "bob", "ann"):
            await rig.ask("POST", "/v1/keys", {"name": "ci"}, bearer(name=name))
        await rig.ask("POST", "/v1/keys", {"name": "theirs"}, bearer("other", "eve"))
        await rig.ask("POST", "/v1/keys", {"name": "ci"}, bearer(name="vic", role="viewer"))
        page = await rig.good("GET", "/v1/audit?limit=2")
        assert [line["name"] for line in page["lines"]] == ["vic", "ann"]
        rest = await rig.good("GET", f"/v1/audit?before={page['next']}")
        assert [line["name"] for line in rest["lines"]] == ["bob", "ann"]
        assert rest["next"] is None
        refused = (await rig.good("GET", "/v1/audit?refused=true"))["lines"]
        assert [(line["name"], line["allowed"]) for line in refused] == [("vic", False)]
        assert [line["name"] for line in (await rig.good("GET", "/v1/audit?name=bob"))["lines"]] == ["bob"]
        assert (await rig.good("GET", "/v1/audit?what=no-such-thing"))["lines"] == []
        known = (await rig.good("GET", "/v1/people"))["people"]
        assert {one["name"]: one["keys"] for one in known} == {"ann": 0, "bob": 0, "ci": 3, "vic": 0}


async def test_an_operator_switches_a_tool_off_and_on_and_everybody_sees_who_did() -> None:
    olga, vic = bearer(name="olga", role="operator"), bearer(name="vic", role="viewer")
    async with rigged(acting(EffectCounter()), echo()) as rig:
        body = {"kind": "tool", "name": "effect", "reason": "wrong amounts"}
        assert (await rig.ask("POST", "/v1/switches", body, vic)).status_code == 403
        made = await rig.ask("POST", "/v1/switches", body, olga)
        assert made.status_code == 200
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "go"}))["id"]
        await rig.until(session, "RunEnded")
        ended = next(one for one in await rig.past(session) if one["kind"] == "EffectEnded")
        assert "switched off by olga: wrong amounts" in str(ended)
        seen = (await rig.ask("GET", "/v1/switches", who=vic)).json()
        assert [(one["name"], one["by"], one["reason"]) for one in seen["switches"]] == [
            ("effect", "olga", "wrong amounts")
        ]
        assert (await rig.ask("GET", "/v1/switches", who=bearer("other"))).json() == {"switches": [], "history": []}
        theirs = await rig.ask("DELETE", "/v1/switches?kind=tool&name=effect", who=bearer("other"))
        assert theirs.status_code == 404
        gone = await rig.ask("DELETE", "/v1/switches?kind=tool&name=effect&reason=mended", who=olga)
        assert gone.status_code == 204
        seen = (await rig.ask("GET", "/v1/switches", who=vic)).json()
    assert seen["switches"] == []
    assert [(one["by"], one["what"]) for one in seen["history"]] == [
        ("olga", "switched on: tool 'effect': mended"),
        ("olga", "switched off: tool 'effect': wrong amounts"),
    ]


async def test_an_agent_that_is_off_takes_no_session_and_says_why() -> None:
    async with rigged(echo()) as rig:
        await rig.good("POST", "/v1/switches", {"kind": "agent", "name": "echo", "reason": "an incident"})
        refused = await rig.ask("POST", "/v1/sessions", {"agent": "echo", "text": "hi"})
        assert refused.status_code == 503
        assert refused.json()["detail"] == "agent 'echo' was switched off by ann: an incident"
        wrong = await rig.ask("POST", "/v1/switches", {"kind": "agent", "name": "ehco"})
        assert wrong.status_code == 404


async def test_what_is_held_is_told_by_session_and_only_to_its_tenant() -> None:
    effect = EffectCounter(price=nanos(2.5), pause=0.2)
    async with rigged(acting(effect)) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "clerk", "text": "go"}))["id"]
        await rig.until(session, "EffectStarted")
        held = await rig.good("GET", "/v1/holds")
        theirs = (await rig.ask("GET", "/v1/holds", who=bearer("other"))).json()
        await rig.until(session, "RunEnded")
        after = await rig.good("GET", "/v1/holds")
    assert [(one["session"], one["held_usd"]) for one in held["holds"]] == [(session, 2.5)]
    assert held["held_usd"] == 2.5
    assert theirs["holds"] == after["holds"] == []
