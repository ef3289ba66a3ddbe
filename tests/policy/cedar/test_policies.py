"""Policies that are wrong: each is named with file, line and id, what is wrong and what to do, before any is used."""

import subprocess
import sys

import pytest
from tests.policy.cedar.stage import TOOLS, spec

from remit.core.errors import ConfigError
from remit.policy.cedar import CedarPolicies, Problem, check_policies

ALL = "permit(principal, action, resource);"


def wrong(text: str, *more: str) -> list[str]:
    """Give what is wrong with files `a.cedar`, `b.cedar`, ..."""
    files = {f"{chr(97 + number)}.cedar": one for number, one in enumerate((text, *more))}
    return [str(problem) for problem in check_policies(files, TOOLS)]


def test_what_is_right_has_no_problem() -> None:
    text = f"""
    // what everybody may; even on Sundays
    @id("reads") @note("see the wiki; page 3")
    permit(principal, action in Action::"effect:read", resource)  // find
    when {{ resource.text like "*;*" }}
    unless {{ context.depth > 2 }} // deep
    ;
    {ALL}
    """
    assert (
        wrong(text, "", "// nothing here", "\r\n\tforbid(principal,\r\naction, resource) when { context.depth > 1 };")
        == []
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("permit(principal,\n action resource);", "a.cedar:2: syntax error at column 9: unexpected token `resource`"),
        (f"{ALL}\n\n forbid(principal, action", "a.cedar:3: the policy that begins here has no end; close it with `;`"),
        (f"{ALL};", "a.cedar:1: syntax error at column 37: unexpected token `;`"),
        ("permit(principal, action, resource) when\n{ {a: 1}.a == 1 && foo(3) };",
         "a.cedar:2: syntax error at column 28: `foo` is not a valid function"),
        ('@id("a")\n@id("b") permit(principal, action, resource);', "duplicate annotation: @id"),
        (f"{ALL} // \u202e", "a.cedar:1: holds the invisible character U+202E; write `\\u{202e}`"),
        (f"\ufeff{ALL}", "a.cedar:1: begins with a byte order mark; save it as UTF-8 without one"),
        (f"{ALL} \ufeff", "a.cedar:1: holds the invisible character U+FEFF"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_to_the_column(text: str, says: str) -> None:
    (found,) = wrong(text)
    assert says in found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('permit(principal, action == Action::"create_isue", resource);',
         'there is no `Action::"create_isue"`; did you mean create_issue?'),
        ('permit(principal, action in [Action::"find", Action::"effect:writes"], resource);',
         'there is no `Action::"effect:writes"`; did you mean'),
        ('permit(principal, action == Action::"zzzzzzzzzz", resource);',
         "; there are create_issue, effect:once, effect:read, find, "),
        ('permit(principal, action == Action::"find", resource is Call::wipe);',
         "no tool fits its scope, so it could never apply"),
        ('permit(principal in User::"ann", action, resource);', "there are Session, Agent, Tenant and a Call::NAME"),
        ('permit(principal, action == Action::"create_issue", resource) when { resource.args.priority > 3 };',
         "it may be missing: test it first, as in `resource.args has NAME"),
        ('permit(principal, action, resource) when { resource.args.title == "x" };',
         "to speak of one tool's arguments, name it in `action =="),
        ('permit(principal, action == Action::"find", resource) when { resource.args.q > 3 };',
         "`remit policy schema` lists what there is and of which type"),
        ('permit(principal, action, resource) when { context.spent_usd.lessThan(decimal("0.12345")) };', "decimal"),
        ('permit(principal, action, resource) when { context.hour > 3 && false };', "false for every tool"),
        ('permit(principal, action == Action::"find", resource) when { action in Action::"effect:once" };',
         "false for every tool"),
        ('forbid(principal, action == Action::"find", resource) when { resource.args has titel };',
         "false for every tool"),
        ("permit(principal == ?principal, action, resource);", "is a template, which holds for nobody"),
        ('@aks("sure?") permit(principal, action, resource);', "@aks means nothing here; there are @ask, "),
        ("@ask permit(principal, action, resource);", '@ask is empty; write @ask("...")'),
        ('@id("") permit(principal, action, resource);', "@id is empty"),
        ('@ask("why") forbid(principal, action, resource);', "@ask is for permit"),
        ('@expires("2h") permit(principal, action, resource);', "nothing is asked; add @ask"),
        ('@persons("2") permit(principal, action, resource);', "@persons says how many people are asked, and"),
        ('@escalate("2h") permit(principal, action, resource);', "@escalate says when more people are told, and"),
        ('@ask("why") @persons("0") permit(principal, action, resource);', "@persons is '0'; write how many people"),
        ('@ask("why") @persons("two") permit(principal, action, resource);', "@persons is 'two'"),
        ('@ask("why") @escalate("30") permit(principal, action, resource);', "@escalate is '30'; write a time"),
        ('@ask("why") @escalate("1d") permit(principal, action, resource);', "no earlier than the question lapses"),
        ('@ask("why") @expires("1h") @escalate("2h") permit(principal, action, resource);', "write a shorter time"),
        ('@ask("why") @expires("soon") permit(principal, action, resource);', "@expires is 'soon'; write a time"),
        ('@ask("why") @expires("0s") permit(principal, action, resource);', "@expires is '0s'; write a time"),
    ],
)  # fmt: skip
def test_what_would_not_do_what_its_author_thinks_is_refused(text: str, says: str) -> None:
    found = wrong(f"\n{text}")
    assert found
    assert any(says in one for one in found), found
    assert all(one.startswith("a.cedar:2: policy `") for one in found)


def test_what_is_nested_too_deeply_is_refused() -> None:
    (found,) = wrong(f"permit(principal, action, resource) when {{ context.depth > {'1 + ' * 120}1 }};")
    assert found.startswith("a.cedar:1: cannot be read: ")


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['cedarpy'] = None; import remit.policy.cedar"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "ConfigError: policies in Cedar need an extra: pip install 'remit[cedar]'" in done.stderr


def test_ids_are_unique_over_all_files_and_those_without_one_are_named_by_place() -> None:
    named = f'@id("x") {ALL}'
    assert wrong(named, f"\n{named}") == ["b.cedar:2: policy `x`: a.cedar:1 has the same @id; give each its own"]
    assert wrong(f"{ALL} {ALL}", ALL) == []
    policies = CedarPolicies({"a.cedar": f"{ALL} {ALL}", "b.cedar": named}, TOOLS).policies
    assert [policy.id for policy in policies] == ["a.cedar:1", "a.cedar:1.2", "x"]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as told:
        CedarPolicies(
            {"a.cedar": "permit;", "b.cedar": '@id("b") permit(principal, action == Action::"x", resource);'}, TOOLS
        )
    first, second = str(told.value).splitlines()
    assert first.startswith("a.cedar:1: syntax error")
    assert second.startswith('b.cedar:1: policy `b`: there is no `Action::"x"`')


def test_over_no_tools_no_policy_can_apply() -> None:
    (problem, *_) = check_policies({"a.cedar": 'permit(principal, action == Action::"x", resource);'}, [])
    assert problem == Problem("a.cedar", 1, "a.cedar:1", 'there is no `Action::"x"`; there are no tools')
    assert check_policies({"a.cedar": ALL}, [])
    assert check_policies({}, [spec("a")]) == ()
