"""`remit sandbox prepare`: what tiers need is there before a program wants it."""

from tests.cli.bench import Bench


def test_a_tier_that_needs_nothing_says_so(bench: Bench) -> None:
    said = bench("sandbox", "prepare", "interpreter", "native")
    assert (said.status, said.err) == (0, "")
    assert [line.split(maxsplit=1) for line in said.out.splitlines()] == [
        ["interpreter", "needs nothing"],
        ["native", "needs nothing"],
    ]


def test_what_was_prepared_is_told_as_json(bench: Bench) -> None:
    told = bench("sandbox", "prepare", "interpreter", "--json")
    assert (told.status, told.json["tiers"]) == (0, {"interpreter": "needs nothing"})


def test_the_interpreter_in_webassembly_is_built_once(bench: Bench) -> None:
    said = bench("sandbox", "prepare", "wasm")
    assert (said.status, said.out.split()) == (0, ["wasm", "ready"])


def test_a_tier_that_there_is_not_is_refused(bench: Bench) -> None:
    said = bench("sandbox", "prepare", "docker")
    assert said.status == 2
    assert "'docker'" in said.err
