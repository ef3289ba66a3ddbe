"""`remit sandbox attack`: the table a person reads, the one that is kept, and a status that tells."""

import io
import os
import re
import subprocess

import pytest
from tests.cli.bench import Bench
from tests.cli.shelves import rows

from remit.cli.sandbox.table import Column, markdown, say, told
from remit.cli.screen import Screen
from remit.core.programs import TIERS, Capabilities
from remit.sandbox.choosing import standard
from remit.testing.sandboxes import ATTACKS, Attacked

SOME = ("--only", "environment")
COUNT = sum("environment" in attack.name for attack in ATTACKS)


@pytest.fixture
def interpreter() -> None:
    """Skip where the weakest tier is not installed."""
    known = standard().sandboxes[0].capabilities()
    if not known.available:
        pytest.skip("; ".join(known.missing))


def column(*attacked: Attacked) -> Column:
    """Have something come of attacks on the native tier."""
    return Column(Capabilities(tier="native", available=True, level="full"), attacked)


HELD = Attacked("read", "blocked", "error: no")
OPEN = Attacked("write", "breached", "something outside was reached")
MEANT = Attacked("start a program", "breached", "it came to its end", "programs may be started, and end with the box")
VOID = Attacked("link", "not applicable", "it has no files")


@pytest.mark.usefixtures("interpreter")
def test_a_tier_that_holds_is_told_with_status_0(bench: Bench) -> None:
    said = bench("sandbox", "attack", "interpreter", *SOME, "--json")
    assert said.status == 0
    (tier,) = rows(said.json["tiers"])
    assert (tier["tier"], tier["unexpected"], said.json["not_available"]) == ("interpreter", 0, {})
    assert [row["verdict"] for row in rows(tier["attacks"])] == ["blocked"] * COUNT
    plain = bench("sandbox", "attack", "interpreter", *SOME)
    assert [line.split("\t")[:3:2] for line in plain.out.splitlines()] == [["interpreter", "blocked"]] * COUNT
    assert f"interpreter (full): {COUNT} blocked, 0 breached of {COUNT}" in plain.err


def test_where_nothing_is_held_it_warns_and_fails(bench: Bench) -> None:
    said = bench("sandbox", "attack", "none", "--only", "host")
    assert said.status == 1
    assert "holds nothing" in said.err
    assert "BREACHED none: read a file of the host: the secret came out" in said.err
    told = bench("sandbox", "attack", "none", "--only", "read a file of the host", "--json")
    assert (told.status, rows(told.json["tiers"])[0]["unexpected"]) == (1, 1)


@pytest.mark.usefixtures("interpreter")
def test_markdown_is_the_same_each_time_and_nothing_else(bench: Bench) -> None:
    first = bench("sandbox", "attack", "interpreter", "none", *SOME, "--markdown")
    again = bench("sandbox", "attack", "none", "interpreter", *SOME, "--markdown")
    assert (first.status, first.out) == (1, again.out)
    lines = first.out.splitlines()
    assert lines[:3] == [
        "| attack | none | interpreter |",
        "| --- | --- | --- |",
        "| read the environment | **breached** | blocked |",
    ]
    assert lines[-2:] == [
        f"- none: 0 blocked, {COUNT} breached of {COUNT}",
        f"- interpreter: {COUNT} blocked, 0 breached of {COUNT}",
    ]


def test_exceptions_are_named_with_the_reason_and_do_not_count_as_breaches() -> None:
    known = column(HELD, MEANT, VOID)
    assert known.unexpected() == ()
    assert known.summary() == "1 blocked, 1 let through on purpose, 1 not applicable, 0 breached of 3"
    assert markdown([known]).splitlines() == [
        "| attack | native |",
        "| --- | --- |",
        "| read | blocked |",
        "| start a program | let through on purpose |",
        "| link | not applicable |",
        "",
        "- native: 1 blocked, 1 let through on purpose, 1 not applicable, 0 breached of 3",
        "",
        "Let through on purpose:",
        "",
        "- native, start a program: programs may be started, and end with the box",
    ]
    assert column(HELD, OPEN, MEANT).unexpected() == (OPEN,)
    (tier,) = rows(told([column(OPEN)], [])["tiers"])
    assert tier["unexpected"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("docker",), "no tier is named 'docker'; there are: none, interpreter"),
        (("none", "--only", "tea"), "no attack has 'tea' in its name"),
    ],
)
def test_what_there_is_not_is_refused(bench: Bench, words: tuple[str, ...], says: str) -> None:
    said = bench("sandbox", "attack", *words)
    assert said.status == 2
    assert says in said.err


def test_a_tier_that_is_not_available_says_why(bench: Bench) -> None:
    absent = [each.capabilities() for each in standard().sandboxes]
    names = [known.tier for known in absent if not known.available]
    if not names:
        pytest.skip("every tier is available here")
    said = bench("sandbox", "attack", names[0], *SOME)
    assert said.status == 2
    assert f"not available on this machine:\n  {names[0]}: " in said.err


@pytest.mark.usefixtures("interpreter")
def test_the_table_fits_into_80_columns(bench: Bench) -> None:
    shown = terminal(bench, "sandbox", "attack", "none", "interpreter", *SOME)
    head, *lines = shown.splitlines()
    assert head.split() == ["attack", "none", "interpreter"]
    assert lines[0].split() == ["read", "the", "environment", "OUT", "ok"]
    assert max(map(len, lines)) <= 80


def test_six_tiers_fit_too_because_their_heads_are_numbers() -> None:
    names = sorted((attack.name for attack in ATTACKS), key=len)[-9:]
    attacked = tuple(Attacked(name, "breached", "it came to its end") for name in names)
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as end:
        columns = [Column(Capabilities(tier=tier, available=True), attacked) for tier in TIERS[1:]]
        say(Screen(out=end, err=io.StringIO()), columns, [])
    head, *lines = re.sub("\x1b[^m]*m", "", os.read(ours, 100_000).decode()).splitlines()
    os.close(ours)
    assert head.split() == ["attack", "1", "2", "3", "4", "5", "6"]
    assert [line.split()[-6:] for line in lines if line] == [["OUT"] * 6] * 9
    assert max(map(len, lines)) <= 80


def terminal(bench: Bench, *words: str) -> str:
    """Run a command with its output on a terminal of the usual 80 columns."""
    ours, theirs = os.openpty()
    with bench.start(*words, out=theirs, err=subprocess.DEVNULL) as process:
        process.communicate(timeout=60)
    os.close(theirs)
    shown = re.sub("\x1b[^m]*m", "", os.read(ours, 100_000).decode())
    os.close(ours)
    return shown
