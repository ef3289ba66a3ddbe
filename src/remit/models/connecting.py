"""Connecting: makes a model from a name such as `openai:NAME`, `ollama:NAME` or `openai@https://host/v1:NAME`."""

import importlib
import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, Protocol, cast

import msgspec

from remit.core.errors import AuthenticationError, ConfigError
from remit.core.ports import Model, Price
from remit.core.values import JsonObject, JsonValue, digest
from remit.models.http.port import PATIENCE, Timeouts, Transport
from remit.models.keys import Keys, environment
from remit.models.names import BRIDGE, ModelName, parsed
from remit.models.prices import FREE, known_price
from remit.models.wires.anthropic import AnthropicMessages
from remit.models.wires.client import WireModel
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.openai_responses import OpenAIResponses
from remit.models.wires.port import Wire
from remit.models.wires.profiles import LLAMACPP, OLLAMA, OPENAI, VLLM, Profile, compatible

_NO_OPTIONS: JsonObject = {}


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """How the models behind a prefix are reached."""

    wire: Literal["openai-chat", "openai-responses", "anthropic"]
    url: str
    url_variable: str
    """The environment variable that names another server."""
    key: str = ""
    """The environment variable that holds the key; empty when the server wants none."""
    profile: Profile = OPENAI
    """What the server can do; one at another URL is only `COMPATIBLE`."""
    prices: str = ""
    """The provider of the price list; empty for servers of your own, which cost nothing."""


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider(
            wire="openai-chat",
            url="https://api.openai.com/v1",
            url_variable="OPENAI_BASE_URL",
            key="OPENAI_API_KEY",
            prices="openai",
        ),
        "openai-responses": Provider(
            wire="openai-responses",
            url="https://api.openai.com/v1",
            url_variable="OPENAI_BASE_URL",
            key="OPENAI_API_KEY",
            prices="openai",
        ),
        "anthropic": Provider(
            wire="anthropic",
            url="https://api.anthropic.com/v1",
            url_variable="ANTHROPIC_BASE_URL",
            key="ANTHROPIC_API_KEY",
            prices="anthropic",
        ),
        "ollama": Provider(
            wire="openai-chat", url="http://127.0.0.1:11434/v1", url_variable="OLLAMA_BASE_URL", profile=OLLAMA
        ),
        "vllm": Provider(
            wire="openai-chat", url="http://127.0.0.1:8000/v1", url_variable="VLLM_BASE_URL", profile=VLLM
        ),
        "llamacpp": Provider(
            wire="openai-chat", url="http://127.0.0.1:8080/v1", url_variable="LLAMACPP_BASE_URL", profile=LLAMACPP
        ),
    }
)
"""The prefixes that need nothing installed; `pydantic-ai:PROVIDER:NAME` reaches every other provider."""


_LENGTHS = ("max_tokens", "max_completion_tokens", "max_output_tokens")

_LISTED = {"openai-chat": "openai", "openai-responses": "openai"}
"""Names of that library for providers that the price list knows by another."""


class _Bridge(Protocol):
    def bridged(self, name: str, options: JsonObject, timeouts: Timeouts, price: Price | None) -> Model: ...


def connect(
    name: str,
    options: JsonObject = _NO_OPTIONS,
    *,
    keys: Keys | None = None,
    price: Price | None = None,
    transport: Transport | None = None,
    timeouts: Timeouts = PATIENCE,
) -> Model:
    """Make the model of a name; nothing is sent and no key is read before it is asked.

    `options` are further fields of its requests, such as `{"temperature": 0}`. The key is looked up with `keys`, in the
    environment by default, each time it is used. Without a `price` the bundled list's is taken; a name with a URL has
    none, and one at a server of your own (`ollama`, `vllm`, `llamacpp`) is free. A model of another library has its own
    way to its provider and uses no `transport`; of its `timeouts` only the total counts.
    Raise `ConfigError` for a name that cannot be.
    """
    wanted = parsed(name)
    if wanted.prefix == BRIDGE:
        return _bridge(wanted.model, options, timeouts, price)
    _refuse_lengths(name, options)
    provider = PROVIDERS.get(wanted.prefix)
    if provider is None:
        known = ", ".join([*PROVIDERS, BRIDGE])
        raise ConfigError(f"no provider {wanted.prefix!r} for model {name!r}; known: {known}, and Settings(models=...)")
    moved = "" if wanted.url else _moved(provider)
    url = wanted.url or moved or provider.url
    return WireModel(
        _wire(provider, wanted.model, options, usual=url == provider.url),
        name=name,
        url=url,
        key=_key(wanted, keys or environment),
        price=price or _price(provider, wanted),
        transport=transport,
        timeouts=timeouts,
        variable=next(iter(key_variables(name)), ""),
        variant=_variant(options, "" if moved == provider.url else moved),
    )


def key_variables(name: str) -> tuple[str, ...]:
    """Name the variables that hold the key of a model; empty when its server wants none.

    A server named by a URL has a variable of its own, so that no key is sent to anyone but whom it is from. Of another
    library's providers nobody here knows which it looks up, so all that look like keys are named.
    """
    wanted = parsed(name)
    if wanted.prefix == BRIDGE:
        return tuple(sorted(variable for variable in os.environ if variable.endswith("_API_KEY")))
    if wanted.url:
        place = wanted.url.partition("://")[2].partition("/")[0]
        return (f"REMIT_KEY_{re.sub(r'[^A-Z0-9]+', '_', place.upper()).strip('_')}",)
    provider = PROVIDERS.get(wanted.prefix)
    return (provider.key,) if provider and provider.key else ()


def key_needed(name: str) -> str:
    """Name the variable without which a model cannot be asked; empty when it can be asked without a key."""
    wanted = parsed(name)
    return "" if wanted.url or wanted.prefix == BRIDGE else "".join(key_variables(name))


def _moved(provider: Provider) -> str:
    """Give the address that the environment names for a provider; the version is added where its SDK would."""
    url = os.environ.get(provider.url_variable, "").rstrip("/")
    return f"{url}/v1" if url and provider.wire == "anthropic" and not url.endswith("/v1") else url


def _refuse_lengths(name: str, options: JsonObject) -> None:
    """Refuse a length of the answer that no hold would be taken for; `None` only takes a field away."""
    said = [option for option in _LENGTHS if options.get(option) is not None]
    if said:
        raise ConfigError(f"{said[0]!r} cannot be an option of model {name!r}: say it with Limits(max_output=...)")


def _variant(options: JsonObject, moved: str) -> str:
    """Tell a model from the same one with other options, or at another address that its name does not say."""
    told: JsonValue = [options, moved] if moved else options
    return digest(told)[:12] if told else ""


def _wire(provider: Provider, model: str, options: JsonObject, *, usual: bool) -> Wire:
    match provider.wire:
        case "openai-chat":
            # Behind another address than OpenAI's own there may be any compatible server.
            profile = provider.profile if usual or not provider.prices else compatible(model)
            return OpenAIChat(model, options=options, profile=profile)
        case "openai-responses":
            return OpenAIResponses(model, options=options)
        case "anthropic":
            return AnthropicMessages(model, options=options)


def _key(wanted: ModelName, keys: Keys) -> Callable[[], str]:
    name = f"{wanted.provider}:{wanted.model}"
    variables, needed = key_variables(name), key_needed(name)

    def key() -> str:
        try:
            found = next((found for variable in variables if (found := keys(variable))), "")
        except Exception as error:  # noqa: BLE001 - a stranger's secrets provider; what it says may hold a secret
            raise AuthenticationError(f"no key for {wanted.provider}: {type(error).__name__} in `keys`") from None
        if needed and not found:
            raise AuthenticationError(f"no key for {wanted.provider}: set {needed}")
        return found

    return key


def _price(provider: Provider, wanted: ModelName) -> Price | None:
    if not provider.prices:
        return FREE
    return None if wanted.url else known_price(f"{provider.prices}:{wanted.model}")


def _bridge(name: str, options: JsonObject, timeouts: Timeouts, price: Price | None) -> Model:
    try:
        # An extra: loaded only for the names that need it.
        module = importlib.import_module("remit.models.adapters.pydantic_ai")
    except ImportError as error:
        raise ConfigError(
            f"model {BRIDGE}:{name} needs an extra: pip install 'remit[pydantic-ai]' ({error})"
        ) from error
    provider, _, model = name.partition(":")
    listed = known_price(f"{_LISTED.get(provider, provider)}:{model}")
    return cast("_Bridge", module).bridged(name, options, timeouts, price or listed)
