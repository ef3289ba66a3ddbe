"""Secrets on the wire: no byte that a provider is sent holds one, and what was sent before stays as it was."""

import base64
from itertools import pairwise

import pytest
from tests.wires.test_prefix import THREE, held, model, turns

from remit import Agent, Home, Secrets, Settings, tool
from remit.core.ports import Reply
from remit.core.values import JsonObject
from remit.runtime import attach
from remit.testing import says, use
from remit.testing.server import ModelServer, Received

KEY = "sk-live-4f9a77c1/é"
FORMS = (KEY, KEY.encode().hex(), base64.b64encode(KEY.encode()).decode(), "sk-live-4f9a77c1")
STEPS = 3


@tool(effect="read")
async def look(key: str) -> JsonObject:
    """Look with sk-live-4f9a77c1/é."""
    return {"key": KEY, "hex": KEY.encode().hex(), "packed": base64.encodebytes(f"{'.' * 60}{KEY}".encode()).decode()}


def works(received: Received) -> Reply:
    """Repeat the secret and use the tool, three times; then answer."""
    steps = received.body.count(b"going on")
    return Reply("done") if steps == STEPS else says(f"going on with {KEY}", use("look", key=KEY))


@pytest.mark.parametrize("wire", THREE)
async def test_no_byte_that_is_sent_holds_a_secret_and_the_prefix_stays(wire: str) -> None:
    settings = Settings(secrets=Secrets({"api": KEY}))
    async with ModelServer(works) as server, Home.open("memory", settings) as home:
        agent = Agent("a", model(wire, server.url), f"The key is {KEY}.", [look], detectors=())
        said = [f"My key is {KEY}.", attach(f"key: {KEY}".encode(), media="text/plain", name="notes.txt")]
        assert (await home.run(agent, said)).status == "done"
    assert len(server.requests) == STEPS + 1
    for request in server.requests:
        assert not any(form.encode() in request.body for form in FORMS)
        assert b"The key is [secret:api]." in request.body
        assert b"Look with [secret:api]." in request.body
    for before, after in pairwise(server.requests):
        assert held(before.body, after.body) == turns(before.json)
