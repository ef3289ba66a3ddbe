"""An MCP server with the articles of a knowledge base."""

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

ARTICLES = {"lamps": "A lamp that is dark needs a new bulb.", "returns": "What is broken comes back within 30 days."}
Name = Annotated[str, Field(examples=["lamps"])]
server = MCPServer("kb", log_level="ERROR")


@server.tool()
def search(words: str) -> list[str]:
    """Search the knowledge base."""
    return [name for name, text in ARTICLES.items() if any(word in text for word in words.split())]


@server.tool()
def read(article: Name) -> str:
    """Read an article."""
    if article not in ARTICLES:
        raise ToolError("there is no article of this name")
    return ARTICLES[article]


@server.tool()
def purge(article: Name) -> str:
    """Purge an article."""
    if ARTICLES.pop(article, None) is None:
        raise ToolError("there is no article of this name")
    return "purged"


if __name__ == "__main__":
    server.run(transport="stdio")
