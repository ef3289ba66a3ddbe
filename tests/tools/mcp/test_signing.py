"""Signing in: tokens in a file of their own, and the way there and back of a browser."""

import asyncio
import stat
from pathlib import Path

import httpx2
import pytest
from mcp.client.auth import OAuthFlowError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from tests.tools.mcp.servers import free_port

from remit.core.errors import ConfigError
from remit.tools.mcp import TokenFile, sign_in


async def test_tokens_and_registration_are_kept_where_only_the_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.json"
    tokens = TokenFile(path)
    assert await tokens.get_tokens() is None
    assert await tokens.get_client_info() is None
    await asyncio.gather(
        tokens.set_tokens(OAuthToken(access_token="a")),
        tokens.set_client_info(OAuthClientInformationFull(client_id="c")),
    )
    again = TokenFile(path)
    kept, client = await again.get_tokens(), await again.get_client_info()
    assert kept is not None
    assert client is not None
    assert (kept.access_token, client.client_id) == ("a", "c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["tokens.json"]


async def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("shopping list")
    with pytest.raises(ConfigError, match="does not hold tokens"):
        await TokenFile(path).set_tokens(OAuthToken(access_token="a"))
    assert path.read_text() == "shopping list"
    with pytest.raises(ConfigError, match="cannot be read"):
        await TokenFile(tmp_path).get_tokens()
    with pytest.raises(ConfigError, match="cannot be written"):
        await TokenFile("/proc/nobody/tokens.json").set_tokens(OAuthToken(access_token="a"))


async def test_a_browser_comes_back_with_a_code_and_strays_are_sent_away(tmp_path: Path) -> None:
    port, shown = free_port(), list[str]()

    async def show(url: str) -> None:
        shown.append(url)

    context = sign_in("http://127.0.0.1/mcp", TokenFile(tmp_path / "t"), port=port, show=show).context
    assert context.redirect_handler is not None
    assert context.callback_handler is not None
    await context.redirect_handler("http://127.0.0.1/authorize")
    waiting = asyncio.ensure_future(context.callback_handler())
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as browser:
        assert (await browser.get("/favicon.ico")).status_code == 404
        assert (await browser.get("/callback?code=c&state=s&iss=i")).status_code == 200
    result = await waiting
    assert (result.code, result.state, result.iss) == ("c", "s", "i")
    assert shown == ["http://127.0.0.1/authorize"]


async def test_a_sign_in_that_is_refused_says_why_and_a_port_in_use_is_named(tmp_path: Path) -> None:
    async def show(url: str) -> None:
        async with httpx2.AsyncClient() as browser:
            await browser.get(f"{url}/callback?error=access_denied")

    port = free_port()
    context = sign_in("http://127.0.0.1/mcp", TokenFile(tmp_path / "t"), port=port, show=show).context
    assert context.redirect_handler is not None
    assert context.callback_handler is not None
    await context.redirect_handler(f"http://127.0.0.1:{port}")
    with pytest.raises(OAuthFlowError, match=f"port {port} cannot be listened on"):
        await context.redirect_handler("http://127.0.0.1/authorize")
    with pytest.raises(OAuthFlowError, match="the sign-in failed: access_denied"):
        await context.callback_handler()


async def test_where_to_sign_in_is_printed_unless_you_show_it_yourself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = sign_in("http://127.0.0.1/mcp", TokenFile(tmp_path / "t"), port=free_port()).context
    assert context.redirect_handler is not None
    assert context.callback_handler is not None
    await context.redirect_handler("http://127.0.0.1/authorize")
    waiting = asyncio.ensure_future(context.callback_handler())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert "http://127.0.0.1/authorize" in capsys.readouterr().err
