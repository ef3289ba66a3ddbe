"""MCP: the tools of a Model Context Protocol server, over stdio or streamable HTTP. Needs the extra `mcp`."""

from remit.tools.mcp.callbacks import Answers, LogLine, Sampling
from remit.tools.mcp.contract import Override
from remit.tools.mcp.http import Http
from remit.tools.mcp.signing import sign_in
from remit.tools.mcp.stdio import Stdio
from remit.tools.mcp.tokens import TokenFile
from remit.tools.mcp.tool import Progress
from remit.tools.mcp.toolset import McpOptions, McpToolset

__all__ = [
    "Answers",
    "Http",
    "LogLine",
    "McpOptions",
    "McpToolset",
    "Override",
    "Progress",
    "Sampling",
    "Stdio",
    "TokenFile",
    "sign_in",
]
