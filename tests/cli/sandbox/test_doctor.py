"""`remit sandbox doctor`: every tier, what it gives, and why not more."""

from tests.cli.bench import Bench
from tests.cli.shelves import rows

from remit.sandbox import TIERS


def test_every_tier_is_told_weakest_first_and_what_is_absent_says_why(bench: Bench) -> None:
    told = bench("sandbox", "doctor", "--json")
    assert told.status == 0
    tiers = rows(told.json["tiers"])
    assert [row["tier"] for row in tiers] == list(TIERS[1:])
    assert all(row["available"] or row["missing"] for row in tiers)
    said = bench("sandbox", "doctor")
    assert said.status == 0
    for row in tiers:
        mark = "ok" if row["available"] else "absent"
        assert any(line.split()[:2] == [mark, row["tier"]] for line in said.out.splitlines()), said.out
    for row in tiers:
        missing = row["missing"]
        assert isinstance(missing, list)
        assert all(str(why) in said.out for why in missing)


def test_the_status_says_whether_a_policy_can_be_met(bench: Bench) -> None:
    usable = [row["available"] for row in rows(bench("sandbox", "doctor", "--json").json["tiers"])]
    for number, tier in enumerate(TIERS[1:]):
        if tier not in ("interpreter", "microvm"):
            continue
        said = bench("sandbox", "doctor", "--least", tier, "--json")
        met = any(usable[number:])
        assert (said.status, said.json["met"], said.json["least"]) == (0 if met else 1, met, tier)


def test_a_tier_that_there_is_not_is_refused(bench: Bench) -> None:
    said = bench("sandbox", "doctor", "--least", "docker")
    assert said.status == 2
    assert "'bubblewrap'" in said.err
