"""Differences: two contracts of a tool compared by rules, each of which has an id."""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from remit.core.toolspec import EffectClass
from remit.core.values import show_usd
from remit.tools.contracts.changes import Change
from remit.tools.contracts.contract import Contract
from remit.tools.contracts.schemas import answers, arguments
from remit.tools.contracts.suspicion import suspicions

_PROMISE: dict[EffectClass, str] = {
    "read": "changes nothing",
    "idempotent": "may be repeated with the same key",
    "once": "must not be repeated",
}
_ORDER = {"suspicious": 0, "breaking": 1, "compatible": 2}


def differences(old: Contract, new: Contract, *, known: Collection[str] = ()) -> tuple[Change, ...]:
    """Say what changed from a reviewed contract to one of now, the worst first; `known` are names of other tools."""
    if same(old, new):
        return ()
    found = [
        *_words(old, new, known),
        *arguments(old.schema, new.schema),
        *answers(old.output, new.output),
        *_promises(old, new),
        *_keepers(old, new),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda change: _ORDER[change.kind]))


def same(one: Contract, other: Contract) -> bool:
    """Say whether two contracts are the same, letter by letter: to Python 1 is `true`, to a caller it is not."""
    return one == other and msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def review(contract: Contract, known: Collection[str] = ()) -> tuple[Change, ...]:
    """Say what is suspicious in a contract that nobody has reviewed; `known` are names of other tools."""
    return tuple(_suspect(contract.said(), _others(contract, known)))


def _others(contract: Contract, known: Collection[str]) -> frozenset[str]:
    return frozenset(known) - {contract.name}


def _suspect(texts: Iterable[tuple[str, str]], known: Collection[str]) -> Iterator[Change]:
    for where, text in texts:
        reasons = suspicions(text, known=known)
        if reasons:
            yield Change("suspicious", where, "; ".join(reasons), "instructions")


def _words(old: Contract, new: Contract, known: Collection[str]) -> Iterator[Change]:
    before = set(old.said())
    found = list(_suspect([said for said in new.said() if said not in before], _others(new, known)))
    yield from found
    suspect = {change.where for change in found}
    # A default is compared where arguments are: it is more than words.
    then, now = (
        {where: text for where, text in contract.words() if not where.endswith(".default")} for contract in (old, new)
    )
    for where in sorted({where for where, _ in then.items() ^ now.items()} - suspect):
        what = "is new" if where not in then else "says it in other words" if where in now else "was removed"
        yield Change("compatible", where, f"{what}; nobody has reviewed that", "prose")


def _promises(old: Contract, new: Contract) -> Iterator[Change]:
    if old.name != new.name:
        yield Change("breaking", "name", f"was {old.name!r}, is {new.name!r}", "name")
    if old.effect != new.effect:
        what = f"was {old.effect!r}, is {new.effect!r}: {_direction(old.effect, new.effect)}"
        yield Change("breaking", "effect", what, "effect")
    if old.price != new.price:
        dearer = new.price > old.price
        what = f"went {'up' if dearer else 'down'} from {show_usd(old.price)} to {show_usd(new.price)}"
        yield Change("breaking" if dearer else "compatible", "price", what, "price-up" if dearer else "price-down")
    if old.dangerous != new.dangerous:
        what = (
            "is now set: agents without a permission that names the tool are denied"
            if new.dangerous
            else "is no longer set: agents may call it without a permission that names it"
        )
        yield Change("breaking", "dangerous", what, "dangerous")
    for label in old.labels:
        if label not in new.labels:
            what = f"{label!r} was taken off: policies about what is {label} no longer cover its answers"
            yield Change("breaking", "labels", what, "label-gone")
    for label in new.labels:
        if label not in old.labels:
            yield Change("compatible", "labels", f"{label!r} was added", "label-new")


def _direction(old: EffectClass, new: EffectClass) -> str:
    order: list[EffectClass] = ["read", "idempotent", "once"]
    if order.index(new) < order.index(old):
        return f"after a crash it would be called again, and it was reviewed as one that {_PROMISE[old]}"
    return f"it was reviewed as one that {_PROMISE[old]}, and now it {_PROMISE[new]}"


def _keepers(old: Contract, new: Contract) -> Iterator[Change]:
    if old.source != new.source:
        what = f"was {old.source!r}, is {new.source!r}: another one answers to this name"
        yield Change("breaking", "source", what, "source")
    for host in sorted({*new.hosts} - {*old.hosts}):
        what = f"{host!r} is new: what is sent with a call, credentials too, would go where nobody reviewed it"
        yield Change("breaking", "hosts", what, "host-new")
    for host in sorted({*old.hosts} - {*new.hosts}):
        yield Change("compatible", "hosts", f"{host!r} is no longer called", "host-gone")
    for where, before, after in (("owner", old.owner, new.owner), ("version", old.version, new.version)):
        if before != after:
            yield Change("compatible", where, f"was {before!r}, is {after!r}", where)
    if old.deprecated != new.deprecated:
        what = f"is now {new.deprecated!r}" if new.deprecated else "is no longer set"
        yield Change("compatible", "deprecated", what, "deprecated")
