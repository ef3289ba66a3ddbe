"""BFCL's methods as tools, and their world: what was really done, by idempotency key, whatever a journal says."""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import jsonschema_rs
from tests.bfcl.backend import Instances, as_json, fresh
from tests.bfcl.tasks import Document, Task, functions

from remit.core.messages import Call
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue

Moment = Literal["before", "after"]

READS = {
    "GorillaFileSystem": "cat diff du find grep ls pwd sort tail wc",
    "MathAPI": " ".join(functions("MathAPI")),
    "MessageAPI": "get_message_stats get_user_id list_users message_get_login_status search_messages "
    "view_messages_sent",
    "TwitterAPI": "get_tweet get_tweet_comments get_user_stats get_user_tweets list_all_following "
    "posting_get_login_status search_tweets",
    "TicketAPI": "get_ticket get_user_tickets ticket_get_login_status",
    "TradingBot": "filter_stocks_by_price get_account_info get_available_stocks get_current_time get_order_details "
    "get_order_history get_stock_info get_symbol_by_name get_transaction_history get_watchlist notify_price_change "
    "trading_get_login_status",
    "TravelAPI": "compute_exchange_rate get_all_credit_cards get_booking_history get_budget_fiscal_year "
    "get_credit_card_balance get_nearest_airport_by_city list_all_airports retrieve_invoice travel_get_login_status "
    "verify_traveler_information",
    "VehicleControlAPI": "check_tire_pressure displayCarStatus display_log estimate_distance "
    "estimate_drive_feasibility_by_mileage find_nearest_tire_shop gallon_to_liter "
    "get_outside_temperature_from_weather_com get_zipcode_based_on_city liter_to_gallon",
}
"""The methods that only read. All others are `once`, also those that change no more than a private attribute: the
current directory, a table of prices, or the state of a generator of random numbers."""


def reads(document: Document) -> bool:
    """Say whether a function only reads."""
    return document.name in READS[document.owner].split()


@dataclass(frozen=True, slots=True)
class Care:
    """How the methods that change something are declared, and what their side does with keys."""

    effect: EffectClass
    reconciles: bool = False
    dedups: bool = False


PROBED = Care("once", reconciles=True)
KEYED = Care("idempotent", dedups=True)
BARE = Care("once")
"""Nobody can ask whether a call happened."""
FORGETFUL = Care("idempotent")
"""Says that a key counts once, and does not hold to it."""


@dataclass(frozen=True, slots=True)
class Done:
    """A method that was really executed."""

    key: str
    call: Call
    reads: bool


def _nothing(moment: Moment) -> None:
    """Let every call be."""


@dataclass(eq=False)
class World:
    """The instances of a task, which outlive every process, with what was done to them."""

    instances: Instances
    came: list[str] = field(default_factory=list[str])
    """The key of every attempt that reached a tool."""
    done: list[Done] = field(default_factory=list[Done])
    given: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """What each key was answered, as it was at that time."""
    around: Callable[[Moment], None] = _nothing
    """Called just before and just after a method is executed; may raise, as a simulated death."""

    def twice(self) -> list[str]:
        """Give the keys that changed something more than once."""
        counted = Counter(done.key for done in self.done if not done.reads)
        return [key for key, count in counted.items() if count > 1]

    def distinct(self) -> list[Call]:
        """Give the calls that were executed, each key once, in the order of their first time."""
        return list({done.key: done.call for done in reversed(self.done)}.values())[::-1]


@dataclass(frozen=True, slots=True)
class MethodTool:
    """A method of one of BFCL's instances as a tool."""

    spec: ToolSpec
    method: Callable[..., JsonValue]
    world: World
    care: Care
    validator: jsonschema_rs.Draft202012Validator

    def check(self, args: JsonObject) -> str:
        """Check against the schema that was made of BFCL's document."""
        return "\n".join(error.message for error in self.validator.iter_errors(args))

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Execute the method, unless this side knows the key."""
        world, key = self.world, context.key
        world.came.append(key)
        if self.care.dedups and self.spec.effect != "read" and key in world.given:
            return world.given[key]
        world.around("before")
        world.done.append(Done(key, Call(self.spec.name, args), self.spec.effect == "read"))
        # As over a wire: methods keep the lists they are given, give parts of their own state away, and change both.
        output = as_json(copy.deepcopy(self.method(**copy.deepcopy(args))))
        world.given[key] = output
        world.around("after")
        return output

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say whether the key was executed, and what it was answered."""
        happened = context.key in self.world.given
        return Probe(happened, self.world.given.get(context.key))


def world_of(task: Task) -> World:
    """Make the world of a task as it is before its first turn."""
    return World(fresh(task.config, task.classes))


def tools(task: Task, world: World, care: Care) -> Sequence[MethodTool]:
    """Make a tool of every function that BFCL offers for a task."""
    return [_tool(document, world, care) for document in task.documents()]


def _tool(document: Document, world: World, care: Care) -> MethodTool:
    careful = Care("read") if reads(document) else care
    spec = ToolSpec(
        name=document.name,
        description=document.description,
        schema=document.schema,
        effect=careful.effect,
        reconciles=careful.reconciles,
        source=f"bfcl:{document.owner}",
    )
    method = getattr(world.instances[document.owner], document.name)
    return MethodTool(spec, method, world, careful, _validator(document.owner, document.name))


@cache
def _validator(owner: str, name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(functions(owner)[name].schema)
