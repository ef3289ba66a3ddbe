"""What a model server was told, read the same way on every wire: for scripts that answer by what was asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from remit.core.values import JsonObject, JsonValue
from remit.testing.server import Received


@dataclass(frozen=True)
class Heard:
    """A request as a model understands it."""

    last: str
    """All that was said to it since it last spoke itself."""
    whole: str
    """All that was ever said to it in this conversation."""
    outcomes: tuple[str, ...]
    """What came of its calls, in order."""
    tools: tuple[str, ...]


def hear(received: Received) -> Heard:
    """Read a request of any wire."""
    body = received.json
    said: list[str] = []
    last: list[str] = []
    outcomes: list[str] = []
    for item in _objects(body.get("messages") or body.get("input")):
        kind = item.get("role") or item.get("type")
        match kind:
            case "tool" | "function_call_output":
                outcomes.append(_text(item.get("content") or item.get("output")))
            case "user" | "developer":
                outcomes += [_text(part["content"]) for part in _parts(item) if part.get("type") == "tool_result"]
                said.append(_text(item["content"]))
                last.append(said[-1])
            case "assistant" | "function_call":
                last.clear()
            case _:
                pass
    return Heard("\n".join(last), "\n".join(said), tuple(outcomes), _tools(body))


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parts(item: JsonObject) -> list[JsonObject]:
    return _objects(item.get("content"))


def _text(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in _objects(content) if "text" in part)


def _tools(body: JsonObject) -> tuple[str, ...]:
    return tuple(_names(body))


def _names(body: JsonObject) -> Iterator[str]:
    for tool in _objects(body.get("tools")):
        function = cast("JsonObject", tool.get("function", tool))
        yield str(function["name"])
