"""Tools: typed actions made from functions. What a model may call, with its contract and its validation."""

from remit.tools.function import FunctionTool, tool
from remit.tools.functions import FunctionToolset, PerTenant, Provide, Ready, ToolsetOptions
from remit.tools.injection import INJECTED, Injected
from remit.tools.options import ToolOptions
from remit.tools.results import jsonable

__all__ = [
    "INJECTED",
    "FunctionTool",
    "FunctionToolset",
    "Injected",
    "PerTenant",
    "Provide",
    "Ready",
    "ToolOptions",
    "ToolsetOptions",
    "jsonable",
    "tool",
]
