"""Profiles: what a model is told of files is true, bounded, without the obviously personal, and marked as data."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.apps.analyst.shop import Shop

from remit.apps.analyst import Engine, Way, sources
from remit.apps.analyst.describing import described
from remit.apps.analyst.personal import masked, personal
from remit.core.values import JsonObject, JsonValue


async def profiled(shop: Shop, *names: str, way: Way = "pandas") -> list[JsonObject]:
    async with Engine(sources([shop.folder / name for name in names])) as engine:
        tables = await (engine.load() if way == "sql" else engine.profile())
    return files(described(tables, way))


def files(profile: JsonObject) -> list[JsonObject]:
    return msgspec.convert(profile["files"], list[dict[str, JsonValue]])


def columns(file: JsonObject) -> dict[str, JsonObject]:
    found = msgspec.convert(file["columns"], list[dict[str, JsonValue]])
    return {str(column["name"]): column for column in found}


@pytest.mark.parametrize("way", ["pandas", "sql"])
async def test_a_profile_has_types_counts_ranges_and_first_rows(shop: Shop, way: Way) -> None:
    shop.file("gaps.csv", "a,b\n1,x\n,y\n3,\n")
    sold, gaps = await profiled(shop, "transactions.csv", "gaps.csv", way=way)
    assert (sold["rows"], sold["column_count"], sold["kind"]) == (100, 4, "csv")
    assert columns(sold)["amount"] == {
        "name": "amount", "type": "DOUBLE", "nulls": 0, "distinct_about": 100, "min": "0.99", "max": "149.49",
    }  # fmt: skip
    assert columns(sold)["day"]["type"] == "DATE"
    assert sold["first_rows"] == [["0", "1", "0.99", "2026-01-01"], ["1", "2", "2.49", "2026-02-02"],
                                  ["2", "3", "3.99", "2026-03-03"]]  # fmt: skip
    assert columns(gaps)["a"]["nulls"] == 1
    assert gaps["first_rows"] == [["1", "x"], [None, "y"], ["3", None]]


async def test_a_profile_says_how_programs_and_queries_find_the_files(shop: Shop) -> None:
    shop.file("semi.csv", "a;day\n1;2026-01-02\n")
    shop.file("lines.jsonl", '{"a": 1}\n')
    shop.file("figures.csv", "1,2\n3,4\n")
    shop.file("german.csv", "code;day\n01234;01.02.2026\n00501;31.12.2025\n")
    names = ("semi.csv", "lines.jsonl", "customers.parquet", "figures.csv", "german.csv")
    assert [file["read"] for file in await profiled(shop, *names)] == [
        """pd.read_csv("/data/semi.csv", sep=';', parse_dates=['day'])""",
        'pd.read_json("/data/lines.jsonl", lines=True)',
        'pd.read_parquet("/data/customers.parquet")',
        """pd.read_csv("/data/figures.csv", header=None, names=['column0', 'column1'])""",
        """pd.read_csv("/data/german.csv", sep=';', parse_dates=['day'], date_format={'day': '%d.%m.%Y'}"""
        """, dtype={'code': 'str'})""",
    ]
    assert [file["table"] for file in await profiled(shop, *names, way="sql")] == [
        "semi",
        "lines",
        "customers",
        "figures",
        "german",
    ]


async def test_what_is_obviously_personal_is_not_told(shop: Shop) -> None:
    shop.file(
        "people.csv",
        "id,EMail,iban,note\n"
        "1,ann@shop.example,DE89370400440532013000,call +49 170 1234567 or bo@shop.example\n"
        "2,bo@shop.example,DE89370400440532013000,card 4111 1111 1111 1111\n"
        "3,cy@shop.example,DE89370400440532013000,ssn 078-05-1120\n",
    )
    (file,) = await profiled(shop, "people.csv")
    told = msgspec.json.encode(file).decode()
    for secret in ("shop.example", "DE8937", "1234567", "4111", "078-05"):
        assert secret not in told
    assert columns(file)["id"]["max"] == "3"


async def test_a_large_file_is_profiled_by_its_beginning(shop: Shop) -> None:
    row = f"7,{'x' * 90}\n"
    path = shop.file("large.csv", "a,b\n" + row * 720_000)
    with path.open("a") as file:
        # Broken, and never seen: nobody reads so far.
        file.write("1,2,3,4,5\n")
    (file,) = await profiled(shop, "large.csv")
    assert isinstance(file["rows"], int)
    assert 700_000 < file["rows"] < 740_000
    assert "an estimate" in str(file["note"])
    assert "first 20,000 rows" in str(file["note"])


async def test_many_columns_and_long_cells_make_no_long_profile(shop: Shop) -> None:
    names = [f"column_{number}_{'n' * 200}" for number in range(900)]
    shop.file("wide.csv", ",".join(names) + "\n" + ",".join("x" * 500 for _ in names) + "\n")
    (file,) = await profiled(shop, "wide.csv")
    assert file["column_count"] == 900
    assert len(msgspec.json.encode(file)) < 20_000
    assert "column_0_nn" in str(file)


async def test_many_wide_files_make_no_long_profile_either(shop: Shop) -> None:
    names = [f"file{number}.csv" for number in range(12)]
    for name in names:
        shop.file(name, ",".join(f"c{number}_{'n' * 60}" for number in range(300)) + "\n" + "1," * 299 + "1\n")
    found = await profiled(shop, *names)
    assert len(found) == 12
    assert len(msgspec.json.encode(found)) < 20_000


@given(some.text(max_size=200))
def test_masking_never_makes_a_value_longer_than_is_shown(text: str) -> None:
    assert len(masked(text)) <= 60


@given(some.emails())
def test_a_mail_address_in_a_sentence_is_never_told(address: str) -> None:
    local = address.partition("@")[0]
    if local.replace(".", "").replace("-", "").isalnum() and len(local) > 3:
        assert address not in masked(f"write to {address} soon")


@pytest.mark.parametrize(
    ("column", "kind", "hidden"),
    [
        ("email", "VARCHAR", True),
        ("customerEmail", "VARCHAR", True),
        ("Phone Number", "VARCHAR", True),
        ("date_of_birth", "DATE", True),
        ("card_number", "BIGINT", True),
        ("amount", "DOUBLE", False),
        ("email_count", "BIGINT", False),
        ("addressed", "VARCHAR", False),
        ("product_name", "VARCHAR", False),
        ("number_of_mobile_visits", "BIGINT", False),
    ],
)
def test_columns_about_people_are_known_by_their_names(column: str, kind: str, hidden: bool) -> None:  # noqa: FBT001
    assert personal(column, kind) is hidden
