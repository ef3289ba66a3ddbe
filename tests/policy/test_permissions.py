"""Permissions: the first rule that matches decides, and nothing slips past an argument pattern."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.policy import Allow, AskFor, Deny, Pattern, Permissions, Rule


def judged(permissions: Permissions, tool: str, args: JsonObject | None = None) -> Verdict:
    spec = ToolSpec(name=tool, description="", schema={"type": "object"})
    return permissions.check(Call(tool, args or {}), spec, State())


def test_the_first_rule_that_matches_decides() -> None:
    permissions = Permissions(Deny("mail_*"), AskFor("refund"), Allow("*"))
    assert judged(permissions, "mail_all").kind == "deny"
    assert judged(permissions, "refund").kind == "ask"
    assert judged(permissions, "weather").kind == "allow"


def test_what_no_rule_matches_is_denied_and_the_reason_names_the_tool() -> None:
    assert judged(Permissions(), "weather") == Verdict("deny", "no permission covers `weather` with these arguments")


def test_what_no_rule_matches_may_be_allowed_instead_without_naming_anything() -> None:
    assert judged(Permissions(otherwise="allow"), "weather") == ALLOW


def test_an_unknown_default_is_refused() -> None:
    with pytest.raises(ConfigError, match="'maybe' is neither"):
        Permissions(otherwise="maybe")  # pyright: ignore[reportArgumentType]  what an untyped caller may do


def test_only_the_exact_name_of_a_tool_counts_as_naming_it() -> None:
    assert judged(Permissions(Allow("wipe")), "wipe").reason
    assert judged(Permissions(Allow("wip*")), "wipe") == ALLOW


def test_reasons_say_which_rule_it_was() -> None:
    rules = Permissions(Deny("pay", **{"to.country": "X?", "amount": 5}), AskFor("pay", currency="EUR"))
    assert judged(rules, "pay", {"to": {"country": "XY"}, "amount": 5}).reason == (
        "not permitted: `pay` where to.country is X? and amount is 5"
    )
    assert judged(rules, "pay", {"currency": "EUR"}).reason == "a person must approve `pay` where currency is EUR"


@pytest.mark.parametrize(
    ("want", "value", "fits"),
    [
        ("C-*", "C-17", True),
        ("C-*", "D-17", False),
        ("1?", 12, True),
        (5, 5, True),
        (5, 5.0, True),
        (5, "5", False),
        (1, True, False),
        (True, True, True),
        (True, 1, False),
        (None, None, True),
        (None, 0, False),
        ("true", True, True),
        ("*", ["a", "b"], True),
        ("a*", ["a1", "a2"], True),
        ("a*", ["a1", "b"], False),
        ("a*", [], False),
    ],
)
def test_an_allowed_argument_fits_its_pattern_with_all_its_values(
    want: Pattern, value: JsonValue, *, fits: bool
) -> None:
    assert (judged(Permissions(Allow("t", x=want)), "t", {"x": value}).kind == "allow") == fits


def test_a_missing_argument_never_matches_a_rule() -> None:
    assert judged(Permissions(Allow("t", x="*")), "t").kind == "deny"
    assert judged(Permissions(Allow("t", **{"x.y": "*"})), "t", {"x": [{"y": 1}, {}]}).kind == "deny"
    assert judged(Permissions(Deny("t", x="*"), otherwise="allow"), "t").kind == "allow"


def test_one_bad_value_in_a_list_is_enough_to_deny() -> None:
    deny = Permissions(Deny("mail", to="*@evil.example"), otherwise="allow")
    assert judged(deny, "mail", {"to": ["a@good.example", "b@evil.example"]}).kind == "deny"


@pytest.mark.parametrize(
    "path", ["docs/../etc/passwd", "docs/..", "docs/%2e%2E/x", "docs/..\\x", "docs/a%2f..%2fb", "docs/a b/../../c"]
)
def test_an_allowed_folder_cannot_be_climbed_out_of(path: str) -> None:
    assert judged(Permissions(Allow("read", path="docs/*")), "read", {"path": path}).kind == "deny"


@pytest.mark.parametrize("path", ["docs/a..b", "docs/v1..v2.txt", "docs/wait...", "docs/.hidden"])
def test_dots_within_a_name_do_no_harm(path: str) -> None:
    assert judged(Permissions(Allow("read", path="docs/*")), "read", {"path": path}).kind == "allow"


def test_a_pattern_for_anything_or_the_very_text_may_hold_two_dots() -> None:
    assert judged(Permissions(Allow("say", text="*")), "say", {"text": "cd .."}).kind == "allow"
    assert judged(Permissions(Allow("sh", command="cd ..")), "sh", {"command": "cd .."}).kind == "allow"


GLOBS = st.sampled_from(["*", "a", "b", "a*", "?"])
WHERE = st.dictionaries(st.sampled_from(["x", "y", "x.y"]), st.sampled_from(["*", "1", "a*", 1, None]), max_size=2)
KINDS: list[type[Allow] | type[Deny] | type[AskFor]] = [Allow, Deny, AskFor]


def rule(kind: type[Allow] | type[Deny] | type[AskFor], tool: str, where: dict[str, Pattern]) -> Rule:
    return kind(tool, **where)


def deny_rule(tool: str, where: dict[str, Pattern]) -> Deny:
    return Deny(tool, **where)


RULES = st.builds(rule, st.sampled_from(KINDS), GLOBS, WHERE)
DENIES = st.builds(deny_rule, GLOBS, WHERE)
VALUES = st.recursive(
    st.sampled_from([1, "1", "ab", None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("y"), inner),
)
ARGS = st.dictionaries(st.sampled_from(["x", "y"]), VALUES)
DEFAULTS: list[Literal["allow", "deny"]] = ["allow", "deny"]


@given(rules=st.lists(RULES, max_size=4), deny=DENIES, place=st.integers(0, 4), args=ARGS, data=st.data())
def test_one_more_deny_never_widens(
    rules: list[Rule], deny: Deny, place: int, args: JsonObject, data: st.DataObject
) -> None:
    otherwise = data.draw(st.sampled_from(DEFAULTS))
    tool = data.draw(st.sampled_from(["a", "b", "ab"]))
    before = judged(Permissions(*rules, otherwise=otherwise), tool, args)
    after = judged(Permissions(*rules[:place], deny, *rules[place:], otherwise=otherwise), tool, args)
    assert after == before or after.kind == "deny"
