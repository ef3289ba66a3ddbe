"""Policies: what is written in `.cedar` files, checked one by one against what the tools are."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from remit.policy.cedar import engine
from remit.policy.cedar.schema import Offer, schema_for
from remit.policy.cedar.source import Piece, Problem, pieces
from remit.policy.order import APPROVAL_SECONDS

_ANNOTATIONS = ("ask", "escalate", "expires", "id", "note", "persons", "reason")
_OF_ASKING = {
    "expires": "says how long a question stands",
    "persons": "says how many people are asked",
    "escalate": "says when more people are told",
}
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PERSONS = re.compile(r"[1-9]\d?")
_AGE = re.compile(r"(?:\d+[dhms])+")
_PREFIX = re.compile(r"^for policy `policy\d+`, ")
_PROBE = " when { context.__never };"
"""Added to a policy it is a type error, which Cedar's checker passes over only where it knows the rest to be false."""

_HINTS = (
    (
        "unable to find an applicable action",
        "no tool fits its scope, so it could never apply; take it away or widen it",
    ),
    ("unable to guarantee safety", "it may be missing: test it first, as in `resource.args has NAME && ...`"),
    (
        "not found",
        "`remit policy schema` lists what there is; to speak of one tool's arguments, name it in `action ==`",
    ),
    ("unrecognized entity type", "there are Session, Agent, Tenant and a Call::NAME for each tool"),
    ("", "`remit policy schema` lists what there is and of which type"),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy with its place."""

    id: str
    """From `@id`, or `FILE:LINE`, with `.2` for the second that begins in a line."""
    file: str
    line: int
    text: str
    effect: str
    """`permit` or `forbid`."""
    actions: tuple[str, ...] | None
    """The tools and groups of tools its scope names; `None` when it names none."""
    reason: str = ""
    ask: str = ""
    """Why a person must approve what it permits; empty when nobody must."""
    expires: float = 0.0
    """Seconds until the question lapses; 0 for the default."""
    persons: int = 1
    """How many different people must approve it."""
    escalate: float = 0.0
    """Seconds until more people are told; 0 for never."""

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}"

    def covers(self, offer: Offer) -> bool:
        """Say whether its scope has room for a tool, alone or in a group."""
        return self.actions is None or not set(self.actions).isdisjoint((offer.spec.name, *offer.groups))


def read(text_by_file: Mapping[str, str], offers: Mapping[str, Offer]) -> tuple[list[Policy], list[Problem]]:
    """Read files in the order of their names; give the policies, and all that is wrong with them."""
    policies: list[Policy] = []
    problems: list[Problem] = []
    schema = engine.compiled_schema(schema_for(offers.values()))
    places: Counter[str] = Counter()
    for file, text in sorted(text_by_file.items()):
        for piece in pieces(file, text):
            if isinstance(piece, Problem):
                problems.append(piece)
                continue
            place = f"{piece.file}:{piece.line}"
            places[place] += 1
            policy = _policy(piece, place if places[place] == 1 else f"{place}.{places[place]}")
            problems.extend(_wrong(policy, piece, schema, offers) if isinstance(policy, Policy) else [policy])
            if isinstance(policy, Policy):
                policies.append(policy)
    problems.extend(_twice(policies))
    return policies, problems


def _policy(piece: Piece, unnamed: str) -> Policy | Problem:
    try:
        found = engine.parsed(piece.text)
    except ValueError as error:
        return Problem(piece.file, piece.line, "", f"cannot be read: {error}")
    notes = found.annotations
    name = notes.get("id") or unnamed
    wrong = _misannotated(found)
    if wrong:
        return Problem(piece.file, piece.line, name, wrong)
    return Policy(
        name,
        piece.file,
        piece.line,
        piece.text,
        found.effect,
        found.actions,
        notes.get("reason", ""),
        notes.get("ask", ""),
        _seconds(notes["expires"]) if "expires" in notes else 0.0,
        int(notes.get("persons", "1")),
        _seconds(notes["escalate"]) if "escalate" in notes else 0.0,
    )


def _misannotated(found: engine.Parsed) -> str:
    """Say which annotation would not do what its author thinks; a misspelt `@ask` would be a plain permission."""
    notes = found.annotations
    unknown = [name for name in notes if name not in _ANNOTATIONS]
    if found.slots:
        return "is a template, which holds for nobody; write the principal and resource out"
    if unknown:
        known = ", ".join(f"@{name}" for name in _ANNOTATIONS)
        return f"@{unknown[0]} means nothing here; there are {known}, and @note is for what you like"
    empty = [name for name in ("ask", "id", "reason") if name in notes and not notes[name].strip()]
    if empty:
        return f'@{empty[0]} is empty; write @{empty[0]}("...")'
    return _misasked(found)


def _misasked(found: engine.Parsed) -> str:
    notes = found.annotations
    asks = "ask" in notes
    if asks and found.effect != "permit":
        return "@ask is for permit: what is forbidden is not asked about"
    if not asks:
        idle = next((name for name in _OF_ASKING if name in notes), None)
        return f"@{idle} {_OF_ASKING[idle]}, and nothing is asked; add @ask" if idle else ""
    for name in ("expires", "escalate"):
        if name in notes and not _seconds(notes[name]):
            return f'@{name} is {notes[name]!r}; write a time such as @{name}("2h") or @{name}("1d12h")'
    if "persons" in notes and not _PERSONS.fullmatch(notes["persons"]):
        return f'@persons is {notes["persons"]!r}; write how many people, such as @persons("2")'
    lapse = _seconds(notes["expires"]) if "expires" in notes else APPROVAL_SECONDS
    if "escalate" in notes and _seconds(notes["escalate"]) >= lapse:
        return "@escalate is no earlier than the question lapses; write a shorter time"
    return ""


def _seconds(text: str) -> float:
    """Read a time such as `1d12h`; 0 when it is none."""
    if not _AGE.fullmatch(text):
        return 0.0
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def _wrong(
    policy: Policy, piece: Piece, schema: engine.CompiledSchema, offers: Mapping[str, Offer]
) -> Iterator[Problem]:
    """Say what Cedar's checker finds, or that a policy has no effect whatever is asked."""
    known = {*offers, *(group for offer in offers.values() for group in offer.groups)}
    missing = [name for name in policy.actions or () if name not in known]
    for name in missing:
        yield Problem(
            piece.file, piece.line, policy.id, f'there is no `Action::"{name}"`{_nearest(name, sorted(known))}'
        )
    found = [] if missing else engine.violations(piece.text, schema)
    for text in dict.fromkeys(_PREFIX.sub("", line) for line in found):
        hint = next(hint for start, hint in _HINTS if start in text)
        yield Problem(piece.file, piece.line, policy.id, f"{text}; {hint}")
    if not missing and not found and not engine.violations(piece.text.removesuffix(";") + "\n" + _PROBE, schema):
        text = "its conditions are false for every tool, so it could never apply; take it away or mend it"
        yield Problem(piece.file, piece.line, policy.id, text)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return (
        f"; there are {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}" if known else "; there are no tools"
    )


def _twice(policies: Sequence[Policy]) -> Iterator[Problem]:
    first: dict[str, Policy] = {}
    for policy in policies:
        before = first.setdefault(policy.id, policy)
        if before is not policy:
            text = f"{before.place} has the same @id; give each its own"
            yield Problem(policy.file, policy.line, policy.id, text)
