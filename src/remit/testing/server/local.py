"""Local: how the servers that people run themselves differ from the clouds, in what they say of themselves."""

from dataclasses import replace
from typing import Literal

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.port import MOMENT, Answer, encoded

Kind = Literal["cloud", "ollama", "vllm", "llamacpp"]
"""Whose server it is: OpenAI's and Anthropic's in one, or one of those that people run themselves."""

_OWNERS: dict[Kind, str] = {"cloud": "openai", "ollama": "library", "vllm": "vllm", "llamacpp": "llamacpp"}
_VERSIONS: dict[Kind, str] = {"ollama": "0.12.6", "vllm": "0.11.0", "llamacpp": "b6730-remit"}
_CONTEXT = 8192
_SERVERS: dict[Kind, str] = {"vllm": "uvicorn", "llamacpp": "llama.cpp"}


def json(value: JsonValue, status: int = 200) -> Answer:
    """Make an answer of JSON."""
    return Answer(status, {"content-type": "application/json"}, [encoded(value)])


def models(kind: Kind, names: tuple[str, ...]) -> Answer:
    """List models as OpenAI and its likes do."""
    data: list[JsonValue] = [model(kind, name) for name in names]
    return json({"object": "list", "data": data})


def model(kind: Kind, name: str) -> JsonObject:
    """Describe a model as OpenAI and its likes do."""
    described: JsonObject = {"id": name, "object": "model", "created": MOMENT, "owned_by": _OWNERS[kind]}
    match kind:
        case "vllm":
            return {**described, "root": name, "parent": None, "max_model_len": _CONTEXT, "permission": []}
        case "llamacpp":
            return {
                **described,
                "meta": {"vocab_type": 2, "n_vocab": 151936, "n_ctx_train": 4 * _CONTEXT, "n_embd": 896},
            }
        case _:
            return described


def anthropic_models(names: tuple[str, ...]) -> Answer:
    """List models as Anthropic does."""
    data: list[JsonValue] = [anthropic_model(name) for name in names]
    return json({"data": data, "first_id": names[0], "has_more": False, "last_id": names[-1]})


def anthropic_model(name: str) -> JsonObject:
    """Describe a model as Anthropic does."""
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2025-10-01T00:00:00Z",
        "lifecycle": "active",
    }


def itself(kind: Kind, path: str, names: tuple[str, ...]) -> Answer | None:  # noqa: PLR0911 - one return a path
    """Answer what only this kind of server is asked: about itself."""
    match kind, path:
        case "ollama", "/":
            return Answer(200, {"content-type": "text/plain; charset=utf-8"}, [b"Ollama is running"])
        case "ollama", "/api/version":
            return json({"version": _VERSIONS[kind]})
        case "ollama", "/api/tags":
            tagged: list[JsonValue] = [_tag(name) for name in names]
            return json({"models": tagged})
        case "vllm", "/version":
            return json({"version": _VERSIONS[kind]})
        case "vllm", "/health":
            return Answer(200, {}, [])
        case "llamacpp", "/health":
            return json({"status": "ok"})
        case "llamacpp", "/props":
            return json(_props(names[0]))
        case _:
            return None


def _tag(name: str) -> JsonObject:
    details: JsonObject = {
        "parent_model": "",
        "format": "gguf",
        "family": "qwen2",
        "families": ["qwen2"],
        "parameter_size": "494.03M",
        "quantization_level": "Q4_K_M",
    }
    return {
        "name": name,
        "model": name,
        "modified_at": "2025-10-09T08:53:20.000000000Z",
        "size": 397821319,
        "digest": "a8b0c51577010a279d933d14c2a8ab4b268079d44c5c8830c0a93900f1827c67",
        "details": details,
    }


def _props(name: str) -> JsonObject:
    return {
        "default_generation_settings": {"id": 0, "n_ctx": _CONTEXT, "is_processing": False, "params": {}},
        "total_slots": 1,
        "model_alias": name,
        "model_path": f"models/{name}.gguf",
        "modalities": {"vision": False, "audio": False},
        "chat_template": "{% for message in messages %}{{ message.content }}{% endfor %}",
        "build_info": _VERSIONS["llamacpp"],
    }


def localised(answer: Answer, kind: Kind) -> Answer:
    """Say an error of OpenAI's as this kind of server does: a number for a code, types of its own."""
    if kind == "cloud" or answer.status < 400 or answer.streamed or "json" not in answer.headers["content-type"]:
        return answer
    wrong: JsonValue = msgspec.json.decode(b"".join(answer.pieces))
    # On the wire of Anthropic they keep to its errors.
    fields = wrong.get("error") if isinstance(wrong, dict) and wrong.get("type") != "error" else None
    if not isinstance(fields, dict):
        return answer
    too_long = fields.get("code") == "context_length_exceeded"
    message = fields.get("message")
    match kind:
        case "ollama":
            said: JsonObject = {"message": message, "type": "api_error", "param": None, "code": None}
        case "vllm":
            name = "BadRequestError" if answer.status == 400 else "InternalServerError"
            said = {"message": message, "type": name, "param": None, "code": answer.status}
        case _:
            said = {"code": answer.status, "message": message, "type": fields.get("type")}
            if too_long:
                said |= {"message": "the request exceeds the available context size, try increasing it"}
                said |= {"type": "exceed_context_size_error", "n_prompt_tokens": _CONTEXT + 809, "n_ctx": _CONTEXT}
    headers = {name: value for name, value in answer.headers.items() if not name.startswith(("x-", "openai-"))}
    if server := _SERVERS.get(kind):
        headers["server"] = server
    return replace(answer, headers=headers, pieces=[encoded({"error": said})])
