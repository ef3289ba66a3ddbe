"""Cases: the calls that a contract calls right, and those that it calls wrong, each for one reason."""

import copy
from collections.abc import Iterator, Sequence

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.fitting import Fitting, value_of
from remit.tools.checking.generating import KNOWN, Generator, drawn, plain
from remit.tools.checking.mutations import wrong_values
from remit.tools.checking.report import Phase
from remit.tools.checking.schemas import Path, Place, Schema, kinds, listed, members

STRANGE = "no_such_argument"

_LONGEST = 100_000
"""Characters, or items of a list, up to which a bound is tried."""
_MOST_VALUES = 60


class Case(msgspec.Struct, frozen=True):
    """One call, and what is special about it."""

    phase: Phase
    args: JsonObject
    path: Path = ()
    """The one argument in which it differs from the minimal call."""
    what: str = ""
    """What is the matter with that argument."""


class Cases:
    """All calls for one schema, the same for the same seed."""

    def __init__(self, schema: JsonObject, seed: int, examples: Sequence[JsonObject] = ()) -> None:
        """Take the schema of the arguments, and arguments that are known to work; raise `ConfigError` for no schema."""
        self._fitting = Fitting(schema)
        exemplified = _with_examples(Schema(schema), schema, examples)
        self._schema, self._seed = Schema(exemplified), seed
        self._made = Generator(self._schema, seed)
        self.places = self._schema.places()
        self._by_path = {place.path: place for place in self.places}
        self._examples = examples
        self.minimal = self._minimal()

    def fits(self, args: JsonObject) -> bool:
        """Say whether the schema calls these arguments right."""
        return self._fitting.fits(args)

    # -- right ones ------------------------------------------------------------------------------------------------

    def valid(self, samples: int) -> Iterator[Case]:
        """Give the calls that must be taken; none when nothing was found that fits."""
        if self.minimal is None:
            return
        tried: set[bytes] = set()
        for case in self._valid(self.minimal, samples):
            key = msgspec.json.encode(case.args, order="sorted")
            if key not in tried and self.fits(case.args):
                tried.add(key)
                yield case

    def _valid(self, base: JsonObject, samples: int) -> Iterator[Case]:
        for example in self._examples:
            args = laid(base, example)
            if args != base:
                yield Case("examples", args, what="an example")
        yield Case("minimal", base, what="only what is required")
        for place in self.places:
            if not place.required and not isinstance(place.path[-1], int):
                yield from self._one("optional", base, place, self._made.minimal(place.node), "")
        for place in self.places:
            for value in self._values(place.node):
                yield from self._one("values", base, place, value, value_of(value))
        root = self._schema.open(self._schema.root)
        fits = self._fitting.fits
        for args in drawn(self._made.values(root), samples, self._seed, fits):
            if isinstance(args, dict):
                yield Case("random", args, what="random")

    def _one(self, phase: Phase, base: JsonObject, place: Place, value: JsonValue, what: str) -> Iterator[Case]:
        args = self._with(base, place.path, value)
        if args is not None:
            yield Case(phase, args, place.path, what)

    def _values(self, node: JsonObject) -> Iterator[JsonValue]:
        yield from listed(node, "enum")[:_MOST_VALUES]
        if "null" in kinds(node) and len(kinds(node)) < 6 and "enum" not in node:
            yield None
        forms = self._schema.forms(node)
        if len(forms) > 1:
            yield from (self._made.minimal(form) for form in forms)
        if KNOWN not in node:
            yield from self._bounds(self._schema.first(node))

    def _bounds(self, node: JsonObject) -> Iterator[JsonValue]:
        for keyword in ("minimum", "maximum"):
            if keyword in node:
                yield node[keyword]
        for keyword, step in (("exclusiveMinimum", 1), ("exclusiveMaximum", -1)):
            bound = node.get(keyword)
            if isinstance(bound, (int, float)):
                yield bound + step
        for keyword in ("minLength", "maxLength"):
            length = _length(node, keyword)
            if length is not None:
                yield self._text(node, length)
        for keyword in ("minItems", "maxItems"):
            length = _length(node, keyword)
            if length is not None:
                yield self._list(node, length)

    def _text(self, node: JsonObject, length: int) -> JsonValue:
        if "pattern" not in node and "format" not in node:
            return plain(length, length)
        exactly: JsonObject = {**node, "minLength": length, "maxLength": length}
        found = drawn(self._made.values(exactly), 1, self._seed, lambda value: len(str(value)) == length)
        return found[0] if found else plain(length, length)

    def _list(self, node: JsonObject, length: int) -> JsonValue:
        rest = {key: value for key, value in node.items() if key != "examples"}
        return self._made.minimal({**rest, "minItems": length, "maxItems": length})

    # -- wrong ones ------------------------------------------------------------------------------------------------

    def invalid(self) -> Iterator[Case]:
        """Give the calls that must be refused, each wrong in one argument."""
        if self.minimal is None:
            return
        tried: set[bytes] = set()
        for case in self._invalid(self.minimal):
            key = msgspec.json.encode(case.args, order="sorted")
            if key not in tried and not self.fits(case.args):
                tried.add(key)
                yield case

    def _invalid(self, base: JsonObject) -> Iterator[Case]:
        if self._is_closed(self._schema.open(self._schema.root)):
            yield Case("invalid", {**base, STRANGE: 1}, (STRANGE,), "is an argument that there is not")
        for place in self.places:
            if place.required:
                args = _without(self._with(base, place.path, self._made.minimal(place.node)), place.path)
                if args is not None:
                    yield Case("invalid", args, place.path, "is missing")
            if self._is_closed(place.node):
                inner = self._with(base, (*place.path, STRANGE), 1)
                if inner is not None:
                    yield Case("invalid", inner, (*place.path, STRANGE), "is an argument that there is not")
            for value in wrong_values(self._schema.first(place.node), self._made):
                yield from self._one("invalid", base, place, value, f"is {value_of(value)}")

    def _is_closed(self, node: JsonObject) -> bool:
        form = self._schema.first(node)
        return False in (form.get("additionalProperties"), form.get("unevaluatedProperties"))

    def named(self, case: Case) -> list[str]:
        """List what a refusal of a wrong call may name: the argument, or what holds it where it has several forms."""
        names = [part for part in case.path if isinstance(part, str)]
        place = self._by_path.get(case.path) or self._by_path.get(case.path[:-1])
        return names[::-1] if place is not None and place.united else names[-1:]

    # -- putting together ------------------------------------------------------------------------------------------

    def _minimal(self) -> JsonObject | None:
        root = self._schema.open(self._schema.root)
        plainest = self._made.minimal(root)
        if isinstance(plainest, dict) and self.fits(plainest):
            return plainest
        for optional in (False, True):
            for found in drawn(self._made.values(root, optional=optional), 1, self._seed, self._fitting.fits):
                if isinstance(found, dict):
                    return found
        return None

    def _with(self, base: JsonObject, path: Path, value: JsonValue) -> JsonObject | None:
        """Give the arguments with one more value, and with what must stand around it."""
        args = copy.deepcopy(base)
        here: JsonValue = args
        for depth, part in enumerate(path, 1):
            last = depth == len(path)
            place = self._by_path.get(path[:depth])
            if not last and place is None:
                return None
            made = value if last or place is None else self._made.minimal(place.node)
            here = _entered(here, part, made, last=last)
            if here is None and not last:
                return None
        return args


def _entered(here: JsonValue, part: str | int, made: JsonValue, *, last: bool) -> JsonValue:
    """Go into a member of a value, which is made when it is not there; the last one is put there anyway."""
    match here, part:
        case dict(), str():
            if last or part not in here:
                here[part] = copy.deepcopy(made)
            return here[part]
        case list(), int():
            if last or not here:
                here[:] = [copy.deepcopy(made), *here[1:]]
            return here[0]
        case _:
            return None


def _without(args: JsonObject | None, path: Path) -> JsonObject | None:
    here: JsonValue = args
    for part in path[:-1]:
        match here, part:
            case dict(), str():
                here = here.get(part)
            case list(), int():
                here = here[part] if here else None
            case _:
                return None
    if not isinstance(here, dict):
        return None
    here.pop(str(path[-1]), None)
    return args


def _length(node: JsonObject, keyword: str) -> int | None:
    found = node.get(keyword)
    return int(found) if isinstance(found, (int, float)) and found <= _LONGEST else None


def laid(under: JsonObject, over: JsonObject | None) -> JsonObject:
    """Lay arguments over others, objects into objects."""
    result = {**under}
    for name, value in (over or {}).items():
        below = result.get(name)
        result[name] = laid(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _known(node: JsonObject) -> list[JsonValue]:
    return listed(node, "examples") if KNOWN in node else []


def _with_examples(schema: Schema, root: JsonObject, examples: Sequence[JsonObject]) -> JsonObject:
    """Write examples of whole calls into the schema, at the arguments that they are of."""
    result = root
    for example in reversed(examples):
        result = _exemplified(schema, result, example)
    return result


def _exemplified(schema: Schema, node: JsonObject, example: JsonObject) -> JsonObject:
    opened = schema.open(node)
    under = dict(members(opened))
    for name, value in example.items():
        if name not in under:
            continue
        inner = schema.first(schema.open(under[name]))
        if isinstance(value, dict) and members(inner):
            under[name] = _exemplified(schema, inner, value)
        else:
            under[name] = {**inner, "examples": [value, *_known(inner)], KNOWN: True}
    return {**opened, "properties": under}
