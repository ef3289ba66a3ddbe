"""FindTools: the search as a tool. What it names is put on offer by the runtime."""

from typing import Annotated

import msgspec

from remit.core.errors import RejectedError
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.search.areas import areas
from remit.tools.search.index import Findings, ToolIndex

MOST = 20
"""Tools that one search may put on offer."""

_HEAD = 200
"""Characters of a description that are shown; the whole comes with the offer."""
_TIMEOUT = 60.0


class Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of the search."""

    query: Annotated[str, msgspec.Meta(min_length=1)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None


class FindTools:
    """Finds tools by what a model wants to do, and says what there is when nothing fits."""

    def __init__(self, index: ToolIndex, *, limit: int = 5, name: str = "find_tools") -> None:
        """Take where to look and how many tools to give unless the model says."""
        self._index, self._limit = index, limit
        self._areas = areas(index.specs)
        self._spec = ToolSpec(
            name=name,
            description=(
                f"Find tools by what you want to do. There are {len(index.specs)} more than you see; those found"
                f" can be called from then on. Name the area if you know it: {', '.join(self._areas) or 'none'}."
            ),
            schema=_schema(limit),
            effect="read",
            timeout=_TIMEOUT,
            reveals=True,
        )

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments."""
        try:
            msgspec.convert(args, Find)
        except msgspec.ValidationError as error:
            return str(error)
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Give `tools` by name, description and required arguments, with a note when something must be said."""
        try:
            wanted = msgspec.convert(args, Find)
        except msgspec.ValidationError as error:
            raise RejectedError(str(error)) from None
        return self._answer(await self._index.find(wanted.query, wanted.limit or self._limit))

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say nothing: searching leaves no trace."""
        return None

    def _answer(self, found: Findings) -> JsonObject:
        notes: list[str] = []
        answer: JsonObject = {"tools": [_told(spec) for spec in found.tools]}
        if not found.tools:
            notes.append("No tool fits. Try other words for the thing and the action, or name one of the areas.")
            answer["areas"] = list(self._areas)
        if found.trouble:
            notes.append(f"Only words were compared, not meaning: the embedder failed ({found.trouble}).")
        if notes:
            answer["note"] = " ".join(notes)
        return answer


def _told(spec: ToolSpec) -> JsonObject:
    required = spec.schema.get("required")
    told: JsonObject = {
        "name": spec.name,
        "description": shortened(spec.description),
        "required": required if isinstance(required, list) else [],
    }
    if spec.deprecated:
        told["deprecated"] = shortened(spec.deprecated)
    return told


def shortened(text: str) -> str:
    """Cut a text to what a list can show, between two words."""
    text = " ".join(text.split())
    if len(text) <= _HEAD:
        return text
    head = text[:_HEAD]
    return f"{head.rpartition(' ')[0] or head} …"


def _schema(limit: int) -> JsonObject:
    what: JsonObject = {
        "type": "string",
        "minLength": 1,
        "description": "The action and the thing, in a few words, such as `cancel a shipment`.",
    }
    most: JsonObject = {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST,
        "description": f"How many tools at most; {limit} if left out.",
    }
    return {
        "type": "object",
        "properties": {"query": what, "limit": most},
        "required": ["query"],
        "additionalProperties": False,
    }
