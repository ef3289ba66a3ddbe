"""`remit gateway`: a proxy with a policy, a log and a token, as a process of its own."""

import signal
import subprocess
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.cli.bench import Bench, arguments, environment
from tests.models.http.served import OK, Served, answering, serving

from remit.core.events import Tree
from remit.core.token import Remit, sign
from remit.core.values import JsonValue

KEY = b"k" * 32


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(answering(OK)) as running:
        yield running


@contextmanager
def gateway(folder: Path, *words: str, **environ: str) -> Generator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the command and give where it listens."""
    process = subprocess.Popen(
        arguments(("gateway", "--policy", "hosts.txt", "--port", "0", *words)),
        cwd=folder, env=environment() | environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield str(heard(process)["listening"]), process
    finally:
        process.kill()
        process.communicate()


def heard(process: "subprocess.Popen[str]") -> dict[str, JsonValue]:
    """Read the next line that it wrote."""
    assert process.stdout is not None
    return msgspec.json.decode(process.stdout.readline(), type=dict[str, JsonValue])


def policy(folder: Path, *lines: str) -> None:
    (folder / "hosts.txt").write_text("\n".join(lines), encoding="utf-8")


async def get(proxy: str, url: str) -> int:
    async with httpx2.AsyncClient(proxy=proxy, trust_env=False) as client:
        return (await client.get(url)).status_code


async def test_it_lets_through_what_is_allowed_and_writes_down_the_rest(bench: Bench, served: Served) -> None:
    policy(bench.folder, f"allow: 127.0.0.1:{served.port}/open/*")
    with gateway(bench.folder) as (url, process):
        assert url.startswith("http://127.0.0.1:")
        assert await get(url, f"{served.url}/open/x?key=s3cret") == 200
        assert await get(url, f"{served.url}/other") == 403
        assert await get(url, "http://169.254.169.254/latest/") == 403
        first, second, third = (heard(process) for _ in range(3))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (first["status"], first["url"], first["received"]) == (200, f"{served.url}/open/x", 2)
    assert (second["status"], second["address"]) == (403, "")
    assert "no rule allows http://169.254.169.254" in str(third["problem"])
    assert (process.returncode, out) == (0, "")
    assert f"HTTP_PROXY and HTTPS_PROXY to {url}" in err
    assert "stopping" in err


async def test_only_who_shows_the_token_gets_in(bench: Bench, served: Served) -> None:
    policy(bench.folder, f"allow: 127.0.0.1:{served.port}")
    with gateway(bench.folder, REMIT_GATEWAY_TOKEN="open-sesame") as (url, process):
        assert await get(url, served.url) == 407
        assert await get(url.replace("://", "://remit:open-sesame@"), served.url) == 200
        assert [heard(process)["who"] for _ in range(2)] == ["", "token"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "remit:$REMIT_GATEWAY_TOKEN@" in err
    assert "open-sesame" not in err


async def test_a_session_is_known_by_its_remit(bench: Bench, served: Served) -> None:
    (bench.folder / ".remit").mkdir()
    (bench.folder / ".remit" / "key").write_bytes(KEY)
    policy(bench.folder, f"allow: 127.0.0.1:{served.port}")
    ours = sign(Remit("s-1", "acme", Tree("s-1")), KEY)
    forged = sign(Remit("s-1", "acme", Tree("s-1")), b"x" * 32)
    with gateway(bench.folder, "--sessions") as (url, process):
        for token, status in ((ours, 200), (forged, 407), ("nonsense", 407)):
            assert await get(url.replace("://", f"://remit:{token}@"), served.url) == status
        assert [heard(process)["who"] for _ in range(3)] == ["s-1", "", ""]


async def test_when_nobody_reads_its_log_it_stops(bench: Bench, served: Served) -> None:
    policy(bench.folder, f"allow: 127.0.0.1:{served.port}")
    with gateway(bench.folder, "--grace", "0.1") as (url, process):
        assert process.stdout is not None
        process.stdout.close()
        assert await get(url, served.url) == 200
        assert process.wait(30) == 141
        process.stdout = None


@pytest.mark.parametrize(
    ("url", "status", "says"),
    [
        ("https://github.com/a/b", 0, "https://github.com is allowed"),
        ("https://payroll/", 5, "blocked by the rule `block: payroll`"),
        ("https://other.test/", 5, "no rule allows"),
    ],
)
def test_it_says_why(bench: Bench, url: str, status: int, says: str) -> None:
    policy(bench.folder, "allow: github.com/*", "block: payroll")
    place = str(bench.folder / "hosts.txt")
    told = bench("gateway", "--policy", place, "--why", url)
    assert (told.status, says in told.out) == (status, True)
    told = bench("gateway", "--policy", place, "--why", url, "--json")
    assert told.json["granted"] is (status == 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--policy", "missing.txt"), "missing.txt cannot be read: No such file"),
        (("--idle", "0"), "--idle is above 0"),
        (("--host", "0.0.0.0"), "set REMIT_GATEWAY_TOKEN or give --sessions"),
        (("--host", "gateway.test"), "set REMIT_GATEWAY_TOKEN or give --sessions"),
        (("--sessions",), "there is no key in"),
    ],
)
def test_a_wrong_declaration_says_what_to_do(bench: Bench, words: tuple[str, ...], says: str) -> None:
    policy(bench.folder, "allow: github.com")
    told = bench("gateway", "--policy", str(bench.folder / "hosts.txt"), *words)
    assert (told.status, says in told.err) == (2, True)


def test_a_wrong_line_of_the_policy_is_named(bench: Bench) -> None:
    policy(bench.folder, "allow: github.com", "permit: x.test")
    told = bench("gateway", "--policy", str(bench.folder / "hosts.txt"))
    assert told.status == 2
    assert "hosts.txt:2: write `allow: PLACE`" in told.err
