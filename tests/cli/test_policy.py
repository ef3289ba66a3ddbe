"""`remit policy`: check policies, show what they may speak of, and test them with tables."""

from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec
import pytest
from tests.cli.bench import Bench, Said
from tests.cli.policies import furnish, policy, write

from remit.core.values import JsonObject


@pytest.fixture
def desk(bench: Bench) -> Bench:
    """A folder with an agent, its policies and their tests."""
    return furnish(bench)


def inline(bench: Bench, *words: str) -> tuple[Path, Said]:
    """Run an act with a project that names policies and tools."""
    project = bench.folder / "remit.toml"
    project.write_text('[policy]\ncedar = "policies"\n\n[sources.desk]\npython = "agent.py:tools"\n', encoding="utf-8")
    return project, bench("policy", *words, "--project", str(project))


# -- check and schema --------------------------------------------------------------------------------------------------


def test_policies_that_are_fine_are_said_to_be_and_what_nobody_may_do_is_noted(desk: Bench) -> None:
    told = policy(desk, "check")
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines() == [
        "note: nobody may use `wipe`: it is dangerous, and no permit names it",
        "4 policies in 1 file are fine for 4 tools",
    ]
    assert policy(desk, "check", "--json").json == {
        "ok": True, "problems": [], "policies": 4, "files": 1, "tools": 4, "closed": ["wipe"],
    }  # fmt: skip


def test_a_mistake_is_named_with_file_line_and_what_to_do(desk: Bench) -> None:
    write(desk, "more.cedar", '\n@id("x") permit(principal, action == Action::"refnd", resource);\npermit(oops);')
    told = policy(desk, "check")
    assert told.status == 2
    place = desk.folder / "policies" / "more.cedar"
    first, second, *_ = told.out.splitlines()
    assert first == f'{place}:2: policy `x`: there is no `Action::"refnd"`; did you mean refund or find?'
    assert second.startswith(f"{place}:3: syntax error at column 13: ")
    problems = policy(desk, "check", "--json").json["problems"]
    assert [one["line"] for one in msgspec.convert(problems, list[JsonObject])] == [2, 3]


@pytest.mark.parametrize("name", ["prod/deny.cedar", "deny.CEDAR"])
def test_a_policy_that_would_be_passed_over_is_a_mistake(desk: Bench, name: str) -> None:
    path = desk.folder / "policies" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("forbid(principal, action, resource);")
    told = policy(desk, "check")
    assert told.status == 2
    assert f"{path} would not be read: policies are *.cedar files" in told.err


def test_the_schema_is_shown_as_text_and_as_json(desk: Bench) -> None:
    told = policy(desk, "schema")
    assert 'action "refund" in [Action::"effect:once"] appliesTo' in told.out
    assert "usd: decimal" in told.out
    assert sorted(policy(desk, "schema", "--json").json) == ["", "Call"]


def test_a_project_says_where_policies_and_tools_are(desk: Bench) -> None:
    _, told = inline(desk, "check", "--json")
    assert (told.status, told.json["tools"], told.json["policies"]) == (0, 4, 4)
    _, told = inline(desk, "schema")
    assert 'action "source:python:desk"' in told.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "--agent", "AGENT"), "--policies DIR names the folder of the policies"),
        (("check", "--project", "nowhere.toml"), "cannot read the project"),
        (("check", "--agent", "AGENT", "--policies", "nowhere"), "no *.cedar files in 'nowhere'"),
        (("test", "--agent", "AGENT", "--policies", "EMPTY"), "no rows in"),
        (("judge",), "invalid choice: 'judge'"),
        ((), "ACT"),
    ],
)
def test_what_is_missing_is_named(desk: Bench, words: tuple[str, ...], says: str) -> None:
    (desk.folder / "empty").mkdir()
    (desk.folder / "empty" / "a.cedar").write_text("permit(principal, action, resource);")
    places = {"AGENT": str(desk.folder / "plain.py"), "EMPTY": str(desk.folder / "empty")}
    told = desk("policy", *(places.get(word, word) for word in words))
    assert (told.status, says in told.err) == (2, True), told.err


def test_a_project_without_policies_and_one_with_a_broken_source_say_what_to_do(desk: Bench) -> None:
    project = desk.folder / "remit.toml"
    project.write_text("", encoding="utf-8")
    told = desk("policy", "check", "--project", str(project))
    assert (told.status, 'add `cedar = "policies"` to [policy]' in told.err) == (2, True)
    project.write_text('[policy]\ncedar = "policies"\n[sources.gone]\npython = "gone.py:tools"\n', encoding="utf-8")
    told = desk("policy", "check", "--project", str(project))
    assert (told.status, "whose source is broken" in told.err, "gone" in told.err) == (2, True, True)


def test_a_file_that_cannot_be_read_is_named(desk: Bench) -> None:
    (desk.folder / "policies" / "bad.cedar").write_bytes(b"\xff")
    told = policy(desk, "check")
    assert (told.status, "bad.cedar cannot be read: it is not UTF-8" in told.err) == (2, True)


# -- test --------------------------------------------------------------------------------------------------------------


def test_rows_that_hold_pass_and_every_policy_was_exercised(desk: Bench) -> None:
    told = policy(desk, "test", "--strict")
    assert (told.status, told.out) == (0, "5 of 5 tests passed\n")


def test_a_row_that_does_not_hold_says_what_came_instead(desk: Bench) -> None:
    write(desk, "more.tests.toml", """
        [[test]]
        name = "wrong kind"
        tool = "refund"
        args = { order = "A", usd = 51 }
        expect = "ask"
        [[test]]
        tool = "find"
        args = { q = "x" }
        expect = "allow"
        by = "large"
        [[test]]
        tool = "find"
        args = { q = 1 }
        expect = "deny"
        [[test]]
        tool = "fnd"
        expect = "deny"
    """)  # fmt: skip
    place, report = desk.folder / "policies" / "more.tests.toml", desk.folder / "junit.xml"
    told = policy(desk, "test", "--junit", str(report))
    assert told.status == 1
    assert told.out.splitlines() == [
        f"{place}: wrong kind: expected ask, got deny: nobody pays that back (`huge` in "
        f"{desk.folder / 'policies' / 'clerk.cedar'}:7)",
        f"{place}: 2: find allow: expected `large` to decide, and it was all",
        f"{place}: 3: find deny: the call never came before the policies: "
        "policies cannot judge this call: argument `q` is 1, not text, as its schema says",
        f"{place}: 4: fnd deny: there is no tool 'fnd'",
        "5 of 9 tests passed",
    ]
    suites = Xml.fromstring(report.read_bytes())
    assert [(suite.get("tests"), suite.get("failures")) for suite in suites] == [("5", "0"), ("4", "4")]
    tests = policy(desk, "test", "--json").json["tests"]
    assert [one["ok"] for one in msgspec.convert(tests, list[JsonObject])] == [True] * 5 + [False] * 4


def test_a_policy_that_no_row_exercises_is_listed(desk: Bench) -> None:
    write(desk, "more.cedar", '@id("deep") forbid(principal, action, resource) when { context.depth > 3 };')
    told = policy(desk, "test")
    assert (told.status, "untested: `deep` in " in told.out) == (0, True)
    assert policy(desk, "test", "--strict").status == 1
    assert policy(desk, "test", "--json").json["untested"] == [
        {"policy": "deep", "file": str(desk.folder / "policies" / "more.cedar"), "line": 1}
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[test]]\ntool = 3", "test 1: Expected `str`, got `int` - at `$.tool`"),
        ('[[test]]\ntool = "find"', "missing required field `expect`"),
        ('[[test]]\ntool = "find"\nexpect = "perhaps"', "Invalid enum value 'perhaps'"),
        ('[[test]]\ntool = "find"\nexpect = "deny"\nbye = "x"', "unknown field `bye`"),
        ('[[test]]\ntool = "find"\nexpect = "deny"\ncontext = { our = 3 }', "unknown field `our`"),
        ('[[test]]\ntool = "find"\nexpect = "deny"\ncontext = { hour = 24 }', "Expected `int` <= 23"),
        ('[[test]]\ntool = "find"\nexpect = "deny"\ncontext = 3', "Expected `object`"),
        ('[[test]]\ntool = "find"\nexpect = "deny"\ncontext = { spent_usd = 1, run_spent_usd = 2 }', "is at least"),
        ("[test]\n", "write [defaults] once and [[test]] for each row"),
        ("[[tests]]\n", "unknown field `tests`"),
        ("= 3", "x.tests.toml: Invalid"),
    ],
)
def test_a_table_that_is_wrong_is_refused(desk: Bench, text: str, says: str) -> None:
    write(desk, "x.tests.toml", text)
    told = policy(desk, "test")
    assert (told.status, says in told.err, "x.tests.toml" in told.err) == (2, True, True), told.err


def test_a_report_that_cannot_be_written_is_an_error(desk: Bench) -> None:
    told = policy(desk, "test", "--junit", str(desk.folder / "no" / "where.xml"))
    assert (told.status, "cannot be written" in told.err) == (2, True)


def test_a_row_says_how_things_stand(desk: Bench) -> None:
    write(desk, "clerk.cedar", """
        permit(principal == Session::"session", action == Action::"find", resource) when {
          principal.tenant == "acme" && principal.agent == "x" && principal.users == ["ann", "bob"]
          && context.depth == 2 && context.steps == 3 && context.labels == ["secret"]
          && context.spent_usd == decimal("2.5") && context.run_spent_usd == decimal("0.25")
          && context.at == datetime("2026-02-03T04:30:00Z") && context.hour == 4 && context.weekday == 2
        };
        forbid(principal, action == Action::"refund", resource) when {
          !(context.spent_usd == decimal("0.25") && context.steps == 0 && context.weekday == 1 && context.hour == 12)
        };
        permit(principal, action == Action::"refund", resource);
    """)  # fmt: skip
    write(desk, "clerk.tests.toml", """
        [[test]]
        tool = "find"
        args = { q = "x" }
        tenant = "acme"
        agent = "x"
        users = ["ann", "bob"]
        expect = "allow"
        [test.context]
        depth = 2
        steps = 3
        labels = ["secret"]
        spent_usd = 2.5
        run_spent_usd = 0.25
        at = 2026-02-03T05:30:00+01:00
        [[test]]
        tool = "refund"
        args = { order = "A", usd = 1 }
        context = { run_spent_usd = 0.25 }
        expect = "allow"
    """)  # fmt: skip
    told = policy(desk, "test")
    assert told.status == 0, told.out
