"""Profiles: what a server that speaks OpenAI's chat completions can do, as data."""

import re
from typing import Literal

import msgspec

from remit.core.values import JsonObject

NOTHING: JsonObject = {}


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a server understands beyond what all of them do; a field it does not know may be a refusal."""

    length: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    """The field that bounds an answer."""
    schema: Literal["native", "told"] = "told"
    """Whether it decodes under the schema of an answer, or the model is only told of it after the last message."""
    strict: bool = False
    """Whether it wants to be told, with `strict`, to decode under a schema, and then only under OpenAI's subset."""
    strict_tools: bool = False
    """Whether it decodes the arguments of tools under their schemas when a tool says `strict`."""
    stream_usage: bool = False
    """Whether it must be asked to end a stream with its usage."""
    reasoning: bool = False
    """Whether an answer that called tools gives its reasoning back, in the field it came in."""
    cache_key: bool = False
    """Whether it takes `prompt_cache_key`, which brings the requests of an agent to where its prefix is cached."""
    media: frozenset[Literal["image", "audio", "file"]] = frozenset({"image", "audio", "file"})
    """Which kinds of parts it reads."""
    with_tools: JsonObject = NOTHING
    """What its requests hold besides when tools are on offer."""


OPENAI = Profile(
    length="max_completion_tokens",
    schema="native",
    strict=True,
    strict_tools=True,
    stream_usage=True,
    cache_key=True,
)
"""OpenAI's own servers. They keep what a model reasons to themselves."""

COMPATIBLE = Profile(stream_usage=True, reasoning=True)
"""A server of which nothing is known but that it is compatible: only what nearly all of them take."""

_REASONING = re.compile(r"(?:gpt-[5-9]|o[1-9])(?:\b|[-.])")


def compatible(model: str) -> Profile:
    """Give what an unknown server takes for this model: OpenAI's newer ones want another field behind a gateway too."""
    if _REASONING.match(model.rpartition("/")[2]):
        return msgspec.structs.replace(COMPATIBLE, length="max_completion_tokens")
    return COMPATIBLE


OLLAMA = Profile(schema="native", stream_usage=True, reasoning=True, media=frozenset({"image"}))

VLLM = Profile(
    schema="native",
    strict_tools=True,
    stream_usage=True,
    reasoning=True,
    media=frozenset({"image", "audio"}),
)
"""It decodes arguments under a tool's schema when the tool says `strict`, else it reads them out of free text."""

LLAMACPP = Profile(
    schema="native",
    stream_usage=True,
    reasoning=True,
    media=frozenset({"image", "audio"}),
    with_tools={"parallel_tool_calls": True},
)
"""It decodes arguments under a grammar by itself, yet makes one call at a time unless it is told."""
