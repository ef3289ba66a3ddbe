"""Honeypots: the model sees a success, and nothing can ever run."""

import pytest

from remit.core.errors import RejectedError
from remit.core.messages import Call
from remit.core.ports import ALLOW, Tool, ToolContext, ToolSpec
from remit.core.state import State
from remit.core.values import JsonObject
from remit.policy import Honeypot, decoy


def test_a_honeypot_simulates_its_own_tool_only() -> None:
    trap = Honeypot("export_customers", output={"rows": 1204})
    verdict = trap.check(Call("export_customers", {}), decoy("export_customers", "All customers.").spec, State())
    assert (verdict.kind, verdict.output) == ("simulate", {"rows": 1204})
    assert verdict.reason == "`export_customers` is a honeypot: no honest task needs it"
    other = ToolSpec(name="look_up", description="", schema={})
    assert trap.check(Call("look_up", {}), other, State()) == ALLOW


async def test_a_decoy_is_a_tool_that_never_runs() -> None:
    tool: Tool = decoy("export_customers", "Export all customers.")
    assert tool.spec.schema["type"] == "object"
    assert tool.check({"format": "csv"}) == ""
    with pytest.raises(RejectedError, match="`export_customers` is not available"):
        await tool.call({}, ToolContext())
    found = await tool.probe({}, ToolContext())
    assert found is not None
    assert not found.happened


def test_a_decoy_shows_the_schema_it_is_given() -> None:
    schema: JsonObject = {"type": "object", "properties": {"format": {"type": "string"}}}
    assert decoy("export", "Export.", schema).spec.schema == schema
