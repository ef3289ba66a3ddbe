"""Queries in DuckDB: what they may ask, what they may take, and everything that they must not reach."""

import asyncio
import os
import select
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.apps.analyst.shop import ROWS, Shop, amount

from remit.apps.analyst import Engine, QueryBounds, Refused, sources
from remit.apps.analyst.copies import sweep
from remit.core.values import JsonValue

SHORT = QueryBounds(seconds=5.0, memory=200_000_000, rows=50, answer=20_000)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One shop for all, since nobody can change its files."""
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(shop: Shop) -> AsyncIterator[Engine]:
    """One engine for all: whatever a query did, the next is answered."""
    async with Engine(sources([shop.sold, shop.people]), SHORT) as engine:
        yield engine


async def rows(engine: Engine, sql: str) -> JsonValue:
    return (await engine.query(sql))["rows"]


async def test_the_last_five_amounts_are_those_of_the_file(engine: Engine) -> None:
    found = await rows(engine, "SELECT amount FROM transactions ORDER BY id DESC LIMIT 5")
    assert found == [[amount(cents)] for _, _, cents, _ in ROWS[:-6:-1]]


async def test_files_are_joined_and_grouped(engine: Engine) -> None:
    sql = "SELECT name, count(*) FROM transactions JOIN customers USING (customer) GROUP BY name ORDER BY name"
    assert await rows(engine, sql) == [["Ann", 20], ["Bo", 20], ["Cy", 20], ["Di", 20], ["Ed", 20]]


async def test_values_come_as_json_and_figures_stay_exact(engine: Engine) -> None:
    sql = """SELECT 1.10::DECIMAL(5,2), 12345678901234567890.12::DECIMAL(30,2), 9007199254740993::HUGEINT,
        'nan'::DOUBLE,
        DATE '2026-01-02', TIME '10:00', TIMESTAMPTZ '2026-01-02 10:00+00', [1, NULL], {'a': DATE '2026-01-02'},
        'x'::BLOB, INTERVAL 3 DAY, true, NULL"""
    assert await rows(engine, sql) == [
        [
            1.1, "12345678901234567890.12", "9007199254740993", "nan", "2026-01-02", "10:00:00",
            "2026-01-02 10:00:00+00", [1, None], {"a": "2026-01-02"}, "78", "3 days, 0:00:00", True, None,
        ]
    ]  # fmt: skip


async def test_an_answer_that_is_too_long_is_cut_and_says_so(engine: Engine) -> None:
    many = await engine.query("SELECT range FROM range(1000000)")
    assert isinstance(many["rows"], list)
    assert (len(many["rows"]), many["truncated"]) == (50, True)
    wide = await engine.query("SELECT repeat('x', 15000) FROM range(3)")
    assert isinstance(wide["rows"], list)
    assert (len(wide["rows"]), wide["truncated"]) == (1, True)
    assert (await engine.query("SELECT range FROM range(50)"))["truncated"] is False


STATEMENTS = (
    "COPY transactions TO '{folder}/stolen.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{folder}/stolen'",
    "ATTACH '{folder}/stolen.db'",
    "ATTACH ':memory:' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/evil.so'",
    "SET enable_external_access=true",
    "SET memory_limit='100GB'",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CREATE TABLE stolen AS SELECT 1",
    "CREATE TEMP VIEW transactions AS SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "INSERT INTO transactions VALUES (1, 1, 1, DATE '2026-01-01')",
    "UPDATE transactions SET amount = 0",
    "DELETE FROM transactions",
    "DROP TABLE transactions",
    "USE memory",
    "DETACH data",
    "CHECKPOINT",
    "SELECT 1; SELECT 2",
    "",
)


async def test_nothing_but_one_select_is_run(engine: Engine, shop: Shop) -> None:
    for sql in STATEMENTS:
        with pytest.raises(Refused, match="give one SELECT"):
            await engine.query(sql.format(folder=shop.folder))
        await unharmed(engine, shop)


SELECTS = (
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_csv('{folder}/transactions.csv')",
    "SELECT * FROM read_parquet('{folder}/customers.parquet')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/collect')",
    "SELECT * FROM read_parquet('s3://bucket/key')",
    "SELECT getenv('HOME')",
    "WITH gone AS (DELETE FROM transactions RETURNING *) SELECT * FROM gone",
    "WITH more AS (INSERT INTO transactions VALUES (1, 1, 1, DATE '2026-01-01') RETURNING *) SELECT * FROM more",
    "SELECT nextval('nothing')",
)


async def test_a_select_reaches_nothing_but_the_tables(engine: Engine, shop: Shop) -> None:
    for sql in SELECTS:
        with pytest.raises(Refused):
            await engine.query(sql.format(folder=shop.folder))
        await unharmed(engine, shop)


async def unharmed(engine: Engine, shop: Shop) -> None:
    """The tables are as they were, and the folder has no new file."""
    assert await rows(engine, "SELECT count(*), sum(customer) FROM transactions") == [[100, 300]]
    assert sorted(path.name for path in shop.folder.iterdir()) == ["customers.parquet", "transactions.csv"]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
        # No interrupt is heard while it runs.
        "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000))",
    ],
)
async def test_a_query_that_takes_too_long_is_ended_and_the_next_is_answered(shop: Shop, sql: str) -> None:
    hasty = QueryBounds(seconds=0.3)
    async with Engine(sources([shop.sold]), hasty) as engine:
        with pytest.raises(Refused, match=r"longer than 0\.3 s"):
            await engine.query(sql)
        assert await rows(engine, "SELECT 1") == [[1]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(range) FROM range(1000000000)",
        # DuckDB does not count what one function takes.
        "SELECT length(repeat('x', 4000000000))",
        "SELECT list_sort(range(2000000000))",
    ],
)
async def test_a_query_that_takes_too_much_memory_is_refused_and_the_next_is_answered(engine: Engine, sql: str) -> None:
    with pytest.raises(Refused):
        await engine.query(sql)
    assert await rows(engine, "SELECT 1") == [[1]]


def children(parent: str = "self") -> list[Path]:
    """Give the processes of engines that this one, or another, has started and that are still there."""
    found = Path("/proc", parent, "task").glob("*/children")
    started = [Path("/proc", number) for path in found for number in path.read_text().split()]
    return [proc for proc in started if b"analyst" in (proc / "cmdline").read_bytes()]


async def test_the_process_has_no_environment_and_writes_no_file(engine: Engine, shop: Shop) -> None:
    await engine.query("SELECT 1")
    (proc,) = children()
    assert (proc / "environ").read_bytes() == b""
    limits = (proc / "limits").read_text()
    assert "Max file size             0" in limits


async def test_nothing_is_left_of_it(shop: Shop) -> None:
    before = set(children())
    async with Engine(sources([shop.sold]), SHORT) as engine:
        await engine.query("SELECT 1")
        (proc,) = set(children()) - before
        (copy,) = {path for path in map(Path.readlink, (proc / "fd").iterdir()) if path.name == "tables.db"}
        assert copy.is_file()
    assert not copy.parent.exists()
    assert set(children()) == before


def copies(place: Path) -> list[list[str]]:
    """Give what is in each folder of a place."""
    return sorted(sorted(one.name for one in folder.iterdir()) for folder in place.iterdir())


ENDLESS = """import asyncio, sys
from remit.apps.analyst import Engine, QueryBounds, sources

async def main():
    async with Engine(sources([sys.argv[1]]), QueryBounds(seconds=600)) as engine:
        await engine.query("SELECT 1")
        print("ready", flush=True)
        await engine.query("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b")

asyncio.run(main())"""


async def test_copies_of_a_killed_process_are_removed_by_the_next_one(tmp_path: Path, shop: Shop) -> None:
    places = {"TMPDIR": str(tmp_path)}
    command = (sys.executable, "-c", ENDLESS, str(shop.sold))
    killed, alive = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=places) for _ in range(2)
    ]
    try:
        for one in (killed, alive):
            assert one.stdout is not None
            assert await one.stdout.readline() == b"ready\n"
        assert copies(tmp_path) == [["lock", "tables.db"], ["lock", "tables.db"]]
        killed.kill()
        await killed.wait()
        (tmp_path / "remit-analyst-tables-of-somebody").mkdir()
        (tmp_path / "other").mkdir()
        sweep(tmp_path)
        assert copies(tmp_path) == [[], [], ["lock", "tables.db"]]
    finally:
        alive.kill()
        await alive.wait()


BREAKS_OUT = """import os, socket, sys
from remit.apps.analyst.inside.confining import confined
print(confined([sys.argv[1]], []))
tries = {
    "a file that was given": lambda: open(os.path.join(sys.argv[1], "transactions.csv")).read(),
    "another file": lambda: open("/etc/passwd").read(),
    "a new file": lambda: open(os.path.join(sys.argv[1], "new"), "w"),
    "a mode": lambda: os.chmod(os.path.join(sys.argv[1], "transactions.csv"), 0),
    "a socket": lambda: socket.socket(),
    "a process": lambda: os.fork(),
    "a program": lambda: os.execv("/bin/true", ["true"]),
    "a signal": lambda: os.kill(os.getppid(), 0),
}
for name, act in tries.items():
    try:
        act()
        print(name)
    except OSError:
        pass"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has Landlock and filters of system calls")
async def test_a_fault_of_duckdb_would_reach_its_own_files_and_nothing_else(engine: Engine, shop: Shop) -> None:
    command = (sys.executable, "-c", BREAKS_OUT, str(shop.folder))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    held, *reached = out.decode().splitlines()
    await engine.query("SELECT 1")
    assert str(list(engine.confined)) == held
    if held != "['landlock', 'seccomp']":
        pytest.skip(f"this machine has not both Landlock and filters of system calls, but {held}")
    assert reached == ["a file that was given"]
    (proc,) = children()
    assert "Seccomp:\t2" in (proc / "status").read_text()


async def test_queries_at_the_same_time_all_get_their_own_answers(engine: Engine) -> None:
    found = await asyncio.gather(*(rows(engine, f"SELECT {number}") for number in range(20)))
    assert found == [[[number]] for number in range(20)]


async def test_a_cancelled_query_leaves_no_answer_for_the_next(engine: Engine) -> None:
    await engine.query("SELECT 1")
    slow = asyncio.ensure_future(engine.query("SELECT sum(a.range * b.range) FROM range(30000) a, range(30000) b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await rows(engine, "SELECT 'next'") == [["next"]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
async def test_a_query_ends_with_the_process_that_waits_for_it(shop: Shop, tmp_path: Path) -> None:
    command = (sys.executable, "-c", ENDLESS, str(shop.sold))
    copies = {"TMPDIR": str(tmp_path)}
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=copies)
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    (child,) = children(str(parent.pid))
    handle = os.pidfd_open(int(child.name))
    try:
        parent.kill()
        await parent.wait()
        ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], 30)
    finally:
        os.close(handle)
    assert ended
