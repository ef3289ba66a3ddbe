"""Our clients beside the official SDKs: the same question to the same server, and what each reads in the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
from tests.testing.server.sdk_values import KEY, Wire, offers, sdk_reply

from remit.core.messages import UserMessage
from remit.core.ports import Delta, Reply, Request, ToolSpec
from remit.core.values import JsonObject
from remit.models.connecting import connect
from remit.models.http.pooled import SHARED
from remit.models.http.port import Timeouts
from remit.models.wires.client import WireModel
from remit.models.wires.fragments import Bodies

PREFIXES: Mapping[Wire, str] = {
    "openai-chat": "openai",
    "openai-responses": "openai-responses",
    "anthropic": "anthropic",
}
MODEL = "gpt-5"
"""One that reasons, for OpenAI's servers encrypt no reasoning of others."""
TOOL = "look_up"
TIMEOUTS = Timeouts(connect=10, first=10, idle=10, total=60)
REQUEST = Request((UserMessage("hello"),), tools=(ToolSpec(name=TOOL, description="", schema={"type": "object"}),))


@dataclass
class Heard:
    """What was emitted while an answer was written."""

    text: str = ""

    def __call__(self, delta: Delta) -> None:
        """Take in a piece."""
        self.text = delta.text if delta.fresh else self.text + delta.text


def client(wire: Wire, url: str, timeouts: Timeouts = TIMEOUTS) -> WireModel:
    """Make our client as a name makes it."""
    made = connect(f"{PREFIXES[wire]}@{url}/v1:{MODEL}", keys=lambda variable: KEY, timeouts=timeouts)
    assert isinstance(made, WireModel)
    return made


async def our_reply(wire: Wire, url: str, *, stream: bool, timeouts: Timeouts = TIMEOUTS) -> Reply:
    """Ask once; what is emitted adds up to the text. Close what is left of the connection."""
    model = client(wire, url, timeouts)
    try:
        if not stream:
            return await _whole(model)
        heard = Heard()
        reply = await model.complete(REQUEST, heard)
        assert heard.text == reply.text, "what is shown is what is said"
        return reply
    finally:
        await SHARED.close()


async def _whole(model: WireModel) -> Reply:
    """Ask for an answer in one piece, which our clients only read where a server streams nothing."""
    body = await Bodies(model.wire).body(REQUEST, stream=False)
    target = model.url + model.wire.path
    async with SHARED.send("POST", target, model.wire.headers(KEY), body, model.timeouts) as exchange:
        found = await exchange.read(64 * 1024 * 1024)
        if exchange.status != 200:
            raise model.wire.error(exchange.status, exchange.headers, found)
        return model.wire.whole(found)


async def their_reply(wire: Wire, url: str, *, stream: bool, seconds: float = 10.0) -> Reply:
    """Ask once through the SDK, with the same tool on offer."""
    more: JsonObject = {**offers(wire, TOOL), "model": MODEL}
    return await sdk_reply(wire, url, more, stream=stream, seconds=seconds)


def plain(reply: Reply) -> Reply:
    """Take our reply to what an SDK's says: reasoning as bare text."""
    return msgspec.structs.replace(reply, reasoning=_thought(reply) or None)


def _thought(reply: Reply) -> str:
    kept = cast("JsonObject", reply.reasoning or {})
    if "text" in kept:
        return str(kept["text"])
    pieces = cast("list[JsonObject]", kept.get("order", []))
    summaries = [part for piece in pieces for part in cast("list[JsonObject]", piece.get("summary", []))]
    return "".join([str(piece.get("thinking", "")) for piece in pieces] + [str(part["text"]) for part in summaries])
