"""Signing in: tokens in a file of their own, and the way there and back of a browser."""

import asyncio
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp.client.auth import OAuthFlowError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from tests.ports import free_port
from tests.tools.mcp.authority import Authority, guarded
from tests.tools.mcp.servers import Tools, call, opened

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.tools.mcp import Http, TokenFile, sign_in


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

    context = sign_in("http://127.0.0.1/mcp", TokenFile(tmp_path / "t"), port=port, show=show).provider.context
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
    context = sign_in("http://127.0.0.1/mcp", TokenFile(tmp_path / "t"), port=port, show=show).provider.context
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
    context = sign_in("http://127.0.0.1/mcp", TokenFile(tmp_path / "t"), port=free_port()).provider.context
    assert context.redirect_handler is not None
    assert context.callback_handler is not None
    await context.redirect_handler("http://127.0.0.1/authorize")
    waiting = asyncio.ensure_future(context.callback_handler())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert "http://127.0.0.1/authorize" in capsys.readouterr().err


# -- with an authorization server --------------------------------------------------------------------------------------


async def browse(url: str) -> None:
    """Sign in as a person's browser would, and be sent back to us."""
    async with httpx2.AsyncClient(follow_redirects=True) as browser:
        await browser.get(url)


@asynccontextmanager
async def signed_in(authority: Authority, tokens: TokenFile) -> AsyncGenerator[Tools]:
    """Open a toolset on the guarded server."""
    auth = sign_in(authority.url, tokens, port=free_port(), show=browse)
    async with opened(Http(authority.url, auth=auth)) as (_, tools):
        yield tools


async def test_a_server_that_wants_it_is_signed_in_to_once_and_the_tokens_serve_again(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    async with guarded() as authority:
        for _ in range(2):
            async with signed_in(authority, tokens) as tools:
                assert await call(tools, "secret") == "42"
        assert authority.seen == ["register", "authorize", "token"]
        (client,) = authority.clients.values()
        assert client.client_name == "Remit"
        (granted,) = authority.access.values()
        assert granted.resource == authority.url


async def test_an_access_token_that_is_over_is_renewed_without_a_person(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    async with guarded() as authority:
        authority.lifetime = 1
        async with signed_in(authority, tokens) as tools:
            assert await call(tools, "secret") == "42"
            kept = await tokens.get_tokens()
            authority.access.clear()
            authority.seen.clear()
            async with asyncio.timeout(20):
                while "refresh" not in authority.seen:
                    assert await call(tools, "secret") == "42"
                    await asyncio.sleep(0.2)
            assert set(authority.seen) == {"refresh"}
            assert await tokens.get_tokens() != kept


async def test_a_token_that_is_refused_is_renewed_without_a_person_also_after_a_restart(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    async with guarded() as authority:
        async with signed_in(authority, tokens) as tools:
            authority.access.clear()
            assert await call(tools, "secret") == "42"
        authority.access.clear()
        async with signed_in(authority, tokens) as tools:
            assert await call(tools, "secret") == "42"
        assert authority.seen == ["register", "authorize", "token", "refresh", "refresh"]


async def test_a_refresh_token_that_is_over_has_a_person_asked_again_and_says_so_when_they_refuse(
    tmp_path: Path,
) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    async with guarded() as authority, signed_in(authority, tokens) as tools:
        authority.access.clear()
        authority.refresh.clear()
        assert await call(tools, "secret") == "42"
        authority.access.clear()
        authority.refresh.clear()
        authority.refuses = True
        with pytest.raises(RejectedError, match="the sign-in failed: not today"):
            await call(tools, "secret")
        authority.refuses = False
        assert await call(tools, "secret") == "42"


async def test_who_refuses_at_the_first_sign_in_is_told_when_it_is_opened(tmp_path: Path) -> None:
    async with guarded() as authority:
        authority.refuses = True
        with pytest.raises(ToolError, match="the sign-in failed: not today"):
            async with signed_in(authority, TokenFile(tmp_path / "t")):
                pass
