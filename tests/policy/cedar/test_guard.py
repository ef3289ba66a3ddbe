"""Policies in Cedar as a guard: what is permitted, forbidden and asked, and that a doubt is a no."""

from typing import Any

import msgspec
import pytest
from tests.policy.cedar.stage import FIND, FRIDAY, ISSUE, TOOLS, WIPE, guard, judged, opened, spec, spent

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.ports import ALLOW, Verdict
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.policy import judge
from remit.policy.cedar import CedarPolicies

ALL = "permit(principal, action, resource);"
READS = 'permit(principal, action in Action::"effect:read", resource);'


def when(condition: str) -> str:
    return f'permit(principal, action == Action::"create_issue", resource) when {{ {condition} }};'


def test_what_nothing_permits_is_denied_and_the_reason_says_who_asked_for_what() -> None:
    verdict = judged(guard(READS), ISSUE, {"title": "x"})
    assert verdict.kind == "deny"
    assert verdict.reason == (
        "no policy permits `create_issue` to agent `helper` of tenant `acme` with these arguments as things stand"
    )
    assert judged(guard(READS), FIND, {"q": "x"}) == ALLOW


def test_without_any_policy_nothing_is_allowed() -> None:
    assert judged(CedarPolicies({}, TOOLS), FIND, {"q": "x"}).kind == "deny"


def test_a_forbid_wins_and_says_why_and_where() -> None:
    policies = guard(f'{ALL}\n@id("no-jira")\n@reason("jira is frozen")\nforbid(principal, action, resource)\n'
                     'when { resource.hosts.contains("jira.test") };')  # fmt: skip
    assert judged(policies, ISSUE, {"title": "x"}) == Verdict("deny", "jira is frozen (`no-jira` in a.cedar:2)")
    assert judged(policies, FIND, {"q": "x"}) == ALLOW
    bare = guard(f"{ALL}\nforbid(principal, action, resource);")
    assert judged(bare, FIND, {"q": "x"}).reason == "forbidden by `a.cedar:2`"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('principal in Tenant::"acme"', True),
        ('principal in Tenant::"other"', False),
        ('principal in Agent::"helper" && principal.agent == "helper"', True),
        ('principal == Session::"s-1"', True),
        ('principal.users.contains("ann")', True),
        ('["ann", "bob"].containsAll(principal.users) && !principal.users.isEmpty()', True),
        ('["bob"].containsAll(principal.users)', False),
        ('resource.args.title like "Fix*"', True),
        ("resource.args has priority && resource.args.priority < 3", True),
        ('resource.args has budget && resource.args.budget.lessThan(decimal("0.1001"))', True),
        ('resource.args has labels && resource.args.labels.contains("b")', True),
        ('resource.args has customer && resource.args.customer.id == "C-1"', True),
        ("resource.args.notify", True),
        ("resource.args has due", False),
        ('resource.text like "*\\"sneaky\\":\\"y\\"*"', True),
        ("context.depth == 0 && context.steps == 0", True),
        ("context.hour == 10 && context.weekday == 5", True),
        ('context.at == datetime("2026-01-09T10:04:56.500Z")', True),
        ('context.at > datetime("2026-01-10")', False),
        ('action in Action::"owner:support" && action in Action::"source:openapi:jira"', True),
        ('action in Action::"label:internal"', True),
    ],
)  # fmt: skip
def test_a_policy_may_speak_of_who_what_and_how_things_stand(condition: str, holds: bool) -> None:  # noqa: FBT001
    args: JsonObject = {
        "title": "Fix it", "priority": 2, "budget": 0.1, "labels": ["a", "b"], "customer": {"id": "C-1"},
        "due": None, "sneaky": "y",
    }  # fmt: skip
    policies = guard(when(f"({condition}) && context.depth >= 0") if holds else f"{when(condition)}\n{READS}")
    assert judged(policies, ISSUE, args).kind == ("allow" if holds else "deny")


def test_money_is_rounded_up_so_that_a_bound_is_never_passed_unseen() -> None:
    below = guard('permit(principal, action, resource) when { context.spent_usd.lessThanOrEqual(decimal("0.01")) };')
    assert judged(below, FIND, {"q": "x"}, spent(0.01)) == ALLOW
    assert judged(below, FIND, {"q": "x"}, spent(0.010000001)).kind == "deny"
    run = guard('permit(principal, action, resource) when { context.run_spent_usd.greaterThan(decimal("0.0")) };')
    assert judged(run, FIND, {"q": "x"}, spent(0.00001)) == ALLOW


def test_what_the_session_was_given_counts() -> None:
    policies = guard(f'{ALL}forbid(principal, action, resource) when {{ context.labels.contains("confidential") }};')
    assert judged(policies, FIND, {"q": "x"}, spent(0, labels=["confidential"])).kind == "deny"
    assert judged(policies, FIND, {"q": "x"}, spent(0, labels=["public"])) == ALLOW


def test_a_child_session_is_its_root_and_deeper() -> None:
    policies = guard(f'{ALL}forbid(principal == Session::"s-1", action, resource) when {{ context.depth > 1 }};')
    assert judged(policies, FIND, {"q": "x"}, opened(depth=2)).kind == "deny"
    assert judged(policies, FIND, {"q": "x"}, opened(depth=1)) == ALLOW


# -- asking ------------------------------------------------------------------------------------------------------------


def test_a_permit_may_ask_a_person_first() -> None:
    asking = guard('@ask("is the customer told?") @expires("1h30m") permit(principal, action, resource);')
    assert judged(asking, ISSUE, {"title": "x"}) == Verdict("ask", "is the customer told?", expires=5400.0)


def test_asking_wins_over_a_plain_permit_and_the_shortest_time_holds() -> None:
    text = f'{ALL} @ask("a") {ALL} @ask("b") @expires("2h") {ALL} @ask("a") @expires("3h") {ALL}'
    assert judged(guard(text), FIND, {"q": "x"}) == Verdict("ask", "a; b", expires=7200.0)


def test_a_permit_may_ask_several_people_and_tell_more_after_a_time() -> None:
    text = (
        f'@ask("a") @persons("2") {ALL} @ask("b") @escalate("30m") {ALL} @ask("c") @persons("3") @escalate("1h") {ALL}'
    )
    verdict = judged(guard(text), FIND, {"q": "x"})
    assert verdict == Verdict("ask", "a; b; c", persons=3, escalate=1800.0)


def test_a_forbid_wins_over_a_question() -> None:
    text = '@ask("sure?") permit(principal, action, resource); forbid(principal, action, resource);'
    assert judged(guard(text), FIND, {"q": "x"}).kind == "deny"


# -- dangerous tools ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ALL, "deny"),
        ('permit(principal, action in Action::"tools:dangerous", resource);', "deny"),
        ('permit(principal, action, resource) when { action == Action::"wipe" };', "deny"),
        ('permit(principal, action == Action::"wipe", resource);', "allow"),
        ('permit(principal, action in [Action::"effect:read", Action::"wipe"], resource);', "allow"),
        ('permit(principal, action in [Action::"effect:read", Action::"effect:once"], resource);', "deny"),
        (f'{ALL} permit(principal, action == Action::"wipe", resource) when {{ context.depth > 5 }};', "deny"),
        (f'@ask("really?") {ALL}', "ask"),
    ],
)
def test_a_dangerous_tool_needs_a_permit_that_names_it(text: str, kind: str) -> None:
    verdict = judge([guard(text, (FIND, ISSUE, WIPE))], Call("wipe", {}, "c1"), WIPE, opened())
    assert verdict.kind == kind


# -- doubts ------------------------------------------------------------------------------------------------------------


def test_a_policy_that_breaks_denies_even_when_another_permits() -> None:
    policies = guard(f'{ALL}\n@id("sum")\nforbid(principal, action, resource) '
                     "when { context.steps + 9223372036854775807 < 0 };")  # fmt: skip
    assert judged(policies, FIND, {"q": "x"}) == ALLOW
    broken = judged(policies, FIND, {"q": "x"}, spent(1))
    assert broken.kind == "deny"
    assert "`sum` in a.cedar:2: integer overflow" in broken.reason


def test_a_tool_that_no_policy_was_made_for_is_denied() -> None:
    verdict = judged(guard(ALL), spec("other"))
    assert (verdict.kind, "add it there" in verdict.reason) == ("deny", True)


def test_a_tool_that_is_another_than_the_registry_has_is_denied() -> None:
    verdict = judged(guard(ALL), spec("find", "once", q={"type": "string"}, required=["q"]), {"q": "x"})
    assert (verdict.kind, "is not the tool that the policies were made for" in verdict.reason) == ("deny", True)
    same = spec("find", q={"type": "string"}, required=["q"])
    assert judged(guard(ALL), same, {"q": "x"}) == ALLOW


def test_before_a_session_is_open_only_what_nobody_may_do_is_denied() -> None:
    text = 'permit(principal in Tenant::"acme", action in [Action::"find", Action::"wipe"], resource);'
    policies = guard(text)
    assert judged(policies, FIND, {"q": "x"}, State()).kind == "allow"
    assert judged(policies, ISSUE, {"title": "x"}, State()).reason == "no policy permits `create_issue` to anybody"
    assert judged(policies, FIND, {"q": 3}, State()).kind == "deny"
    assert judge([policies], Call("wipe", {}), WIPE, State()).kind == "allow"
    assert judge([guard(ALL)], Call("wipe", {}), WIPE, State()).kind == "deny"


# -- explaining --------------------------------------------------------------------------------------------------------


def test_an_explanation_names_what_decided_what_did_not_and_what_was_asked() -> None:
    policies = guard(f'{READS}\n@id("nights")\n@reason("not at night")\nforbid(principal, action, resource)\n'
                     "when { context.hour > 20 };\n" + when("true"))  # fmt: skip
    day = policies.explain(Call("find", {"q": "x"}, "c7"), FIND, opened())
    assert (day.decision, [policy.id for policy in day.policies], [policy.id for policy in day.others]) == (
        "allow", ["a.cedar:1"], ["nights"],
    )  # fmt: skip
    night = policies.explain(Call("find", {"q": "x"}, "c7"), FIND, opened(), at=FRIDAY + 12 * 3600)
    assert (night.decision, night.reason) == ("deny", "not at night (`nights` in a.cedar:2)")
    assert [(policy.file, policy.line, policy.effect) for policy in night.policies] == [("a.cedar", 2, "forbid")]
    assert night.policies[0].text.endswith("when { context.hour > 20 };")
    assert night.request["resource"] == {"type": "Call::find", "id": "c7"}
    assert night.request["action"] == {"type": "Action", "id": "find"}
    context = night.request["context"]
    assert isinstance(context, dict)
    assert (context["hour"], context["weekday"]) == (22, 5)


def test_what_was_never_asked_has_no_request() -> None:
    found = guard(ALL).explain(Call("find", {"q": 1}, "c7"), FIND, opened())
    assert (found.decision, found.request, [policy.id for policy in found.others]) == ("deny", {}, ["a.cedar:1"])


def test_verdicts_do_not_depend_on_how_many_other_policies_there_are() -> None:
    others = [spec(f"t{number}") for number in range(30)]
    text = "\n".join(f'permit(principal, action == Action::"t{number}", resource);' for number in range(30))
    policies = guard(f'{text}\n@id("last") {READS}', (*TOOLS, *others))
    found = policies.explain(Call("find", {"q": "x"}), FIND, opened())
    assert [policy.id for policy in found.policies] == ["last"]
    assert found.others == ()


# -- nothing slips through ---------------------------------------------------------------------------------------------

FORBIDDING = guard(
    f'{ALL} forbid(principal, action == Action::"create_issue", resource) when '
    "{ (resource.args has priority && resource.args.priority > 3)"
    ' || (resource.args has budget && resource.args.budget.greaterThan(decimal("100.0")))'
    ' || resource.text like "*payroll*" || !resource.args.notify };'
)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"priority": 9}, "forbidden"),
        ({"priority": 9.0}, "forbidden"),
        ({"priority": "9"}, "argument `priority` is '9', not a whole number"),
        ({"priority": [9]}, "not a whole number"),
        ({"priority": True}, "not a whole number"),
        ({"priority": 9.5}, "not a whole number"),
        ({"priority": 2**63}, "64 bits only"),
        ({"priority": 10**400}, "a number of 1329 bits"),
        ({"priority": 1e300}, "64 bits only"),
        ({"priority": None}, "`priority` is null"),
        ({"budget": 100.0001}, "forbidden"),
        ({"budget": 101}, "forbidden"),
        ({"budget": 100.00001}, "4 decimal places only"),
        ({"budget": 1e22}, "numbers up to"),
        ({"budget": float("inf")}, "which is no number"),
        ({"budget": float("nan")}, "which is no number"),
        ({"budget": {"__extn": {"fn": "decimal", "arg": "1.0"}}}, "not a number"),
        ({"title": 7}, "not text"),
        ({"title": {"__entity": {"type": "User", "id": "x"}}}, "not text"),
        ({"title": "a \ud800"}, "cannot be written as JSON"),
        ({"title": "the payroll"}, "forbidden"),
        ({"extra": {"deep": ["payroll"]}}, "forbidden"),
        ({"payroll": 1}, "forbidden"),
        ({"notify": False}, "forbidden"),
        ({"notify": 0}, "not true or false"),
        ({"labels": "a"}, "not a list"),
        ({"labels": ["a", 1]}, "`labels[1]` is 1, not text"),
        ({"customer": {"id": 1}}, "`customer.id` is 1, not text"),
        ({"customer": {}}, "`customer.id` is missing"),
        ({"customer": "C"}, "not an object"),
    ],
)  # fmt: skip
def test_no_argument_slips_past_a_forbid(args: dict[str, JsonValue], says: str) -> None:
    verdict = judged(FORBIDDING, ISSUE, {"title": "x", **args})
    assert (verdict.kind, says in verdict.reason) == ("deny", True), verdict.reason


def test_a_default_counts_as_given() -> None:
    policies = guard(
        f'{ALL} forbid(principal, action == Action::"create_issue", resource) when {{ resource.args.notify }};'
    )
    assert judged(policies, ISSUE, {"title": "x"}).kind == "deny"
    assert judged(policies, ISSUE, {"title": "x", "notify": False}) == ALLOW


def test_a_missing_required_argument_is_denied() -> None:
    assert "`title` is missing" in judged(guard(ALL), ISSUE, {}).reason


def test_text_is_the_same_however_the_arguments_are_ordered() -> None:
    policies = guard(when('resource.text == "{\\"a\\":1,\\"title\\":\\"é\\"}"'))
    assert judged(policies, ISSUE, {"title": "é", "a": 1}) == judged(policies, ISSUE, {"a": 1, "title": "é"})
    assert judged(policies, ISSUE, {"title": "é", "a": 1}).kind == "allow"


def test_mistakes_are_refused_before_anything_is_judged() -> None:
    with pytest.raises(
        ConfigError, match=r"a\.cedar:1: policy `a\.cedar:1`: there is no `Action::\"fnd\"`; did you mean find\?"
    ):
        guard('permit(principal, action == Action::"fnd", resource);')


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"source": "mcp:evil"}, "source"),
        ({"owner": "mallory"}, "owner"),
        ({"labels": ()}, "labels"),
        ({"effect": "read", "dangerous": True}, "effect, danger"),
        ({"schema": {"type": "object"}}, "schema"),
    ],
)
def test_a_tool_that_took_another_s_name_is_in_none_of_its_groups(changed: dict[str, Any], what: str) -> None:
    policies = guard('permit(principal, action in Action::"source:openapi:jira", resource);')
    assert judged(policies, ISSUE, {"title": "x"}) == ALLOW
    other = msgspec.structs.replace(ISSUE, **changed)
    verdict = policies.check(Call("create_issue", {"title": "x"}, "c1"), other, opened())
    assert (verdict.kind, verdict.reason) == (
        "deny",
        f"`create_issue` is not the tool that the policies were made for: it differs in {what}",
    )
    same = msgspec.structs.replace(ISSUE, description="New words.", schema={**ISSUE.schema})
    assert policies.check(Call("create_issue", {"title": "x"}, "c1"), same, opened()) == ALLOW
