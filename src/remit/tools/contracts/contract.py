"""Contracts: what a tool promised when somebody reviewed it."""

from collections.abc import Iterator

import msgspec

from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, Nanos, digest
from remit.tools.contracts.prose import names, texts, without_prose


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool promises, to models and to those who pay and answer for it."""

    name: str
    version: str = "1"
    owner: str = ""
    description: str = ""
    schema: JsonObject
    """JSON Schema of the arguments."""
    output: JsonObject | None = None
    """JSON Schema of a good answer; `None` when none is promised."""
    effect: EffectClass = "once"
    price: Nanos = 0
    """The most that one call costs."""
    source: str = ""
    deprecated: str = ""
    dangerous: bool = False
    labels: tuple[str, ...] = ()
    """What its answers are, such as `confidential`; policies count on them."""
    hosts: tuple[str, ...] = ()
    """The hosts it calls: arguments and credentials go there."""

    @property
    def digest(self) -> str:
        """Hash what callers rely on: arguments, answer and effect, without the words that explain them."""
        output = None if self.output is None else without_prose(self.output)
        return digest([without_prose(self.schema), output, self.effect])

    @property
    def prose(self) -> str:
        """Hash all words that explain: the description and those within the schemas, where rug pulls hide too."""
        return digest([[where, text] for where, text in sorted(self.words())])

    def words(self) -> Iterator[tuple[str, str]]:
        """Give the texts that explain, each with its place."""
        yield "description", self.description
        yield from texts(self.schema, "arguments")
        if self.output is not None:
            yield from texts(self.output, "answer")

    def said(self) -> Iterator[tuple[str, str]]:
        """Give all that a model may be told, each with its place: also names, options and constants."""
        yield "name", self.name
        yield from self.words()
        yield "deprecated", self.deprecated
        yield from names(self.schema, "arguments")
        if self.output is not None:
            yield from names(self.output, "answer")


def contract_of(spec: ToolSpec) -> Contract:
    """Take from a tool's spec what is pinned; how it is called, such as its time-out, is no promise."""
    return Contract(
        name=spec.name,
        version=spec.version,
        owner=spec.owner,
        description=spec.description,
        schema=spec.schema,
        output=spec.output,
        effect=spec.effect,
        price=spec.price,
        source=spec.source,
        deprecated=spec.deprecated,
        dangerous=spec.dangerous,
        labels=tuple(sorted(spec.labels)),
        hosts=tuple(sorted(spec.hosts)),
    )


def spec_of(contract: Contract) -> ToolSpec:
    """Give a tool's spec as it was reviewed: for policies, which are about what people have seen."""
    said = {name: getattr(contract, name) for name in Contract.__struct_fields__}
    return ToolSpec(**said)
