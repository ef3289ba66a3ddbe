"""The agent whose tools the MCP conformance suite calls: those of its tools that a tool of ours can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remit import Agent, RejectedError, tool
from remit.core.errors import InputRequiredError
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.testing import EchoModel


@tool(effect="read")
async def test_simple_text() -> str:
    """Give a line of text."""
    return "This is a simple text response for testing."


@tool(effect="read")
async def test_error_handling() -> str:
    """Fail."""
    raise RejectedError("This tool intentionally returns an error for testing")


@tool(effect="read")
async def test_tool_with_progress() -> str:
    """Take a few steps, each of which is told."""
    return "done"


@tool(effect="read")
async def test_streaming_elicitation() -> str:
    """Ask nobody anything."""
    return "done"


class Asking:
    """A tool that asks a person for what the suite wants asked, one form after the other, and then says so."""

    def __init__(self, name: str, forms: Sequence[tuple[str, JsonObject]], said: str) -> None:
        self.spec = ToolSpec(name=name, description="Ask a person.", schema=MESSAGE, effect="read")
        self._forms, self._said = forms, said

    def check(self, args: JsonObject) -> str:
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        given = context.resume.given if context.resume else None
        done = int(str(context.resume.memo)) if context.resume else 0
        if done == len(self._forms):
            return self._said.format(action="decline" if given is None else "accept", content=given, **(given or {}))
        words, form = self._forms[done]
        raise InputRequiredError(str(args.get("message", words)), form, done + 1)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return None


@dataclass(frozen=True)
class Plain:
    """A tool with a schema as the suite wants it, which gives back its arguments."""

    spec: ToolSpec

    def check(self, args: JsonObject) -> str:
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        return args

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return None


def form(fields: Mapping[str, JsonValue], *required: str) -> JsonObject:
    """Make the schema of a form."""
    return {"type": "object", "properties": {**fields}, "required": [*required]}


MESSAGE: JsonObject = form({"message": {"type": "string"}})
TEXT: JsonObject = {"type": "string", "description": "The answer."}
PLAIN = ["option1", "option2", "option3"]
TITLED: list[JsonValue] = [
    {"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)
]

USER = form({"username": TEXT, "email": TEXT}, "username", "email")
DEFAULTS = form(
    {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
)
ENUMS = form(
    {
        "untitledSingle": {"type": "string", "enum": [*PLAIN]},
        "titledSingle": {"type": "string", "oneOf": TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": [*PLAIN]}},
        "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
    }
)
NAME = form({"name": {"type": "string"}}, "name")
COLOUR = form({"color": {"type": "string"}}, "color")
SURE = form({"ok": {"type": "boolean"}}, "ok")
RESPONSE = "User response: action={action}, content={content}"
IN_A_HEADER: JsonObject = form(
    {"region": {"type": "string", "x-mcp-header": "Region"}, "query": {"type": "string"}}, "region", "query"
)
FULL: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
MRTR = "test_input_required_result"

agent = Agent(
    "conformance",
    model=EchoModel(),
    tools=[
        test_simple_text,
        test_error_handling,
        test_tool_with_progress,
        test_streaming_elicitation,
        Asking("test_elicitation", [("Please answer.", USER)], RESPONSE),
        Asking("test_elicitation_sep1034_defaults", [("Please answer.", DEFAULTS)], RESPONSE),
        Asking("test_elicitation_sep1330_enums", [("Please answer.", ENUMS)], RESPONSE),
        Asking(f"{MRTR}_elicitation", [("What is your name?", NAME)], "Hello, {name}!"),
        Asking(f"{MRTR}_request_state", [("Please confirm", SURE)], "state-ok"),
        Asking(f"{MRTR}_tampered_state", [("Please confirm", SURE)], "state-ok"),
        Asking(
            f"{MRTR}_multi_round",
            [("Step 1: What is your name?", NAME), ("Step 2: What is your favorite color?", COLOUR)],
            "{color} it is",
        ),
        Plain(ToolSpec(name="test_custom_header", description="Look.", schema=IN_A_HEADER, effect="read")),
        Plain(ToolSpec(name="json_schema_2020_12_tool", description="Look.", schema=FULL, effect="read")),
    ],
)
