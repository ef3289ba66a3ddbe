"""Tools: typed actions made from functions. What a model may call, with its contract and its validation."""

from remit.tools.function import FunctionTool, tool
from remit.tools.results import jsonable

__all__ = ["FunctionTool", "jsonable", "tool"]
