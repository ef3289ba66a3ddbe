"""An MCP server over stdio that fetches with the standard library, and knows of no proxy but by its environment."""

import urllib.error
import urllib.request

from mcp.server import MCPServer

server = MCPServer("fetching", log_level="ERROR")


@server.tool(structured_output=False)
def fetch(url: str) -> str:
    """Fetch a page."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


server.run()
