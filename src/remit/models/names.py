"""Names of models, taken apart: `openai:NAME`, or `openai@https://HOST/PATH:NAME` for another server."""

import re

import msgspec

from remit.core.errors import ConfigError

BRIDGE = "pydantic-ai"
"""The prefix of models that another library reaches: `pydantic-ai:PROVIDER:NAME`."""

# A host in other letters is written in punycode, so that no look-alike is given the key of another.
_NAME = re.compile(
    r"(?P<prefix>[a-z0-9-]+)"
    r"(?:@(?P<url>https?://(?![^/]*@)(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d+)?(?:/[^\s:]*)?))?"
    r":(?P<model>\S(?:.*\S)?)"
)


class ModelName(msgspec.Struct, frozen=True):
    """A name, taken apart."""

    prefix: str
    model: str
    url: str = ""

    @property
    def provider(self) -> str:
        """Who serves it: the prefix, with the server when it is not the usual one."""
        if self.prefix == BRIDGE:
            return f"{BRIDGE}:{self.model.partition(':')[0]}"
        return f"{self.prefix}@{self.url}" if self.url else self.prefix


def parsed(name: str) -> ModelName:
    """Take a name apart; raise `ConfigError` for one that is not `PREFIX:NAME` or `PREFIX@URL:NAME`."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigError(f"{name!r} names no model; write PREFIX:NAME or PREFIX@http://HOST:PORT/PATH:NAME")
    return ModelName(found["prefix"], found["model"], (found["url"] or "").rstrip("/"))


def provider_of(name: str) -> str:
    """Give the part of a model's name that says who serves it; models of one provider share a circuit breaker."""
    return parsed(name).provider if _NAME.fullmatch(name) else name.partition(":")[0]
