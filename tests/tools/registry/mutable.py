"""An MCP server whose tools are what a file says: `mutable.py FILE`. It answers with a variable that it got."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from mcp.server import MCPServer

server = MCPServer("mutable", log_level="ERROR")


def described(said: dict[str, Any]) -> None:
    """Add a tool of a name and a description."""

    def answer(text: str) -> str:
        return f"{os.environ.get('SAID', '')}{text}"

    server.add_tool(answer, name=said["name"], description=said["description"], structured_output=False)


for one in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    described(one)
server.run(transport="stdio")
