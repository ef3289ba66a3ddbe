"""A bench with policies: an agent under them, their tests, and an agent with the same tools and no guard."""

from tests.cli.bench import Bench, Said

AGENT = '''
import itertools
from pathlib import Path

from remit import Agent, AskBefore, Call, tool
from remit.core.messages import ToolMessage
from remit.policy.cedar import CedarPolicies
from remit.policy.hosts import HostPolicy
from remit.testing import ScriptedModel, calls, says, use
from remit.tools.http import Egress, Outgoing

HERE = Path(__file__).parent
egress = Egress(HostPolicy(block=["payroll.test"], otherwise="allow"))


@tool(effect="read")
async def find(q: str, limit: int = 10) -> str:
    """Find."""
    return "found"


@tool(effect="read")
async def fetch(url: str) -> str:
    """Fetch."""
    return (await egress.send(Outgoing("GET", url))).body.decode()


@tool(effect="once")
async def refund(order: str, usd: float) -> str:
    """Pay back."""
    return "paid"


@tool(effect="once", dangerous=True)
async def wipe() -> str:
    """Wipe."""
    return "wiped"


def model(*wanted: Call) -> ScriptedModel:
    def reply(request):
        return says("done") if isinstance(request.messages[-1], ToolMessage) else calls(*wanted)

    return ScriptedModel(itertools.repeat(reply))


tools = [find, fetch, refund, wipe]
policies = {path.name: path.read_text() for path in sorted((HERE / "policies").glob("*.cedar"))}
guards = [AskBefore("nothing"), CedarPolicies(policies, [one.spec for one in tools])]
agent = Agent(
    "clerk",
    model=model(use("refund", order="A1", usd=70.0), use("refund", order="A2", usd=7.0), use("wipe")),
    tools=tools,
    guards=guards,
)
asker = Agent("asker", model=model(use("refund", order="A1", usd=30.0)), tools=tools, guards=guards)
free = Agent("free", model=model(use("refund", order="A1", usd=70.0)), tools=tools)
fetcher = Agent("fetcher", model=model(use("fetch", url="http://payroll.test/")), tools=tools, guards=guards)
'''

PLAIN = f"""{AGENT.partition("policies = ")[0]}
agent = Agent("plain", model=model(), tools=tools)
"""

POLICIES = """
@id("all") permit(principal, action in [Action::"effect:read", Action::"effect:once"], resource);

@id("large") @ask("is it right?") @expires("2h")
permit(principal, action == Action::"refund", resource) when { resource.args.usd.greaterThan(decimal("20.0")) };

@id("huge") @reason("nobody pays that back")
forbid(principal, action == Action::"refund", resource) when { resource.args.usd.greaterThan(decimal("50.0")) };

@id("night") forbid(principal, action, resource) when { context.hour < 6 && context.weekday > 5 };
"""

TESTS = """
[defaults]
agent = "clerk"
context = { depth = 1 }

[[test]]
name = "small"
tool = "refund"
args = { order = "A", usd = 5 }
expect = "allow"
by = "all"

[[test]]
tool = "refund"
args = { order = "A", usd = 21 }
expect = "ask"
by = "large"

[[test]]
tool = "refund"
args = { order = "A", usd = 51 }
expect = "deny"
by = "huge"

[[test]]
name = "dangerous"
tool = "wipe"
expect = "deny"

[[test]]
tool = "find"
args = { q = "x" }
context = { hour = 5, weekday = 7, spent_usd = 2, run_spent_usd = 1.5, steps = 3, labels = ["a"] }
expect = "deny"
by = "night"
"""


def furnish(bench: Bench) -> Bench:
    """Put an agent, its policies and their tests into a bench."""
    (bench.folder / "agent.py").write_text(AGENT, encoding="utf-8")
    (bench.folder / "plain.py").write_text(PLAIN, encoding="utf-8")
    (bench.folder / "policies").mkdir()
    write(bench, "clerk.cedar", POLICIES)
    write(bench, "clerk.tests.toml", TESTS)
    return bench


def write(bench: Bench, name: str, text: str) -> None:
    (bench.folder / "policies" / name).write_text(text, encoding="utf-8")


def policy(bench: Bench, act: str, *words: str) -> Said:
    """Run an act over the folder's policies and the tools of an agent that has no guard of its own."""
    where = ["--agent", str(bench.folder / "plain.py")]
    if act != "schema":
        where += ["--policies", str(bench.folder / "policies")]
    return bench("policy", act, *where, *words)
