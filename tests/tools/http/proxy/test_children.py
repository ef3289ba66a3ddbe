"""Child processes: one that brings its own HTTP is held to the policy by its environment."""

import asyncio
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.models.http.served import OK, answering, serving
from tests.tools.http.proxy.proxying import proxied
from tests.tools.http.serving import Names
from tests.tools.mcp.servers import call, opened

from remit.core.errors import ConfigError
from remit.core.ports import ToolContext
from remit.policy.hosts import HostPolicy
from remit.tools.http.proxy import ForwardProxy
from remit.tools.mcp import Stdio

FETCHING = Path(__file__).parent / "fetching.py"
TOKEN = "a/b=c@d e"


def admit(token: str) -> str | None:
    return "session-1" if token == TOKEN else None


async def test_an_mcp_server_over_stdio_reaches_only_what_the_policy_allows() -> None:
    async with serving(answering(OK)) as served, proxied(f"app.test:{served.port}", "127.0.0.1:*", admit=admit) as held:
        link = Stdio(sys.executable, [str(FETCHING)], env=held.proxy.environ(TOKEN))
        async with opened(link) as (_, tools):
            assert await call(tools, "fetch", url=f"http://app.test:{served.port}/a") == "ok"
            assert "no rule allows" in str(await call(tools, "fetch", url=f"http://other.test:{served.port}/"))
            # Also its own machine it reaches only through the proxy.
            assert await call(tools, "fetch", url=f"http://127.0.0.1:{served.port}/") == "ok"
            assert "no rule allows" in str(await call(tools, "fetch", url=f"http://localhost:{served.port}/"))
        log = [held.log.get_nowait() for _ in range(held.log.qsize())]
        assert [access.status for access in log] == [200, 403, 200, 403]
        assert {access.who for access in log} == {"session-1"}
        assert served.connections == 2


async def test_a_child_without_the_token_is_let_in_by_nobody() -> None:
    async with serving(answering(OK)) as served, proxied(admit=admit) as held:
        async with opened(Stdio(sys.executable, [str(FETCHING)], env=held.proxy.environ())) as (_, tools):
            assert str(await call(tools, "fetch", url=f"http://app.test:{served.port}/")).startswith("407")
        assert served.connections == 0


FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode(), end='')"
COMMANDS = {"python": (sys.executable, "-c", FETCH), "curl": (shutil.which("curl") or "", "-s")}


@pytest.mark.parametrize("program", COMMANDS)
async def test_programs_find_the_proxy_in_their_environment(program: str) -> None:
    command = COMMANDS[program]
    if not command[0]:
        pytest.skip(f"{program} is not here")
    async with serving(answering(OK)) as served, proxied(names=Names(app_test=[["127.0.0.1"]])) as held:
        url = f"http://app.test:{served.port}/"
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*command, url, env=held.proxy.environ(), stdout=pipe)
        out, _ = await child.communicate()
        assert (child.returncode, out) == (0, b"ok")
        assert held.log.get_nowait().url == url


async def test_the_environment_names_the_proxy_in_every_way_and_lets_nothing_around_it() -> None:
    proxy = ForwardProxy(HostPolicy(), log=lambda _: None)
    with pytest.raises(ConfigError, match="not open"):
        proxy.environ()
    url = await proxy.open()
    try:
        plain, shown = proxy.environ(), proxy.environ(TOKEN)
    finally:
        await proxy.close()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        assert plain[name] == plain[name.lower()] == url
        parts = urlsplit(shown[name])
        assert (parts.username, unquote(parts.password or "")) == ("remit", TOKEN)
        assert parts.port == urlsplit(url).port
    assert plain["NO_PROXY"] == plain["no_proxy"] == ""
    assert not ToolContext(remit="t").environ().keys() & shown.keys()
    with pytest.raises(ConfigError, match="not open"):
        proxy.environ()
