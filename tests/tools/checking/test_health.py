"""Health: what was found last is read back, whatever became of the file."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.tools.checking.test_junit import report

from remit.core.errors import ConfigError
from remit.tools.checking import keep, last_checks
from remit.tools.checking.report import Latency, latency


def test_the_last_check_of_each_tool_is_given(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "tool-checks.jsonl"
    assert last_checks(file) == {}
    first = report()
    keep(first, file)
    keep(replace(first, tools=first.tools[:1], at=first.at + 5), file)
    with file.open("ab") as cut:
        cut.write(b'{"tool": "one", "at": 1\n[]\n')
    found = last_checks(file)
    assert set(found) == {"one", "two", "three"}
    assert (found["one"].at, found["two"].at) == (first.at + 5, first.at)
    one = found["one"]
    assert (one.status, one.calls, one.ok, one.breaches, one.error_rate) == ("breach", 3, 1, 2, 0.0)
    assert (one.p50_ms, one.p95_ms, one.max_ms, one.seconds, one.seed, one.contract) == (1.0, 2.0, 3.0, 1.5, 7, "d1")
    assert len(file.read_bytes().splitlines()) == 6


def test_a_place_that_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        keep(report(), tmp_path / "file" / "checks")
    with pytest.raises(ConfigError, match="cannot be read"):
        last_checks(tmp_path)


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    assert latency([]) == Latency()
    assert latency([0.001]) == Latency(1.0, 1.0, 1.0)
    assert latency([number / 1000 for number in range(1, 101)]) == Latency(50.0, 95.0, 100.0)
