"""Search: of hundreds of tools a model is offered a few, and finds the others by what it wants to do."""

from remit.tools.search.finding import FindTools
from remit.tools.search.index import Findings, ToolIndex
from remit.tools.search.searchable import Searchable

__all__ = ["FindTools", "Findings", "Searchable", "ToolIndex"]
