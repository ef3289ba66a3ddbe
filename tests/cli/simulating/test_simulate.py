"""`remit simulate`: a load in, a fleet out, and a clear word for what cannot be meant."""

import argparse
import asyncio
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import cast

import msgspec
import pytest

from remit.cli.simulating.simulate import add_arguments, main
from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.telemetry.load import Costs, Load, Room, size

SHIPPED = (files("remit.cli.simulating") / "measured.json").read_bytes()


def simulated(*words: str) -> str:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(words)
    args.out = io.StringIO()
    assert asyncio.run(main(args)) == 0
    return args.out.getvalue()


def planned(*words: str) -> JsonObject:
    told = msgspec.json.decode(simulated(*words, "--json"), type=dict[str, JsonObject])
    return told["plan"]


def test_it_works_out_the_plan_by_the_costs_that_ship() -> None:
    costs = Costs.read(SHIPPED, "measured.json")
    plan = planned("--sessions", "1M", "--steps", "12.5", "--spare", "2", "--price", "0.15/0.60")
    expected = size(Load(sessions=1e6, steps=12.5), costs, Room(spare=2), (0.15, 0.6))
    assert plan == msgspec.to_builtins(expected)


def test_it_tells_people_what_when_and_by_which_measurement() -> None:
    told = simulated("--sessions", "50k")
    costs = Costs.read(SHIPPED, "measured.json")
    for part in ("cells\t", "workers\t", "disk\t", "give --price to know", costs.measured, costs.machine):
        assert part in told


def test_costs_of_another_machine_can_be_given(tmp_path: Path) -> None:
    dear = msgspec.structs.replace(Costs.read(SHIPPED, "f"), worker_us_step=50_000.0)
    (tmp_path / "mine.json").write_bytes(msgspec.json.encode(dear))
    mine = planned("--sessions", "1M", "--measured", str(tmp_path / "mine.json"))
    assert cast("int", mine["workers"]) > cast("int", planned("--sessions", "1M")["workers"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--steps", "0"), "one step"),
        (("--waiting-share", "2"), "between 0 and 1"),
        (("--busy", "1.2"), "less than 1"),
        (("--spare", "0.5"), "--spare is a whole number"),
        (("--replicas", "1.5"), "--replicas is a whole number"),
        (("--price", "cheap"), "is no price"),
        (("--price", "1/2/3"), "is no price"),
        (("--wait-ms", "0"), "'wait ms'"),
        (("--measured", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: Sequence[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        simulated("--sessions", "1M", *words)


@pytest.mark.parametrize("words", [(), ("--sessions", "many"), ("--sessions", "-5"), ("--sessions", "1e"),
                                   ("--sessions", "nan")])  # fmt: skip
def test_a_command_line_without_a_load_is_wrong(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        simulated(*words)
    assert end.value.code == 2
    assert "--sessions" in capsys.readouterr().err
