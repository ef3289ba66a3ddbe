"""The agent whose tools the MCP conformance suite calls: those of its tools that a tool of ours can be."""

from remit import Agent, RejectedError, tool
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


agent = Agent("conformance", model=EchoModel(), tools=[test_simple_text, test_error_handling, test_tool_with_progress])
