"""Files as they are given: what can be read, what they are called, and clear words for those that cannot."""

import os

import pytest
from tests.apps.analyst.shop import Shop

from remit.apps.analyst import Engine, Refused, sources
from remit.core.errors import ConfigError


def test_files_have_names_for_programs_and_for_queries(shop: Shop) -> None:
    odd = shop.file("2026 sales; (final).csv", "a,b\n1,2\n")
    named = [(one.kind, one.target, one.table) for one in sources([shop.sold, shop.people, odd])]
    assert named == [
        ("csv", "/data/transactions.csv", "transactions"),
        ("parquet", "/data/customers.parquet", "customers"),
        ("csv", "/data/2026_sales___final_.csv", "t_2026_sales___final_"),
    ]


def test_tables_of_files_that_differ_in_their_endings_have_different_names(shop: Shop) -> None:
    files = [shop.file("sales.csv", "a\n1\n"), shop.file("sales.jsonl", '{"a": 1}\n')]
    assert [one.table for one in sources(files)] == ["sales_csv", "sales_jsonl"]
    files += [shop.file("sales_csv.csv", "a\n1\n")]
    assert len({one.table for one in sources(files)}) == 3


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b" \n\n", "is empty"),
        ("image.csv", b"\x89PNG\r\n\0\0\0\rIHDR", "is binary"),
        ("wide.csv", "a,b\n1,2\n".encode("utf-16"), "is UTF-16"),
        ("book.xlsx", b"PK", "save the sheet as CSV"),
        ("list.json", b"[]", "one object a line"),
        ("list.jsonl", b'[{"a": 1}]', "one object a line"),
        ("packed.csv.gz", b"x", "unpack it first"),
        ("letter.docx", b"x", "it can be .csv"),
        ("none", b"x", "it can be .csv"),
        ("half.parquet", b"PAR1 and no end", "is no Parquet file"),
        ("tiny.parquet", b"PA", "is no Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(shop: Shop, name: str, content: bytes, why: str) -> None:
    path = shop.file(name, content)
    with pytest.raises(ConfigError) as raised:
        sources([shop.sold, path])
    assert name in str(raised.value)
    assert why in str(raised.value)


def test_files_that_are_missing_folders_or_none_at_all_are_refused(shop: Shop) -> None:
    for files, why in (([], "needs a file"), ([shop.folder / "gone.csv"], "no file"), ([shop.folder], "is no file")):
        with pytest.raises(ConfigError, match=why):
            sources(files)


def test_two_files_of_the_same_name_are_refused(shop: Shop) -> None:
    other = shop.folder / "other"
    other.mkdir()
    second = other / "Transactions.csv"
    second.write_text("a\n1\n")
    with pytest.raises(ConfigError, match="have the same name"):
        sources([shop.sold, second])


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("short.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n", "line 3 has 2 values instead of 3"),
        ("long.csv", "a,b,c\n" + "1,2,3\n" * 30_000 + "4,5,6,7\n", "line 30002 has 4 values instead of 3"),
        ("tail.csv", "id,amount\n1,2\n3,4,5\n", "line 3 has 3 values instead of 2"),
        ("preamble.csv", "report of 2026\n\na,b,c\n1,2,3\n4,5,6\n", "line 3 has 3 values instead of 1"),
        ("latin.csv", "name,town\nM\xfcller,K\xf6ln\n".encode("latin-1"), "not UTF-8"),
        ("cut.jsonl", '{"a": 1}\n{"a":\n', "cannot be read"),
        ("bad.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "cannot be read"),
    ],
)
async def test_broken_rows_are_said_with_file_and_line(shop: Shop, name: str, content: str | bytes, why: str) -> None:
    path = shop.file(name, content)
    async with Engine(sources([shop.sold, path])) as engine:
        for look in (engine.profile, engine.load):
            with pytest.raises(Refused) as raised:
                await look()
            assert name in str(raised.value)
            assert why in str(raised.value)


READ: dict[str, tuple[str, list[object]]] = {
    "semicolons.csv": ("a;b\n1,5;x\n2,5;y\n", [["1,5", "x"], ["2,5", "y"]]),
    "tabs.tsv": ("a\tb\n1\tx,y\n", [[1, "x,y"]]),
    "one.tsv": ("a\nx,y\n", [["x,y"]]),
    "quoted.csv": ('a,b\n1,"two\nlines, and a comma"\n', [[1, "two\nlines, and a comma"]]),
    "single.csv": ("name\nann\nbo\n", [["ann"], ["bo"]]),
    "marked.csv": ("\ufeffa,b\n1,2\n", [[1, 2]]),
    "late.csv": ("a\n" + "1\n" * 3 + "x\n", [["1"], ["1"], ["1"], ["x"]]),
    "lines.jsonl": ('{"a": 1, "b": {"c": [1]}}\n{"a": 2}\n', [[1, {"c": [1]}], [2, None]]),
    "head.csv": ("a,b\n", []),
    "figures.csv": ("1,2\n3,4\n", [[1, 2], [3, 4]]),
    "words.csv": ("town,river\nKoln,Rhein\n", [["Koln", "Rhein"]]),
    "days.csv": ("day\n31.12.2025\n01.02.2026\n", [["2025-12-31"], ["2026-02-01"]]),
    "codes.csv": ("code\n01234\n00501\n", [["01234"], ["00501"]]),
    'it\'s "a" file[1] *.csv': ("a\n7\n", [[7]]),
}


async def test_files_are_read_as_they_are_meant(shop: Shop) -> None:
    found = sources([shop.file(name, content) for name, (content, _) in READ.items()])
    async with Engine(found) as engine:
        for source, (name, (_, rows)) in zip(found, READ.items(), strict=True):
            assert (await engine.query(f"FROM {source.table}"))["rows"] == rows, name


async def test_a_link_is_read_and_what_is_beside_its_file_is_not(shop: Shop) -> None:
    link = shop.folder / "link.csv"
    link.symlink_to(shop.sold)
    async with Engine(sources([link])) as engine:
        assert (await engine.query("SELECT count(*) FROM link"))["rows"] == [[100]]


def test_pipes_are_refused_at_once(shop: Shop) -> None:
    pipe = shop.folder / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="a pipe or a device"):
        sources([pipe])


def test_a_path_that_no_system_has_is_an_error_like_others(shop: Shop) -> None:
    for path in (shop.folder / f"{'x' * 300}.csv", shop.folder / "x\0.csv"):
        with pytest.raises(ConfigError, match="cannot be read"):
            sources([path])
    with pytest.raises(ConfigError, match="no file"):
        sources([shop.sold / "x.csv"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(shop: Shop) -> None:
    shop.sold.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        sources([shop.sold])
