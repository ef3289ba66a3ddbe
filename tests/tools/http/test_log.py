"""Exchange log: lines that are there whole or not at all, and never in the way of a call."""

import asyncio
import multiprocessing
import resource
import signal
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.http.served import OK, answering, serving

from remit.core.errors import ConfigError
from remit.policy.hosts import HostPolicy
from remit.tools.http import Egress, Exchange, ExchangeLog, Outgoing


def exchange(number: int, url: str = "http://app.test/") -> Exchange:
    return Exchange(at=number, tenant="acme", method="GET", url=url)


def read(*paths: Path) -> list[int]:
    """Read every line of some files, each of which must be whole."""
    lines = [line for path in paths if path.exists() for line in path.read_bytes().splitlines(keepends=True)]
    assert all(line.endswith(b"\n") for line in lines)
    return [msgspec.json.decode(line, type=Exchange).at for line in lines]


async def until(check: Callable[[], bool]) -> None:
    """Wait for what a thread does, as long as it takes."""
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - a thread can set no event here
            await asyncio.sleep(0.005)


async def test_what_tools_send_is_found_in_the_log_with_who_sent_it(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "exchanges.jsonl"
    async with serving(answering(OK)) as served, ExchangeLog(path) as log:
        egress = Egress(HostPolicy(allow=[f"127.0.0.1:{served.port}"]), record=log)
        await egress.send(Outgoing("GET", f"{served.url}/a?key=s3cret", tenant="acme", session="s", call="c"))
        await egress.close()
    (line,) = path.read_text().splitlines()
    made = msgspec.json.decode(line, type=Exchange)
    assert (made.tenant, made.session, made.call, made.status) == ("acme", "s", "c", 200)
    assert "s3cret" not in line
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_lines_are_written_meanwhile_and_the_rest_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    log = ExchangeLog(path, every=0.01)
    log(exchange(1))
    await until(lambda: read(path) == [1])
    await log.close()
    slow = ExchangeLog(path, every=1000.0)
    slow(exchange(2))
    await slow.close()
    await slow.close()
    slow(exchange(3))
    await slow.close()
    assert read(path) == [1, 2, 3]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.integers(1, 600))
def test_every_line_is_in_some_file_none_is_torn_and_none_is_larger_than_said(sizes: list[int], largest: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "x.jsonl"
        log = ExchangeLog(path, largest=largest, kept=100, every=1000.0)
        for number, size in enumerate(sizes):
            log(exchange(number, "x" * size))
        asyncio.run(log.close())
        files = sorted(folder.iterdir(), key=lambda file: -int(file.suffix[1:]) if file.suffix != ".jsonl" else 0)
        assert read(*files) == list(range(len(sizes)))
        for file in files:
            assert file.stat().st_size <= largest or len(file.read_bytes().splitlines()) == 1


async def test_only_so_many_old_files_are_kept(tmp_path: Path) -> None:
    log = ExchangeLog(tmp_path / "x.jsonl", largest=1, kept=2, every=1000.0)
    for number in range(5):
        log(exchange(number))
    await log.close()
    names = ("x.jsonl", "x.jsonl.1", "x.jsonl.2", "x.jsonl.3")
    assert [read(tmp_path / name) for name in names] == [[4], [3], [2], []]


async def test_half_a_line_of_a_crash_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for broken, kept in ((b'{"at":', 0), (msgspec.json.encode(exchange(1)) + b'\n{"at":', 1), (b"x" * 200_000, 0)):
        path.write_bytes(broken)
        async with ExchangeLog(path) as log:
            log(exchange(2))
        assert read(path) == [1, 2][1 - kept :]


async def test_a_disk_that_is_full_breaks_no_call_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "there"
    path = folder / "x.jsonl"
    log = ExchangeLog(path, every=0.005)
    path.unlink()
    folder.rmdir()
    for number in range(3):
        log(exchange(number))
        await until(lambda: "cannot be written" in caplog.text)
    await log.close()
    assert caplog.text.count("cannot be written") == 1
    folder.mkdir()
    log(exchange(3))
    await log.close()
    assert read(path) == [0, 1, 2, 3]
    assert "is written again; 0 lines were lost" in caplog.text


def test_a_write_that_ends_half_way_leaves_nothing_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    # Only a process of its own can be given a smallest disk: here, the size that its files may have.
    process = multiprocessing.get_context("spawn").Process(target=_on_a_small_disk, args=(str(path),))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert read(path) == [1]


def _on_a_small_disk(path: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = ExchangeLog(path, every=1000.0)
    log(exchange(1))
    asyncio.run(log.close())
    room = Path(path).stat().st_size + 10
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    log(exchange(2))
    asyncio.run(log.close())


def test_threads_may_share_a_log_and_logs_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    logs = [ExchangeLog(path, largest=2000, kept=100, every=0.001) for _ in range(3)]

    def work(log: ExchangeLog, numbers: Sequence[int]) -> None:
        for number in numbers:
            log(exchange(number))

    threads = [
        threading.Thread(target=work, args=(log, range(start, 300, 6))) for start, log in enumerate([*logs, *logs])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        asyncio.run(log.close())
    assert sorted(read(*tmp_path.iterdir())) == list(range(300))


def test_a_log_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        ExchangeLog(tmp_path / "file" / "x.jsonl")
    for wrong in ({"largest": 0}, {"kept": 0}):
        with pytest.raises(ConfigError, match="at least"):
            ExchangeLog(tmp_path / "x.jsonl", **wrong)
