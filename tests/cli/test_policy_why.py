"""`remit policy why`: why a call of a session was judged so, by whom, and what the journal holds of it."""

import msgspec
import pytest
from tests.cli.bench import Bench
from tests.cli.policies import AGENT, furnish

from remit.core.values import JsonObject


@pytest.fixture
def desk(bench: Bench) -> Bench:
    """A folder with an agent, its policies and their tests."""
    return furnish(bench)


def test_each_call_of_a_step_is_explained_with_all_guards_and_the_journal(desk: Bench) -> None:
    session = desk.run("agent").session
    out = desk("policy", "why", session, "0").out
    for part in (
        'c1_0_0  refund(order="A1", usd=70.0)',
        "  AskBefore: allow",
        "  CedarPolicies: deny: nobody pays that back (`huge` in clerk.cedar:7)",
        "    decided by `huge` in clerk.cedar:7",
        "      forbid(principal, action",
        "    not met: `night` in clerk.cedar:10",
        '    action: {"type":"Action","id":"refund"}',
        "so today: deny: nobody pays that back (`huge` in clerk.cedar:7) (CedarPolicies)",
        "journal: CedarPolicies said deny: nobody pays that back (`huge` in clerk.cedar:7)",
        'c1_0_1  refund(order="A2", usd=7.0)',
        "journal: no guard objected",
        "journal: ok: paid",
        "so today: deny: `wipe` is dangerous and no permission names it (dangerous)",
    ):
        assert part in out, out


def test_it_judges_as_at_the_time_and_with_what_was_spent_then(desk: Bench) -> None:
    session = desk.run("agent").session
    (told,) = desk("policy", "why", session, "c1_0_1", "--json").lines
    guards = msgspec.convert(told["guards"], list[JsonObject])
    context = msgspec.convert(guards[1]["request"], JsonObject)["context"]
    shown = desk("show", session, "--json").lines
    started = next(line for line in shown if line["kind"] in {"Judged", "EffectStarted"} and "c1_0_1" in str(line))
    assert told["at"] == started["at"]
    assert msgspec.convert(context, JsonObject)["steps"] == 2  # the question and the move it led to
    assert (told["now"], told["recorded"]) == ({"verdict": "allow", "reason": "", "guard": ""}, [])


def test_a_question_and_its_answer_are_told(desk: Bench) -> None:
    session = desk.run("asker").session
    assert "journal: CedarPolicies said ask: is it right?" in desk("policy", "why", session, "c1_0_0").out
    desk("approve", session, "--by", "ann", "--reason", "yes")
    out = desk("policy", "why", session, "0").out
    assert "so today: ask: is it right?" in out
    assert "journal: ann said approved: yes" in out
    assert "journal: ok: paid" in out


def test_what_the_host_policy_refused_is_said_to_be(desk: Bench) -> None:
    session = desk.run("fetcher").session
    out = desk("policy", "why", session, "0").out
    assert "so today: allow" in out
    assert "journal: no guard objected" in out
    assert "journal: the host policy refused it: " in out
    assert "http://payroll.test is blocked by the rule `block: payroll.test`" in out
    (told,) = desk("policy", "why", session, "0", "--json").lines
    assert "blocked by the rule" in str(told["unreached"])


def test_a_tool_that_the_agent_no_longer_has_is_named(desk: Bench) -> None:
    session = desk.run("fetcher").session
    text = AGENT.replace("tools = [find, fetch,", "tools = [find,")
    (desk.folder / "agent.py").write_text(text, encoding="utf-8")
    assert "the agent has no tool 'fetch'" in desk("policy", "why", session, "0").out
    (told,) = desk("policy", "why", session, "0", "--json").lines
    assert (told["guards"], told["now"]) == ([], None)


def test_a_step_without_calls_lists_those_there_are(desk: Bench) -> None:
    session = desk.run("asker").session
    for step in ("7", "c9_9_9", "x"):
        told = desk("policy", "why", session, step)
        assert (told.status, f"no call {step!r}" in told.err, "c1_0_0" in told.err) == (2, True, True)


CHANGING = """

from remit.core.ports import Verdict


class Halving:
    def check(self, call, spec, state):
        return Verdict("redact", "half", args={**call.args, "usd": call.args["usd"] / 2})


class Broken:
    def check(self, call, spec, state):
        return Verdict("deny" if 1 / (call.args["usd"] - 30) else "allow")


changer = Agent(
    "changer",
    model=model(use("refund", order="A1", usd=60.0)),
    tools=tools,
    guards=[Halving(), Broken(), *guards],
)
"""

OWN = """

from remit import run


class Box:
    name = "box"

    async def open(self):
        return tools

    async def close(self):
        pass


def twice(brief):
    yield from run([Call("refund", {"order": "A1", "usd": 30})])
    yield from run([Call("find", {"q": "x"})])
    yield from run([Call("wipe", {})])
    return "done"


fixed = Agent("fixed", model=model(), toolsets=[Box()], guards=guards, strategy=twice)
"""


def test_guards_that_change_or_break_a_call_are_heard_in_their_order(desk: Bench) -> None:
    (desk.folder / "agent.py").write_text(AGENT + CHANGING, encoding="utf-8")
    session = desk.run("changer").session
    out = desk("policy", "why", session, "c1_0_0").out
    assert "  Halving: redact: half" in out
    assert "  Broken: deny: Broken could not judge this call (ZeroDivisionError: " in out
    # What stands after a guard that changes the arguments is asked about the changed ones.
    assert "  CedarPolicies: ask: is it right?" in out
    assert "journal: Broken said deny: Broken could not judge this call" in out


def test_a_policy_that_cannot_be_evaluated_is_shown_with_its_error(desk: Bench) -> None:
    (desk.folder / "policies" / "sum.cedar").write_text(
        '@id("sum") forbid(principal, action, resource) when { context.steps + 9223372036854775807 < 0 };'
    )
    session = desk.run("asker").session
    out = desk("policy", "why", session, "0").out
    assert "    error while evaluating policy `sum` in sum.cedar:1: integer overflow" in out


def test_calls_that_a_strategy_made_itself_with_tools_of_a_toolset_are_found(desk: Bench) -> None:
    (desk.folder / "agent.py").write_text(AGENT + OWN, encoding="utf-8")
    session = desk.run("fixed").session
    out = desk("policy", "why", session, "0").out
    assert 'c1_0_0  refund(order="A1", usd=30)' in out
    assert "  CedarPolicies: ask: is it right?" in out
    desk("approve", session)
    assert "journal: ok: found" in desk("policy", "why", session, "1").out
    assert "journal: dangerous said deny: `wipe` is dangerous" in desk("policy", "why", session, "2").out
    (told,) = desk("policy", "why", session, "1", "--json").lines
    assert told["tool"] == "find"


def test_the_guards_of_the_home_are_asked_before_those_of_the_agent(desk: Bench) -> None:
    path = desk.folder / "agent.py"
    path.write_text(f"{path.read_text()}\nfrom remit import Settings\n\nsettings = Settings(guards=guards)\n")
    session = desk.run("free").session
    out = desk("policy", "why", session, "c1_0_0").out
    assert "  CedarPolicies: deny: nobody pays that back (`huge` in clerk.cedar:7)" in out
    assert "so today: deny: nobody pays that back" in out


def test_a_call_that_a_person_changed_is_judged_as_it_was_and_as_it_became(desk: Bench) -> None:
    session = desk.run("asker").session
    args = '{"order": "A1", "usd": 60.0}'
    desk("approve", session, "--by", "ann", "--args", args, "--no-resume")
    before = desk("policy", "why", session, "c1_0_0").out
    assert before.index("usd=30.0") < before.index("ann said edited") < before.index("usd=60.0")
    assert before.index("usd=60.0") < before.index("so today: deny: nobody pays that back")
    assert "journal: it has not been judged yet" in before
    desk("resume", session)
    first, second = desk("policy", "why", session, "c1_0_0", "--json").lines
    assert (first["args"], first["outcome"]) == ({"order": "A1", "usd": 30.0}, None)
    assert msgspec.convert(first["recorded"], list[JsonObject])[-1]["args"] == {"order": "A1", "usd": 60.0}
    assert second["args"] == {"order": "A1", "usd": 60.0}
    assert msgspec.convert(second["now"], JsonObject)["verdict"] == "deny"
    assert msgspec.convert(second["outcome"], JsonObject)["status"] == "denied"
