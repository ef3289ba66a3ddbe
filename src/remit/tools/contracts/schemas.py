"""Schemas of arguments and answers compared: what callers send is still taken, and what they are given still does."""

import re
from collections.abc import Iterator

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.changes import Change
from remit.tools.contracts.fields import Field, TooLargeError, defaults, fields, renamed
from remit.tools.contracts.inclusion import Finding, beyond
from remit.tools.contracts.inclusion.values import key, shown
from remit.tools.contracts.prose import without_prose

_INNER = re.compile(r"[.\[]")


def arguments(old: JsonObject, new: JsonObject) -> list[Change]:
    """Say what changed in what a tool takes."""
    if key(without_prose(old)) == key(without_prose(new)):
        return []
    try:
        before, after = fields(old, "arguments"), fields(new, "arguments")
    except TooLargeError:
        what = "cannot be shown to accept what it accepted (a schema too large to compare)"
        return [Change("breaking", "arguments", what, "argument-unproved")]
    gone, came = _only(before, after), _only(after, before)
    narrowed = [finding.at("arguments") for finding in beyond(old, new, "arguments")]
    breaking = [*_removed(gone, came, "argument"), *_narrowed(narrowed, gone), *_defaults(old, new, gone)]
    required = {change.where for change in breaking}
    found = [*breaking, *_added(came, required, "argument"), *_widened(old, new, {*gone, *came}, narrowed)]
    return sorted(found, key=_place) or _rewritten("arguments")


def answers(old: JsonObject | None, new: JsonObject | None) -> list[Change]:
    """Say what changed in what a tool answers."""
    if old is None or new is None:
        return [] if old is new else [_promise(new)]
    if key(without_prose(old)) == key(without_prose(new)):
        return []
    try:
        before, after = fields(old, "answer"), fields(new, "answer")
    except TooLargeError:
        what = "cannot be shown to keep what it promised (a schema too large to compare)"
        return [Change("breaking", "answer", what, "answer-unproved")]
    gone, came = _only(before, after), _only(after, before)
    loose = [finding.at("answer") for finding in beyond(new, old, "answer")]
    breaking = [*_removed(gone, came, "answer"), *_loosened(loose, gone)]
    known = {change.where for change in breaking}
    found = [*breaking, *_added(came, known, "answer"), *_tightened(old, new, {*gone, *came}, loose)]
    return sorted(found, key=_place) or _rewritten("answer")


def _place(change: Change) -> str:
    return change.where


def _rewritten(where: str) -> list[Change]:
    return [Change("compatible", where, "says the same in another form", "rewritten")]


def _promise(new: JsonObject | None) -> Change:
    if new is None:
        return Change("breaking", "answer", "is no longer described", "answer-undescribed")
    return Change("compatible", "answer", "is now described", "answer-described")


def _only(these: dict[str, Field], those: dict[str, Field]) -> dict[str, Field]:
    """Give the fields that only one side has, without those inside of such a field."""
    only = {place: field for place, field in these.items() if place not in those}
    return {place: field for place, field in only.items() if not _within(field.parent, only)}


def _within(place: str, places: dict[str, Field] | set[str]) -> bool:
    return place in places or any(place[: mark.start()] in places for mark in _INNER.finditer(place))


def _removed(gone: dict[str, Field], came: dict[str, Field], what: str) -> Iterator[Change]:
    for place, field in gone.items():
        other = renamed(field, came, len(gone))
        hint = f"; perhaps renamed to {other}" if other else ""
        yield Change("breaking", place, f"was removed{hint}", f"{what}-removed")


def _added(came: dict[str, Field], known: set[str], what: str) -> Iterator[Change]:
    kind = "is new and optional" if what == "argument" else "is new"
    return (Change("compatible", place, kind, f"{what}-added") for place in came if place not in known)


# -- what breaks -------------------------------------------------------------------------------------------------------


def _narrowed(findings: list[Finding], gone: dict[str, Field]) -> Iterator[Change]:
    for finding in findings:
        if not _within(finding.where, gone):
            yield Change("breaking", finding.where, _refuses(finding), f"argument-{finding.topic}")


def _refuses(finding: Finding) -> str:
    match finding.topic:
        case "required":
            return "is now required"
        case "unproved":
            return f"cannot be shown to accept what it accepted ({finding.extra})"
        case _:
            return f"no longer accepts {finding.extra}"


def _loosened(findings: list[Finding], gone: dict[str, Field]) -> Iterator[Change]:
    for finding in findings:
        if not _within(finding.where, gone):
            yield Change("breaking", finding.where, _surprises(finding), f"answer-{finding.topic}")


def _surprises(finding: Finding) -> str:
    match finding.topic:
        case "required":
            return "is no longer always there"
        case "unproved":
            return f"cannot be shown to keep what it promised ({finding.extra})"
        case _:
            return f"may now be {finding.extra}"


def _defaults(old: JsonObject, new: JsonObject, gone: dict[str, Field]) -> Iterator[Change]:
    before, after = dict(defaults(old, "arguments")), dict(defaults(new, "arguments"))
    for place, value in before.items():
        if place not in after and not _within(place, gone):
            yield Change("breaking", place, f"has no default any more; it was {shown(value)}", "argument-default")
        elif place in after and key(after[place]) != key(value):
            what = f"was {shown(value)} when left out, is {shown(after[place])}"
            yield Change("breaking", place, what, "argument-default")


# -- what does not -----------------------------------------------------------------------------------------------------


def _widened(old: JsonObject, new: JsonObject, fresh: set[str], narrowed: list[Finding]) -> Iterator[Change]:
    for finding in _other_way(new, old, "arguments", fresh, narrowed):
        match finding.topic:
            case "required":
                what = "is no longer required"
            case "unproved":
                what = f"may accept more than before ({finding.extra})"
            case _:
                what = f"now also accepts {finding.extra}"
        yield Change("compatible", finding.where, what, "argument-widened")


def _tightened(old: JsonObject, new: JsonObject, fresh: set[str], loose: list[Finding]) -> Iterator[Change]:
    for finding in _other_way(old, new, "answer", fresh, loose):
        match finding.topic:
            case "required":
                what = "is now always there"
            case "unproved":
                what = f"may promise more than before ({finding.extra})"
            case "closed":
                what = f"no longer has {finding.extra}"
            case _:
                what = f"is no longer {finding.extra}"
        yield Change("compatible", finding.where, what, "answer-narrowed")


def _other_way(
    wide: JsonValue, narrow: JsonValue, where: str, fresh: set[str], known: list[Finding]
) -> Iterator[Finding]:
    """Give what is beyond the other way round, without what was said already."""
    said = {finding.where for finding in known}
    for finding in beyond(wide, narrow, "arguments" if where == "arguments" else "strict"):
        placed = finding.at(where)
        if not _within(placed.where, fresh) and not (finding.topic == "unproved" and placed.where in said):
            yield placed
