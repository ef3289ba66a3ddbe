"""Function toolsets: tools that share clients and are given what a model must not see."""

from remit.tools.functions.providers import PerTenant, Provide, Ready
from remit.tools.functions.toolset import FunctionToolset, ToolsetOptions

__all__ = ["FunctionToolset", "PerTenant", "Provide", "Ready", "ToolsetOptions"]
