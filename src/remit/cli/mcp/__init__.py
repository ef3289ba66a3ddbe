"""`remit mcp`: agents and their tools for MCP clients."""

from remit.cli.mcp.command import add_arguments, main

__all__ = ["add_arguments", "main"]
