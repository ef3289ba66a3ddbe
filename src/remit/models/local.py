"""Local: which servers on this machine offer models: Ollama, vLLM, llama.cpp."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from remit.core.errors import ModelError
from remit.models.connecting import PROVIDERS
from remit.models.http.port import Timeouts, Transport

_PATIENCE = Timeouts(connect=1.0, first=3.0, idle=3.0, total=5.0)
_LARGEST = 4 << 20

Kind = Literal["ollama", "vllm", "llamacpp"]
KINDS: tuple[Kind, ...] = ("ollama", "vllm", "llamacpp")


_SIGNED = ("vllm", "llamacpp")
"""Those that sign their models; their usual ports are everybody's, so an unsigned list there is somebody else's."""


class LocalServer(msgspec.Struct, frozen=True):
    """A server of models on this machine, or where the environment says it should be."""

    kind: Kind
    url: str
    models: tuple[str, ...] = ()
    problem: str = ""
    """Why it cannot be used, when the environment names it and it cannot."""


class _Listed(msgspec.Struct):
    id: str
    owned_by: str = ""


class _List(msgspec.Struct):
    data: list[_Listed]


async def local_servers(environ: Mapping[str, str], transport: Transport) -> tuple[LocalServer, ...]:
    """Ask the usual places, or those the environment names, all at once; a usual one with nothing there is left out."""
    asked = await asyncio.gather(*(_asked(kind, environ, transport) for kind in KINDS))
    return tuple(server for server in asked if server is not None)


async def _asked(kind: Kind, environ: Mapping[str, str], transport: Transport) -> LocalServer | None:
    provider = PROVIDERS[kind]
    named = environ.get(provider.url_variable, "").rstrip("/")
    url = named or provider.url
    try:
        models = await _models(url, transport)
    except (ModelError, msgspec.DecodeError) as error:
        return LocalServer(kind, url, problem=str(error)[:200]) if named else None
    owners = {model.owned_by for model in models}
    if not named and kind in _SIGNED and owners != {kind}:
        return None
    return LocalServer(kind, url, tuple(model.id for model in models))


async def _models(url: str, transport: Transport) -> Sequence[_Listed]:
    headers = {"accept": "application/json"}
    async with transport.send("GET", f"{url}/models", headers, b"", _PATIENCE) as exchange:
        body = await exchange.read(_LARGEST)
        if exchange.status != 200:
            raise ModelError(f"{url}/models answers with status {exchange.status}")
    return msgspec.json.decode(body, type=_List).data
