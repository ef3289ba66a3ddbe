"""Served over MCP: agents, and their tools one by one, for any MCP client. Needs the extra `mcp`."""

from remit.apps.mcp.service import service
from remit.apps.mcp.serving import Bind, serve_http, serve_stdio

__all__ = ["Bind", "serve_http", "serve_stdio", "service"]
