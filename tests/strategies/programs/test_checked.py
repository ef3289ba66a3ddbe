from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.messages import Call
from remit.core.moves import Brief, ToolCard
from remit.core.programs import Mount, SandboxPolicy
from remit.core.values import JsonValue
from remit.strategies.programs.checked import Report, check
from remit.strategies.programs.languages import language
from remit.strategies.programs.stubs import stubs

CARDS = {
    "find": ToolCard("find", "Find.", ("name",), ("city", "name"), price=5),
    "send-mail": ToolCard("send-mail", "Send.", ("to", "from"), ("to", "from")),
}
FULL = SandboxPolicy(language="full", packages=("pandas",))


def _preview(call: Call) -> str:
    return f"mails to {call.args.get('to', 'whom')!r} need approval" if call.tool == "send-mail" else ""


def report(code: str, policy: SandboxPolicy | None = None, inputs: Mapping[str, JsonValue] | None = None) -> Report:
    brief = Brief("", CARDS, _preview)
    return check(code, brief, stubs(CARDS.values()).functions, language(policy or SandboxPolicy()), inputs)


def told(code: str, policy: SandboxPolicy | None = None, inputs: Mapping[str, JsonValue] | None = None) -> list[str]:
    return list(map(str, report(code, policy, inputs).problems))


GOOD = """
import math
from decimal import Decimal

def total(rows):
    return sum(Decimal(row["amount"]) for row in rows)

rows = find("Ann", city="Rome")
who = "bob@example.org"
if rows:
    send_mail(to=who, from_="me")
for name in people:
    try:
        find(name)
    except Exception as error:
        print(type(error).__name__, error)
{"total": str(total(rows)), "root": math.sqrt(len(rows)), "date": getattr(rows, "date", None)}
"""


def test_a_good_program_has_no_problems_and_is_reported() -> None:
    found = report(GOOD, inputs={"people": ["a", "b"]})
    assert found.problems == ()
    assert found.calls == {"find": 3, "send-mail": 1}
    assert found.cost == 15
    assert [(place.tool, place.args) for place in found.places] == [
        ("find", {"name": "Ann", "city": "Rome"}),
        ("send-mail", {"to": "bob@example.org", "from": "me"}),
        ("find", None),
    ]
    assert found.as_json() == {
        "calls": {"find": 3, "send-mail": 1},
        "cost": 15,
        "asks": [{"line": 11, "tool": "send-mail", "why": "mails to 'bob@example.org' need approval"}],
    }


def test_calls_with_unknown_arguments_are_previewed_without_any() -> None:
    (place,) = report("send_mail(**x)\nx = {}\nx").asks
    assert place.asks == "mails to 'whom' need approval"
    assert place.args is None


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("find(nam='a')", "line 1: find: it has no argument 'nam'; it has: name, city"),
        ("find()", "line 1: find: it needs the argument 'name'"),
        ("find('a', 'b', 'c')", "line 1: find: it takes 2 arguments (name, city), and 3 are given"),
        ("find('a', name='b')", "line 1: find: the argument 'name' is given twice"),
        ("fnd('a')", "line 1: 'fnd' is neither defined nor a tool; did you mean 'find'?"),
        ("zzzzqq('a')", "line 1: 'zzzzqq' is neither defined nor a tool"),
        ("find = 1\nfind", "line 1: 'find' is a tool; choose another name"),
        ("def f(find):\n    pass\n1", "line 1: 'find' is a tool; choose another name"),
        ("import math as find\n1", "line 1: 'find' is a tool; choose another name"),
        ("eval('1')", "line 1: `eval` is not allowed: write the code itself"),
        ("x = open\nx", "line 1: there are no files here: leave `open` out"),
        ("().__class__", "line 1: `__class__` is not allowed: programs do without the inside of Python"),
        ("__builtins__", "line 1: `__builtins__` is not allowed: programs do without the inside of Python"),
        ("import re\nre.sys", "line 2: `.sys` is not allowed: programs do without the inside of Python"),
        ("from math import *\n1", "line 1: `import *` is not allowed: import what you need by its name"),
        ("from re import sys\n1", "line 1: `import sys` is not allowed: import what you need by its name"),
        ("x = 'n'\ngetattr(x, x)", "line 2: `getattr` needs a name that is written out: write `value.name`"),
        ("type('A', (), {})", "line 1: `type` makes no classes here: write `class`"),
        ("def f():\n    yield 1\n1", "line 2: there are no generators here: build a list and return it"),
        ("class A(Exception):\n    pass\n1", "line 1: classes cannot inherit here"),
        ("class A:\n    @property\n    def f(self): pass\n1", "line 1: methods cannot be decorated here"),
        ("x = 1\ndel x\n1", "line 2: there is no `del` here"),
        ("async def f(): pass\n1", "line 1: nothing is async here"),
        ("await find('a')", "line 1: nothing is async here"),
        ("x = 1", "line 1: the program gives no answer: its last line must be an expression"),
        ("", "the program is empty"),
        ("import random\nfind(str(random.random()))", "line 1: a program that calls tools must do the same"),
        ("import datetime\nfind(str(datetime.date.today()))", "line 2: a program that calls tools must do the same"),
        ("x = (", "line 1: it does not parse"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(code: str, problem: str) -> None:
    assert any(text.startswith(problem) for text in told(code)), told(code)


def test_modules_are_those_of_the_language_and_its_packages() -> None:
    code = "import os\nimport statistics\nimport pandas.io\nfrom . import x\n1"
    assert [text[:40] for text in told(code)] == [
        "line 1: the module 'os' cannot be import",
        "line 2: the module 'statistics' cannot b",
        "line 3: the module 'pandas.io' cannot be",
        "line 4: the module '.' cannot be importe",
    ]
    assert [text[:21] for text in told(code, FULL)] == ["line 1: the module 'o", "line 4: the module '."]


def test_the_full_language_has_files_classes_and_generators() -> None:
    code = "class A(dict):\n    pass\ndef f():\n    yield 1\nopen('/data/x.csv').read()\n__name__"
    assert told(code, FULL) == []
    assert told("open('/data/x')", SandboxPolicy(mounts=(Mount(source="/x", target="/data/x"),))) == []


def test_a_program_without_tools_may_draw_and_look_at_the_clock() -> None:
    assert told("import random, datetime\n[random.random(), datetime.date.today()]") == []


def test_what_is_drawn_with_a_seed_and_what_only_has_the_name_of_a_clock_may_call_tools() -> None:
    assert told("import random\nrandom.seed(1)\nx = random\nfind(x.now)") == []


def test_printing_is_an_answer() -> None:
    assert told("for x in 'ab':\n    print(x)") == []


def test_arguments_that_are_spread_are_left_to_the_tool() -> None:
    assert told("a = ['x']\nb = {}\nfind(*a)\nfind(**b)\nfind('n', **{'city': 'x'})\n1") == []


def test_inputs_are_known_and_many_problems_are_told_in_part() -> None:
    assert told("data", inputs={"data": 1}) == []
    assert len(told("\n".join(f"q{number}" for number in range(50)))) == 12


@given(st.text(alphabet="find(name='a')\n =x[]:+.,_*@\"defimportlambda", max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_is_reported_on(code: str) -> None:
    found = report(code)
    assert all(problem.text for problem in found.problems)
