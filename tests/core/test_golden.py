"""Old events load for ever. A golden file is never edited: a new field or kind adds one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from inline_snapshot import snapshot
from tests.core.samples import KINDS, SAMPLES

from remit.core import events as ev
from remit.core.state import State
from remit.core.values import usd

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted((GOLDEN / "events").glob("*.json"))


class Golden(msgspec.Struct):
    """The bytes of a batch of one event as some version wrote it, and what is in it."""

    kind: str
    body: str
    """Hex."""
    fields: dict[str, Any]


def read(path: Path) -> Golden:
    return msgspec.json.decode(path.read_bytes(), type=Golden)


def named(event: ev.Event) -> dict[str, Any]:
    """Lay an event open as plain JSON, by the names of its fields all the way down."""
    return msgspec.json.decode(msgspec.json.encode(_open(event)))


def _open(value: Any) -> Any:
    match value:
        case msgspec.Struct():
            return {name: _open(getattr(value, name)) for name in value.__struct_fields__}
        case tuple() | list():
            items = cast("Sequence[Any]", value)
            return [_open(item) for item in items]
        case _:
            return value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_event_of_any_version_still_says_what_it_said(path: Path) -> None:
    golden = read(path)
    (event,) = ev.decode(bytes.fromhex(golden.body))
    assert ev.kind(event) == golden.kind == path.name.split(".")[0]
    assert _known(named(event), golden.fields) == golden.fields


def _known(now: Any, then: Any) -> Any:
    """Leave out what was added since, at any depth."""
    match now, then:
        case dict(), dict():
            ours, theirs = cast("dict[str, Any]", now), cast("dict[str, Any]", then)
            return {name: _known(value, theirs[name]) for name, value in ours.items() if name in theirs}
        case list(), list():
            pairs = zip(cast("list[Any]", now), cast("list[Any]", then), strict=True)
            return [_known(*pair) for pair in pairs]
        case _:
            return now


def test_every_kind_has_a_golden_file() -> None:
    assert {kind.__name__ for kind in KINDS} == {path.name.split(".")[0] for path in FILES}
    assert {type(event) for event in SAMPLES} == set(KINDS)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_the_newest_golden_file_of_a_kind_has_all_its_fields(event: ev.Event) -> None:
    name = ev.kind(event)
    newest = max((path for path in FILES if path.name.startswith(f"{name}.")), key=_version)
    assert read(newest).fields == named(event)
    assert read(newest).body == ev.encode([event]).hex()


def _version(path: Path) -> int:
    return int(path.suffixes[0].removeprefix(".v"))


def test_no_two_kinds_share_a_number() -> None:
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert sorted(tags, key=str) == sorted(range(1, len(tags) + 1), key=str)


class Line(msgspec.Struct):
    """A record of a golden journal."""

    seq: int
    at: int
    body: str


def journal(name: str) -> list[ev.Event]:
    lines = (GOLDEN / "journals" / name).read_bytes().splitlines()
    return [event for line in lines for event in ev.decode(bytes.fromhex(msgspec.json.decode(line, type=Line).body))]


def test_a_golden_journal_folds_into_what_it_was() -> None:
    events = journal("approved-refund.jsonl")
    assert [ev.kind(event) for event in events] == snapshot(
        [
            "SessionOpened",
            "MessageReceived",
            "RunOpened",
            "ModelAsked",
            "ModelAnswered",
            "EffectStarted",
            "EffectEnded",
            "ModelAsked",
            "ModelAnswered",
            "Judged",
            "ApprovalAsked",
            "RunSuspended",
            "ApprovalGiven",
            "RunResumed",
            "EffectStarted",
            "EffectEnded",
            "ModelAsked",
            "ModelAnswered",
            "RunEnded",
        ]
    )
    state = State.fold(events)
    assert state.last is not None
    assert (state.last.status, state.last.output, usd(state.spent)) == snapshot(("done", "Refunded.", 0.0142))
    assert len(state.threads[""]) == snapshot(6)
