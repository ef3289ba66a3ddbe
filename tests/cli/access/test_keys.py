"""`remit keys` and `remit audit`."""

from pathlib import Path
from typing import cast

import pytest
from tests.cli.bench import Bench

from remit.cli.access.places import span
from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.server.access import DeniedError, Keys, SqliteAccessStore


async def opens(bench: Bench, text: str) -> str:
    """Say whom a key stands for; nothing when it is no good."""
    store = SqliteAccessStore(bench.folder / "store")
    try:
        key = await Keys(store.keys).open(text)
    except DeniedError:
        return ""
    finally:
        await store.close()
    return f"{key.name} {key.role} {key.tenant}"


def new(bench: Bench, *words: str) -> JsonObject:
    return bench("keys", "new", "--name", "ann", "--json", *words).json


def listed(bench: Bench, *words: str) -> list[JsonObject]:
    return cast("list[JsonObject]", bench("keys", "list", "--json", *words).json["keys"])


def test_a_key_is_shown_alone_and_once(bench: Bench) -> None:
    said = bench("keys", "new", "--name", "ann", "--role", "operator", "--tenant", "acme")
    assert said.status == 0
    text = said.out.strip()
    assert text.startswith("remit_"), "nothing but the key, for a pipe"
    assert "shown only now" in said.err
    assert text not in said.err
    rest = bench("keys", "list").out + bench("audit").out
    assert text.rpartition("_")[2] not in rest
    assert "ann\tacme\toperator" in rest


async def test_the_key_opens_what_was_said(bench: Bench) -> None:
    store = bench.folder / "store"
    from_process = bench.process("keys", "new", "--name", "ann", "--role", "admin", "--store", str(store))
    assert await opens(bench, from_process.out.strip()) == "ann admin default"


def test_keys_end_after_ninety_days_unless_told_otherwise(bench: Bench) -> None:
    key = new(bench)
    assert cast("int", key["expires"]) - cast("int", key["made"]) == 90 * 86_400_000
    assert key["role"] == "viewer"
    assert new(bench, "--expires", "never")["expires"] == 0
    wrong = bench("keys", "new", "--name", "ann", "--expires", "soon")
    assert wrong.status == 2
    assert "'soon' is no time" in wrong.err
    assert len(listed(bench)) == 2


def test_a_rotated_key_says_what_takes_its_place(bench: Bench) -> None:
    old = new(bench, "--tenant", "acme")
    fresh = bench("keys", "rotate", str(old["id"])[:6], "--grace", "12h", "--json").json
    assert (fresh["name"], fresh["tenant"]) == ("ann", "acme")
    assert fresh["key"] != old["key"]
    first, second = listed(bench, "--tenant", "acme")
    assert str(first["state"]).endswith(f"then {fresh['id']}")
    assert second["state"] == "valid"
    again = bench("keys", "rotate", str(old["id"]))
    assert (again.status, "rotated already" in again.err) == (2, True)
    assert bench("keys", "rotate", str(fresh["id"]), "--grace", "never").status == 2


def test_a_revoked_key_is_listed_as_one(bench: Bench) -> None:
    key = new(bench)
    assert bench("keys", "revoke", str(key["id"]), "--json").json["state"] == "revoked"
    assert [one["state"] for one in listed(bench)] == ["revoked"]
    assert bench("keys", "revoke", "zzz").status == 2
    assert bench("keys", "revoke", "").status == 2


def test_whatever_is_done_to_keys_is_in_the_log(bench: Bench) -> None:
    key = str(new(bench, "--tenant", "acme")["id"])
    fresh = str(bench("keys", "rotate", key, "--json").json["id"])
    bench("keys", "revoke", fresh)
    lines = bench("audit", "--json").lines
    assert [str(one["what"]).partition(" ")[2].partition(":")[0] for one in lines] == ["new", "rotate", "revoke"]
    assert {(one["how"], one["tenant"], one["allowed"]) for one in lines} == {("local", "acme", True)}
    assert [one["seq"] for one in bench("audit", "--json", "--after", "1", "--limit", "1").lines] == [2]
    assert bench("audit", "--json", "--refused").lines == []
    assert bench("audit", "--json", "--tenant", "other").lines == []
    assert f"keys revoke: {fresh} of ann" in bench("audit").out
    assert bench("audit", "--limit", "0").status == 2


@pytest.mark.parametrize("words", [("keys", "list"), ("keys", "revoke", "a"), ("audit",)])
def test_where_no_key_was_made_nothing_is_made_by_looking(bench: Bench, words: tuple[str, ...]) -> None:
    said = bench(*words)
    assert (said.status, "make a key with `remit keys new`" in said.err) == (2, True)
    assert not exists(bench.folder / "store")


def exists(path: Path) -> bool:
    return path.exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600), ("never", 0)],
)
def test_times_are_read(text: str, seconds: int) -> None:
    assert span(text) == seconds * 1000


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1y", "d", "1.5h", "9999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        span(text)
