"""Attachments: their bytes are in blobs, the journal names them, and the hold counts them."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.limits import Limits
from remit.core.messages import Part, UserMessage
from remit.core.ports import Request
from remit.home import MEMORY, Home
from remit.models import FlatPrice
from remit.runtime import Attachment, attach
from remit.testing import ScriptedModel, says

PIXEL = b"\x89PNG of one pixel"


def test_a_file_is_attached_with_its_type_name_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    path.write_bytes(PIXEL)
    assert attach(path) == attach(str(path)) == Attachment("image/png", PIXEL, "", "chart.png", 50_000)
    assert attach(path, tokens=85).tokens == 85


def test_a_url_is_left_to_the_provider() -> None:
    assert attach("https://example.com/a/b.jpg?size=2") == Attachment(
        "image/jpeg", b"", "https://example.com/a/b.jpg?size=2", "b.jpg", 50_000
    )


@pytest.mark.parametrize(
    ("media", "tokens"), [("text/plain", 17), ("audio/wav", 17), ("application/pdf", 300_017), ("image/webp", 50_000)]
)
def test_the_bound_of_its_tokens_follows_its_type(media: str, tokens: int) -> None:
    assert attach(b"seventeen letters", media=media).tokens == tokens


def test_what_cannot_be_attached_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"these bytes.*media="):
        attach(b"???")
    with pytest.raises(ConfigError, match=r"none\.png' cannot be attached: No such file"):
        attach(tmp_path / "none.png")
    with pytest.raises(ConfigError, match=r"'\.' cannot be attached: Is a directory"):
        attach("")
    (tmp_path / "LICENSE").touch()
    with pytest.raises(ConfigError, match=r"'LICENSE' is; give it an ending that is known.*media="):
        attach(tmp_path / "LICENSE")
    with pytest.raises(ConfigError, match=r"'none\.txt' is empty"):
        attach(b"", name="none.txt")
    with pytest.raises(ConfigError, match="at most 33,554,432"):
        attach(b" " * ((32 << 20) + 1), media="text/plain")


@pytest.mark.parametrize(
    "media", ["png", "image/", "/png", "image/png\r\nX: y", "image/png; \0", "a" * 300 + "/b", "image/p ng"]
)
def test_what_is_no_media_type_is_not_attached(media: str) -> None:
    with pytest.raises(ConfigError, match="is no media type"):
        attach(b"x", media=media)


def test_a_media_type_may_have_parameters() -> None:
    assert attach(b"x", media="text/plain; charset=utf-8").media == "text/plain; charset=utf-8"


async def test_a_model_is_given_the_part_and_finds_its_bytes_in_the_blobs() -> None:
    found: list[bytes] = []
    model = ScriptedModel([says("a pixel"), says("still a pixel")], keep=True)
    async with Home.open(MEMORY) as home:
        said = ["What is this?", attach(PIXEL, media="image/png", name="p.png"), "Be brief."]
        run = await home.run(Agent("eye", model), said)
        await home.send(run.session, [attach("https://example.com/q.png")])
        await home.resume(Agent("eye", model), run.session)
        state = await home.session(run.session)
        first = state.threads[""][0]
        assert isinstance(first, UserMessage)
        assert first.text == "What is this?\n\nBe brief."
        (part,) = first.parts
        assert replace(part, blob="") == Part("image/png", "", "", "p.png", len(PIXEL), 50_000)
        found.append(await home.store.get(part.blob))
    assert found == [PIXEL]
    assert model.requests[0].messages[0] == first
    assert model.requests[1].messages[-1] == UserMessage(
        "", (Part("image/png", url="https://example.com/q.png", name="q.png", tokens=50_000),)
    )
    assert all(request.blobs is not None for request in model.requests)


async def test_the_hold_of_a_call_counts_what_is_attached() -> None:
    agent = Agent("eye", ScriptedModel([says("ok")], price=FlatPrice(10.0, 10.0)), limits=Limits(usd=0.4, max_output=1))
    async with Home.open(MEMORY) as home:
        refused = await home.run(agent, ["look", attach(PIXEL, media="image/png")])
        allowed = await home.run(agent, ["look", attach(PIXEL, media="image/png", tokens=100)])
    assert (refused.status, allowed.status) == ("refused", "done")


def test_a_request_without_parts_needs_no_blobs() -> None:
    assert Request((UserMessage("hi"),)).blobs is None


def test_what_has_no_bound_is_not_attached() -> None:
    for url in ("https://example.com/a.mp3", "https://example.com/a.txt", "https://example.com/a.json"):
        with pytest.raises(ConfigError, match=r"how many tokens .* say tokens="):
            attach(url)
        assert attach(url, tokens=500).tokens == 500
    with pytest.raises(ConfigError, match="cannot have -1 tokens"):
        attach(PIXEL, media="image/png", tokens=-1)
