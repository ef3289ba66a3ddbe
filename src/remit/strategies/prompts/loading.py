"""Loading of prompts: read once when a strategy is declared, checked then, so that no run ever meets a bad one.

A file is TOML: a `version`, raised when the words or the moves of the strategy change; a table `texts` of templates by
name with `{fields}` (`{{` and `}}` for braces); and `[[examples]]`, each `of` one text, whose field `{examples}` shows
them word for word.
"""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from string import Formatter

import msgspec

from remit.core.errors import ConfigError
from remit.core.moves import StrategyMaker, identity
from remit.core.values import JsonValue, digest
from remit.strategies.template import inside

_END = re.compile(r"</([\w-]+)>")
_SHOWN = "examples"
"""The field that a text fills itself."""


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A few-shot example, shown word for word."""

    of: str
    """The name of the text that shows it."""
    text: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """What a file of prompts holds."""

    texts: dict[str, str]
    version: str = ""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompts:
    """The texts of a strategy by name. An overridden text uses the fields of the one it replaces."""

    name: str
    version: str
    texts: Mapping[str, str]
    examples: tuple[Example, ...] = ()
    overridden: bool = False

    @property
    def id(self) -> str:
        """The version, with a digest of the words when they are not the ones that ship."""
        if not self.overridden:
            return self.version
        words: list[JsonValue] = [{**self.texts}, [[example.of, example.text] for example in self.examples]]
        return f"{self.version}-{digest(words)[:8]}"

    def text(self, name: str, /, **values: object) -> str:
        """Fill in a text; `values` are exactly its fields, without `examples`, and none can end a tag of the text."""
        template = self.texts[name]
        wanted = set(_fields(f"{self.name}.{name}", template))
        if wanted - {_SHOWN} != set(values):
            raise ConfigError(f"{self.name}.{name} is filled with {_listed(values)}, but has {_listed(wanted)}")
        shown = "\n\n".join(example.text for example in self.examples if example.of == name)
        tags = dict.fromkeys(_END.findall(template))
        told = {field: inside(str(value), tags) for field, value in values.items()}
        return template.format(**{_SHOWN: shown, **told})

    def having(self, /, **texts: str) -> "Prompts":
        """Replace some texts; raise `ConfigError` for a name or a field that the strategy does not know."""
        return self._with(texts, self.examples)

    def showing(self, examples: Sequence[Example]) -> "Prompts":
        """Replace all examples; raise `ConfigError` for one of a text that does not exist."""
        return self._with({}, examples)

    def read(self, path: str | Path) -> "Prompts":
        """Replace what a file of the user's holds: some texts, and all examples when it has any; not the version.

        Raise `ConfigError` when it cannot be read, or has a name or a field that the strategy does not know.
        """
        try:
            body = Path(path).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"the prompts in {path} cannot be read: {error}") from None
        found = _parsed(str(path), body)
        return self._with(found.texts, found.examples or self.examples)

    def edition(self, *within: StrategyMaker) -> str:
        """Name these words and the strategies that use them within: what the strategy gives to `versioned`."""
        return f"{self.id}({', '.join(map(identity, within))})" if within else self.id

    def _with(self, texts: Mapping[str, str], examples: Sequence[Example]) -> "Prompts":
        for name, text in texts.items():
            where = f"{self.name}.{name}"
            if name not in self.texts:
                raise ConfigError(
                    f"the prompts of {self.name!r} have no text {name!r}; they have {_listed(self.texts)}"
                )
            wanted, found = _fields(where, self.texts[name]), _fields(where, text)
            if set(wanted) - {_SHOWN} != set(found) - {_SHOWN}:
                raise ConfigError(f"{where} must use the fields {_listed(wanted)}, but uses {_listed(found)}")
        whole = {**self.texts, **{name: text.strip("\n") for name, text in texts.items()}}
        return _checked(replace(self, texts=whole, examples=tuple(map(_trimmed, examples)), overridden=True))


def load(name: str) -> Prompts:
    """Read the prompts that ship for a strategy; raise `ConfigError` when there are none."""
    folder = files("remit.strategies.prompts")
    source = folder / f"{name}.toml"
    if not source.is_file():
        known = sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
        raise ConfigError(f"no prompts ship for {name!r}; there are: {', '.join(known)}")
    found = _parsed(f"{name}.toml", source.read_text("utf-8"))
    texts = {key: text.strip("\n") for key, text in found.texts.items()}
    return _checked(Prompts(name, found.version, texts, tuple(map(_trimmed, found.examples))))


def _parsed(where: str, body: str) -> _File:
    try:
        return msgspec.convert(tomllib.loads(body), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the prompts in {where} are not as they should be: {error}") from None


def _checked(prompts: Prompts) -> Prompts:
    if not prompts.version:
        raise ConfigError(f"the prompts of {prompts.name!r} need a version")
    for name, text in prompts.texts.items():
        _fields(f"{prompts.name}.{name}", text)
    for example in prompts.examples:
        if example.of not in prompts.texts:
            raise ConfigError(
                f"an example of {prompts.name!r} is of {example.of!r}; there are: {_listed(prompts.texts)}"
            )
    return prompts


def _fields(where: str, text: str) -> tuple[str, ...]:
    """List the fields of a text; raise `ConfigError` for anything in braces that is not a plain name."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}; a brace that is meant as one is written {{{{ or }}}}") from None
    found: list[str] = []
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier() or spec or conversion:
            raise ConfigError(f"{where}: {{{field}}} is not a plain name; a brace is written {{{{ or }}}}")
        found.append(field)
    return tuple(dict.fromkeys(found))


def _trimmed(example: Example) -> Example:
    return Example(example.of, example.text.strip("\n"))


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
