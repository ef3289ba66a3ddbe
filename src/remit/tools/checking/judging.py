"""Judging: what an ending says of a contract. It names the argument, or the place in the answer, that is to blame."""

import re
from collections.abc import Iterator

import msgspec

from remit.core.errors import ConfigError
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.calling import End, Ended, legible
from remit.tools.checking.cases import STRANGE, Case, Cases
from remit.tools.checking.fitting import Fitting, places_text, unlisted, value_of
from remit.tools.checking.report import Breach, Kind
from remit.tools.checking.schemas import Path, has, listed, reached, shown
from remit.tools.checking.words import blamed, plainly_blamed, trace, unusable

OFFERED = "although the schema offers it: "
_SAID = 600
"""Characters of what a tool said that a report repeats."""
_PROMISE = "the result is not what the tool promised"
_MOST_BLAMED = 8


class Judge:
    """Judges the endings of one tool's calls."""

    def __init__(self, spec: ToolSpec, cases: Cases) -> None:
        """Take the contract; an output schema that is none is told in `notes`."""
        self._cases = cases
        self._places = {place.path: place for place in cases.places}
        self._allowed = msgspec.json.encode([spec.schema, spec.name]).decode()
        self._output = spec.output
        self._promised: Fitting | None = None
        self.notes: dict[str, None] = {}
        self._base: Ended | None = None
        try:
            self._promised = None if spec.output is None else Fitting(spec.output)
        except ConfigError as error:
            self.notes[f"its answers cannot be checked: the schema of its output: {error}"] = None

    def right(self, case: Case, ended: Ended) -> list[Breach]:
        """Judge the call of a case that is right."""
        if case.phase == "minimal":
            self._base = ended
        match ended.end:
            case "ok":
                return list(self._answer(case, ended.output))
            case "refused":
                return self._traced(case, ended.text)
            case "arguments":
                return list(self._arguments(case, ended.text))
            case "broke" | "slow":
                return [self._broke(case, ended.end, ended.text)]

    def unchecked(self, case: Case, words: str) -> Breach:
        """Judge a `check` that refuses a case that is right."""
        field = shown(case.path) if case.phase in {"optional", "values"} else self._known(words, case.args)
        text = f"{_named(field)}its check refuses {case.what} although the schema allows it: {_cut(words)}"
        return Breach(case.phase, "arguments", field, text, case.args)

    def wrong(self, case: Case, ended: Ended) -> list[Breach]:
        """Judge the call of a case that is wrong and that its `check` let pass."""
        match ended.end:
            case "ok":
                return [self.passed(case)]
            case "refused" | "arguments":
                return self.worded(case, ended.text, ())
            case "broke" | "slow":
                return [self._broke(case, ended.end, ended.text)]

    def passed(self, case: Case) -> Breach:
        """Judge a case that is wrong and was taken."""
        field = shown(case.path)
        return Breach("invalid", "let pass", field, f"`{field}`: it {case.what} and is taken all the same", case.args)

    def worded(self, case: Case, words: str, names: tuple[str, ...] | None = None) -> list[Breach]:
        """Judge the words by which a wrong case was refused; they name what is to blame, or one of `names`."""
        wanted = self._cases.named(case) if names is None else names
        problem = unusable(words, wanted, self._allowed + value_of(case.args))
        if not problem:
            return []
        field = shown(case.path)
        text = f"`{field}`: it {case.what}, and the refusal {problem}: {_cut(words)!r}"
        return [Breach("invalid", "words", field, text, case.args)]

    def crashed(self, case: Case, error: Exception) -> Breach:
        """Judge a `check` that raised."""
        field = shown(case.path)
        text = f"{_named(field)}its check raises {type(error).__name__}: {_cut(legible(str(error)))}"
        return Breach(case.phase, "broke", field, text, case.args)

    # -- answers ---------------------------------------------------------------------------------------------------

    def _answer(self, case: Case, output: JsonValue) -> Iterator[Breach]:
        text = output if isinstance(output, str) else _written(output)
        yield from self._traced(case, text)
        if self._promised is None or self._output is None:
            return
        value = _unwrapped(output)
        for problem in self._promised.problems(value):
            told = f"`{places_text(problem.path)}` of the answer {problem.text}"
            yield Breach(case.phase, "answer", shown(problem.path), told, case.args)
        self.notes.update(dict.fromkeys(unlisted(self._output, value)))

    def _traced(self, case: Case, text: str) -> list[Breach]:
        found = trace(text)
        if not found:
            return []
        base = self._base
        alone = base is not None and not trace(base.text or _written(base.output))
        field = shown(case.path) if alone else ""
        told = f"{_named(field)}what it says shows a traceback ({found}): {_cut(text)}"
        return [Breach(case.phase, "words", field, told, case.args)]

    # -- endings ---------------------------------------------------------------------------------------------------

    def _broke(self, case: Case, end: End, text: str) -> Breach:
        alone = self._base is not None and _alike(self._base.text) != _alike(text)
        field = shown(case.path) if alone or case.phase == "invalid" else ""
        what = "it does not answer in time" if end == "slow" else "it breaks"
        traced = ", and shows a traceback" if trace(text) else ""
        kind: Kind = "slow" if end == "slow" else "broke"
        about = f" with {case.what}" if field and case.what else ""
        return Breach(case.phase, kind, field, f"{_named(field)}{what}{about}{traced}: {_cut(text)}", case.args)

    def _arguments(self, case: Case, text: str) -> Iterator[Breach]:
        if self._isolates(case, "arguments"):
            place = self._places.get(case.path)
            verb = "lists" if place is not None and listed(place.node, "enum") else "allows"
            what = f"{case.what} although the schema {verb} it" if case.what else f"it {OFFERED.rstrip(': ')}"
            field = shown(case.path)
            yield Breach(
                case.phase, "arguments", field, f"`{field}`: the world refuses {what}: {_cut(text)}", case.args
            )
            return
        names = plainly_blamed(text) or self._spoken(text)
        for name in names[:_MOST_BLAMED]:
            field, why = self._blame(name, case.args)
            yield Breach(case.phase, "arguments", field, f"`{field}`: {why}: {_cut(text)}", case.args)
        if not names:
            given = ", ".join(f"`{name}`" for name in case.args) or "no arguments"
            told = f"the world refuses a call that the schema allows, with {given}: {_cut(text)}"
            yield Breach(case.phase, "arguments", "", told, case.args)

    def _isolates(self, case: Case, end: End) -> bool:
        """Say whether the call differs in one argument from one that did not end so."""
        return case.phase in {"optional", "values"} and self._base is not None and self._base.end != end

    def _spoken(self, text: str) -> list[str]:
        names = blamed(text)
        known = [name for name in names if self._find(name)]
        strange = [name for name in names if _is_wanted(name, text)][:1]
        return known or strange or [name for name in self._last_names() if _is_word(name, text)]

    def _last_names(self) -> list[str]:
        return list(dict.fromkeys(str(path[-1]) for path in self._places if isinstance(path[-1], str)))

    def _blame(self, name: str, args: JsonObject) -> tuple[str, str]:
        found = self._find(name)
        if not found:
            verb = "refuses" if f'"{name}"' in _written(args) else "demands"
            return name, f"the world {verb} it, and the schema has no such argument"
        present = [path for path in found if has(args, path)]
        if present:
            value = value_of(reached(args, present[0]))
            return shown(present[0]), f"the world refuses {value} although the schema allows it"
        return shown(found[0]), "the world demands it although the schema calls it optional"

    def _known(self, words: str, args: JsonObject) -> str:
        names = [name for name in blamed(words) if self._find(name)]
        return self._blame(names[0], args)[0] if names else ""

    def _find(self, name: str) -> list[Path]:
        """List the places that a name can mean, the nearest to the top first."""
        paths = [path for path in self._places if shown(path) == name or shown(path).endswith(f".{name}")]
        last = name.rpartition(".")[2]
        return paths or [path for path in self._places if path[-1] == last and last != STRANGE]


def _is_wanted(name: str, text: str) -> bool:
    """Say whether a text quotes a name, or calls it required."""
    word = re.escape(name)
    return re.search(rf"\b{word}\b.{{0,20}}\brequired\b|[`'\"]{word}[`'\"]", text) is not None


def _is_word(name: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _unwrapped(output: JsonValue) -> JsonValue:
    """Take the result out of the warning with which a tool of an MCP server gives one that breaks its promise."""
    if isinstance(output, dict) and str(output.get("warning", "")).startswith(_PROMISE):
        return output.get("result")
    return output


def _written(output: JsonValue) -> str:
    try:
        return msgspec.json.encode(output).decode().replace("\\n", "\n").replace('\\"', '"')
    except (msgspec.EncodeError, TypeError, ValueError):
        return ""


def _named(field: str) -> str:
    return f"`{field}`: " if field else ""


def _cut(text: str) -> str:
    return text if len(text) <= _SAID else text[:_SAID] + "..."


def _alike(text: str) -> str:
    return re.sub(r"\d+|0x[0-9a-f]+", "0", text)[:200]
