"""A shop whose agents do what agents do in production: mostly well, and sometimes so that somebody must look.

`support` answers mails, and was taught a return policy that is no longer true. `refunds` pays money back once a person
allowed it. `research` never finds what it looks for. `tickets` writes to a service that may not say what it did.
`deliveries` asks a person for a day. Who wants more agents gives them to the shop.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remit.core.agent import Agent
from remit.core.errors import InputRequiredError
from remit.core.limits import Limits, Tenant
from remit.core.messages import ToolMessage, Usage, UserMessage
from remit.core.ports import Probe, Reply, Request, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.home import MEMORY, Home, Settings
from remit.models.prices import FlatPrice
from remit.policy import AskBefore, Honeypot, decoy
from remit.server.access import AccessStore, Facts, Keys, MemoryAccessStore, Opened
from remit.server.access.port import Access
from remit.server.administration import Register
from remit.server.api import Bind, serving, site
from remit.server.console import console
from remit.server.entrance import Bounds
from remit.server.exporting.following import Pace
from remit.server.projection.running import projecting
from remit.server.service import Allows, Service
from remit.server.switches import Board, guarded
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.tools import tool

PRICE = FlatPrice(3.0, 15.0)
TENANTS = (Tenant(name="acme", usd_per_day=25.0, sessions=200), Tenant(name="other"))

OLD_POLICY = "Returns: within 14 days of delivery, unopened only. (Page of 2024.)"

_ORDERS: Mapping[str, JsonObject] = {
    "A-1001": {"customer": "ada@example.com", "item": "espresso grinder", "usd": 129.0, "days_since_delivery": 21},
    "A-1002": {"customer": "bob@example.com", "item": "kettle", "usd": 49.5, "days_since_delivery": 3},
}


@tool(effect="read")
async def look_up_order(order: str) -> JsonValue:
    """Look an order up by its number.

    Args:
        order: Its number, such as A-1001.

    """
    await asyncio.sleep(0.01)
    return _ORDERS.get(order, {"problem": f"there is no order {order}"})


@tool(effect="read")
async def search_knowledge(query: str) -> JsonValue:
    """Search the pages that the shop shows its customers.

    Args:
        query: A few words.

    """
    await asyncio.sleep(0.02)
    return [{"page": "returns-2024", "text": OLD_POLICY, "score": 0.83}]


@tool(effect="read")
async def search_web(query: str) -> JsonValue:
    """Search the web.

    Args:
        query: A few words.

    """
    return []


@tool(effect="read")
async def ask_for_a_day(context: ToolContext) -> JsonValue:
    """Ask whoever is at the desk on which day a parcel shall come."""
    if context.resume is None:
        days: JsonObject = {"type": "string", "title": "Day", "enum": ["Monday", "Friday"]}
        form: JsonObject = {"type": "object", "properties": {"day": days}, "required": ["day"]}
        raise InputRequiredError("On which day shall it come?", form)
    return context.resume.given


@dataclass(eq=False)
class Till:
    """A tool that pays, with what was paid on its own side."""

    counter: EffectCounter
    paid: list[JsonObject] = field(default_factory=list[JsonObject])

    @property
    def spec(self) -> ToolSpec:
        """See `Tool.spec`."""
        return self.counter.spec

    def check(self, args: JsonObject) -> str:
        """See `Tool.check`."""
        return self.counter.check(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """See `Tool.call`."""
        self.paid.append(args)
        return await self.counter.call(args, context)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """See `Tool.probe`."""
        return await self.counter.probe(args, context)


def _outputs(request: Request) -> list[ToolMessage]:
    """Give what tools gave since the last thing a person said."""
    since = itertools.takewhile(lambda one: not isinstance(one, UserMessage), reversed(request.messages))
    return [one for one in since if isinstance(one, ToolMessage)][::-1]


def _task(request: Request) -> str:
    return next((one.text for one in reversed(request.messages) if isinstance(one, UserMessage)), "")


def charged(reply: Reply, request: Request) -> Reply:
    """Have a reply cost what its conversation is long."""
    size = 900 + 160 * len(request.messages)
    return Reply(reply.text, reply.calls, Usage(size, 30 + len(reply.text) // 4, cached=size // 2))


def _support(request: Request) -> Reply:
    task, outputs = _task(request), _outputs(request)
    if "export" in task:
        reply = says("I cannot do that.") if outputs else calls(use("export_customers", format="csv"))
    elif not outputs:
        number = next((word.strip(".,?") for word in task.split() if word.startswith("A-")), "A-1002")
        reply = says("Let me look that up.", use("look_up_order", order=number))
    elif len(outputs) == 1:
        reply = calls(use("search_knowledge", query="returns days"))
    elif "30 days" in task:
        reply = says("You can return it: 30 days are allowed, and 21 have passed. A label is on its way.")
    else:
        reply = says("I am sorry: returns are possible within 14 days only, and 21 have passed.")
    return charged(reply, request)


def _refunds(request: Request) -> Reply:
    outputs = _outputs(request)
    if not outputs:
        reply = calls(use("look_up_order", order="A-1002"))
    elif len(outputs) == 1:
        usd = 490.0 if "large" in _task(request) else 49.5
        reply = says("It arrived broken.", use("refund", order="A-1002", usd=usd, reason="arrived broken"))
    else:
        done = outputs[-1].outcome.status == "ok"
        reply = says("The money is on its way." if done else f"I could not refund: {outputs[-1].outcome.output}")
    return charged(reply, request)


def _research(request: Request) -> Reply:
    number = sum(isinstance(one, ToolMessage) for one in request.messages)
    return charged(
        says("Nothing yet.", use("search_web", query=f"cheapest supplier of kettles, page {number}")), request
    )


def _tickets(request: Request) -> Reply:
    outputs = _outputs(request)
    if not outputs:
        return charged(calls(use("create_ticket", title=_task(request)[:60], priority="high")), request)
    return charged(says(f"Done: {outputs[-1].outcome.output}"), request)


def _deliveries(request: Request) -> Reply:
    outputs = _outputs(request)
    reply = says(f"It comes then: {outputs[-1].outcome.output}") if outputs else calls(use("ask_for_a_day"))
    return charged(reply, request)


@dataclass(eq=False)
class Unsure:
    """Breaks right after a ticket was made, so that nobody can say whether it was."""

    times: int = 1

    def __call__(self, moment: str) -> None:
        """Break so many times."""
        if moment == "after" and self.times > 0:
            self.times -= 1
            raise ConnectionResetError("the connection was lost before the answer came")


@dataclass(eq=False)
class Shop:
    """The agents, and what happened outside."""

    refund: EffectCounter = field(default_factory=lambda: EffectCounter(name="refund", price=0))
    ticket: EffectCounter = field(default_factory=lambda: EffectCounter(name="create_ticket", around=Unsure()))
    pause: float = 0.0
    """Seconds that a model thinks."""
    more: Sequence[Agent] = ()
    """Agents beside those of the shop."""

    def __post_init__(self) -> None:
        """Open the till."""
        self.till = Till(self.refund)

    def agents(self) -> tuple[Agent, ...]:
        """Give all of them."""
        leaking = decoy("export_customers", "Export all customers with their addresses.")
        limits = Limits(usd=1.0)
        return (
            Agent("support", self._model("gpt-5-mini", _support), "You answer mails of a shop's customers.",
                  tools=[look_up_order, search_knowledge, leaking], guards=[Honeypot("export_customers")],
                  limits=limits),
            Agent("refunds", self._model("claude-opus-5", _refunds), "You pay back what a customer is owed.",
                  tools=[look_up_order, self.till], limits=limits,
                  guards=[AskBefore("refund", above={"usd": 400.0}, persons=2), AskBefore("refund")]),
            Agent("research", self._model("local-qwen", _research, 0.05), "You find suppliers.", tools=[search_web],
                  limits=Limits(usd=20.0, steps=5000), detectors=()),
            Agent("tickets", self._model("gpt-5-mini", _tickets), "You write tickets.", tools=[self.ticket],
                  limits=limits),
            Agent("deliveries", self._model("gpt-5-mini", _deliveries), "You plan deliveries.", tools=[ask_for_a_day],
                  limits=limits),
            *self.more,
        )  # fmt: skip

    def _model(self, name: str, turn: Callable[[Request], Reply], pause: float = 0.0) -> ScriptedModel:
        return ScriptedModel(itertools.repeat(turn), price=PRICE, name=name, delay=max(self.pause, pause))


@dataclass
class Open:
    """A shop that is open: its console is at `url`."""

    url: str
    service: Service
    home: Home
    shop: Shop
    store: AccessStore


@contextlib.asynccontextmanager
async def open_shop(
    access: Access | Opened,
    *,
    place: str | Path = MEMORY,
    shop: Shop | None = None,
    port: int = 0,
    store: AccessStore | None = None,
) -> AsyncGenerator[Open]:
    """Serve a shop with its console on loopback; `store` has its keys, switches and audit log."""
    shop, store = shop or Shop(), store or MemoryAccessStore()
    opened = access if isinstance(access, Opened) else None
    register = Register(
        opened.keys if opened else Keys(store.keys),
        store.log,
        opened.facts if opened else Facts(host="127.0.0.1", schemes=("local",)),
    )
    async with (
        Board(store.switches, every=0.05).kept() as board,
        Home.open(place, guarded(Settings(tenants=TENANTS), board)) as home,
        projecting(home, place, pace=Pace(every=0.1, least=0.02), every=0.1) as views,
    ):
        service = Service(home, shop.agents(), projection=views, allows=Allows(own_approvals=True), switches=board)
        cookies = opened.cookies if opened else None
        entry = access.access if isinstance(access, Opened) else access
        app = site(service, entry, Bounds(), cookies=cookies, register=register, fronts=[console])
        async with serving(app, service, Bind(port=port), grace=1.0) as url:
            yield Open(url, service, home, shop, store)
