"""The clerk: an agent whose programs order refunds, as each process of the demo declares it."""

import msgspec

from remit.apps.desk.places import Desk
from remit.apps.desk.tools import order_tools
from remit.core.agent import Agent
from remit.core.ports import Model
from remit.core.values import JsonValue
from remit.policy import AskBefore
from remit.strategies import ProgramTerms, code

ADDRESS = "luis.fernandez@ferreteria-sol.example"
INVOICES = {"INV-2026-0411": "$120.00", "INV-2026-0502": "$80.50", "INV-2026-0517": "$43.20"}


class Told(msgspec.Struct, frozen=True):
    """What such a process did."""

    process: int
    status: str
    resumed: int
    """Programs that went on from where they were kept."""
    ran: int
    """Programs that were begun anew."""


def clerk(desk: Desk, model: Model) -> Agent:
    """Make an agent whose programs order refunds; a person decides on each, as on those of the desk."""
    tools = [tool for tool in order_tools(desk) if tool.spec.name == "order_refund"]
    terms = ProgramTerms(inputs={"address": ADDRESS, "invoices": dict[str, JsonValue](INVOICES)})
    guards = [AskBefore("order_refund")]
    return Agent("clerk", model=model, tools=tools, strategy=code(terms), guards=guards)
