"""Promised: the schema of what a tool of ours gives, as MCP wants it: always of an object."""

from dataclasses import dataclass, field

from remit.core.shape import LOCAL
from remit.core.values import JsonObject, JsonValue
from remit.tools.mcp.arguments import SchemaCheck


@dataclass(frozen=True, slots=True)
class Promise:
    """What results look like; one that is no object is given as the `result` of one."""

    schema: JsonObject
    wrapped: bool
    _check: SchemaCheck = field(init=False)

    def __post_init__(self) -> None:
        """Compile it."""
        object.__setattr__(self, "_check", SchemaCheck(self.schema))

    def kept(self, output: JsonValue) -> tuple[JsonObject | None, str]:
        """Give the structured result, or why there is none."""
        value: JsonValue = {"result": output} if self.wrapped else output
        if not isinstance(value, dict):
            return None, "it is no object"
        problem = self._check.problem(value)
        return (None, problem) if problem else (value, "")


def promise(schema: JsonObject | None) -> Promise | None:
    """Make the promise of a tool from the schema of its answers; none where nothing is promised."""
    if schema is None:
        return None
    defs = schema.get("$defs")
    beside: JsonObject = {"$defs": defs} if defs else {}
    ref = schema.get("$ref")
    if isinstance(ref, str) and isinstance(defs, dict):
        root = defs.get(ref.removeprefix(LOCAL))
        schema = {**root, **beside} if isinstance(root, dict) else schema
    if schema.get("type") == "object":
        return Promise(schema, wrapped=False)
    inner: JsonObject = {name: value for name, value in schema.items() if name != "$defs"}
    whole: JsonObject = {"type": "object", "properties": {"result": inner}, "required": ["result"], **beside}
    return Promise(whole, wrapped=True)
