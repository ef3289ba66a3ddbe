import ast
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from textwrap import indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.values import JsonValue
from remit.strategies.programs.bounds import bounds, cost

TOOLS = ("read", "send")
INPUTS: dict[str, JsonValue] = {"people": [1, 2, 3], "limit": 2, "kinds": {"a": 1, "b": 2}}


def most(code: str) -> dict[str, int | None]:
    return bounds(ast.parse(code), TOOLS, INPUTS)


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("read(1)", 1),
        ("read(read(1))", 2),
        ("for i in range(3):\n    read(i)\nelse:\n    read(0)", 4),
        ("for i in range(2, 10, 3):\n    for j in 'abc':\n        read(j)", 9),
        ("xs = [1, 2]\nfor i, x in enumerate(xs):\n    read(x)", 2),
        ("n = 4\nfor i in range(n * 2 - -1):\n    read(i)", 9),
        ("xs = [1, 2]\nfor i in range(len(xs)):\n    read(xs[i])", 2),
        ("if x:\n    read(1)\nelse:\n    read(2)\n    read(3)", 2),
        ("read(1) if x else read(2)", 1),
        ("x and read(1) or read(2)", 2),
        ("try:\n    read(1)\nexcept ValueError:\n    read(2)\nfinally:\n    read(3)", 3),
        ("match x:\n    case 1 if read(0):\n        read(1)\n    case [a, *b]:\n        read(2)\n        read(3)", 3),
        ("with f() as g:\n    read(1)", 1),
        ("[read(x) for x in people if read(x)]", 6),
        ("{x: read(y) for x in people for y in range(limit)}", 6),
        ("sum(read(x) for x in (1, 2))", 2),
        ("{read(x) for x in zip(people, unknown)}", 3),
        ("for k, v in kinds.items():\n    read(v)", 2),
        ("for k in {1: 2, **x}:\n    read(k)", None),
        ("for k in [1, *x]:\n    read(k)", None),
        ("for x in found[:5]:\n    read(x)", 5),
        ("for x in people[1:2]:\n    read(x)", 1),
        ("for x in people[-2:]:\n    read(x)", 3),
        ("for x in people[::n]:\n    read(x)", 3),
        ("for x in found[::2]:\n    read(x)", None),
        ("for x in sorted(set(people)):\n    read(x)", 3),
        ("for x in sorted(*people):\n    read(x)", None),
        ("for x in [y for y in people]:\n    read(x)", 3),
        ("for x in [y for y in found]:\n    read(x)", None),
        ("for x in range(n):\n    read(x)", None),
        ("for x in range(1, 2, 0):\n    read(x)", None),
        ("for x in range(10000000000000000000000000):\n    read(x)", None),
        ("for x in range(True):\n    read(x)", None),
        ("for x in range(10 ** 3):\n    read(x)", None),
        ("for x in found.values():\n    read(x)", None),
        ("for x in unknown(1):\n    read(x)", None),
        ("n = n + 1\nfor x in range(n):\n    read(x)", None),
        ("for x in range(999_999 * 999_999 * 999_999):\n    read(x)", None),
        ("xs = xs\nfor x in xs:\n    read(x)", None),
        ("xs: list = [1]\nfor x in xs:\n    read(x)", 1),
        ("while x:\n    read(1)", None),
        ("while x:\n    pass\nread(1)", 1),
        ("def f(x=read(0)):\n    return read(x)\nf(1)\nf(2)", 3),
        ("def f():\n    g()\n    g()\ndef g():\n    read(1)\nfor i in range(2):\n    f()", 4),
        ("def f():\n    f()\n    read(1)\nf()", None),
        ("def f():\n    g()\ndef g():\n    f()\n    read(1)\nf()", None),
        ("def f(n):\n    f(n - 1)\nf(1)\nread(1)", 1),
        ("def f():\n    read(1)", 0),
        ("async def f():\n    async for x in y:\n        read(x)\nf()", None),
        ("async def f():\n    return [read(x) async for x in y]\nf()", None),
        ("async def f():\n    return [read(x) async for x in y]\nfor x in f():\n    pass", None),
        ("f = lambda x=read(0): x", 1),
    ],
)
def test_calls_are_counted_where_they_stand_and_where_they_are_repeated(code: str, count: int | None) -> None:
    assert most(code)["read"] == count


@pytest.mark.parametrize(
    "code",
    [
        "f = read\nf(1)",
        "list(map(read, xs))",
        "f = lambda x: read(x)\nf(1)",
        "f = lambda x: g(x)\ndef g(x):\n    read(x)",
        "def f(x):\n    read(x)\nsorted(xs, key=f)",
        "@twice\ndef f():\n    read(1)\nf()",
        "class A:\n    def __len__(self):\n        return read(1)\nlen(A())",
        "class A:\n    if x:\n        def f(self):\n            return g()\ndef g():\n    read(1)",
        "xs = [1]\nfor x in xs:\n    xs.append(x)\n    read(x)",
        "xs = [1]\nys = xs\nfor x in xs:\n    ys.append(x)\n    read(x)",
        "xs = [1]\nxs += [2]\nfor x in xs:\n    read(x)",
        "xs = [1]\nxs[5:] = [2, 3]\nfor x in xs:\n    read(x)",
        "def range(n):\n    return found\nfor x in range(1):\n    read(x)",
        "class A:\n    pass\nfor x in A()[:2]:\n    read(x)",
        "import pandas\nfor x in found[:2]:\n    read(x)",
        "people.append(4)\nfor x in people:\n    read(x)",
        "eval('read(1)')\nread(1)",
        "globals()['x'] = 1\nread(1)",
        "import sys\nread(1)",
        "from . import x\nread(1)",
        "from json import *\nread(1)",
        "from dataclasses import sys\nread(1)",
        "print.__self__\nread(1)",
        "getattr(x, y)\nread(1)",
        "type('A', (), {})\nread(1)",
        "getattr = 1\nread(1)",
    ],
)
def test_what_cannot_be_counted_has_no_bound(code: str) -> None:
    assert most(code)["read"] is None


def test_a_name_that_honest_programs_look_at_keeps_its_length() -> None:
    code = (
        "xs = [1, 2]\nprint(f'{xs}', len(xs), xs[0], 1 in xs, xs.index(1))\nxs\n"
        "type(xs[0])\ngetattr(x, 'name', 1)\nfor x in xs:\n    read(x)"
    )
    assert most(code) == {"read": 2}


def test_only_tools_that_are_named_are_counted() -> None:
    assert most("send(1)") == {"send": 1}


def test_definitions_that_grow_by_each_other_are_counted_in_no_time() -> None:
    lines = [f"a{number} = a{number + 1} + a{number + 1}" for number in range(200)]
    assert most("\n".join(["a = b + b", "b = 2", "for x in range(a):\n    read(x)"])) == {"read": 4}
    assert most("\n".join([*lines, "a200 = 1", "for x in range(a30):\n    read(x)"])) == {"read": None}
    loops = [f"b{number} = [x for x in b{number + 1} for y in b{number + 1}]" for number in range(100)]
    assert most("\n".join([*loops, "b100 = [1, 2]", "for x in b0:\n    read(x)"])) == {"read": None}


def test_the_deepest_program_that_parses_is_counted() -> None:
    deep = "(" * 40 + "n0" + " + 1)" * 40
    names = [f"n{number} = {deep.replace('n0', f'n{number + 1}')}" for number in range(20)]
    comprehended = "[" * 25 + "read(1) for x in range(n0)" + "]" * 25
    loops = "".join(f"{' ' * level}for i in [1]:\n" for level in range(25))
    code = "\n".join([*names, f"{loops}{' ' * 25}{comprehended}"])
    assert most(code) == {"read": None}
    assert most(code.replace("n0)", "2)")) == {"read": 2}


def test_the_cost_is_the_sum_of_prices_and_unknown_only_when_it_matters() -> None:
    assert cost({"read": 3, "send": 2}, {"read": 5, "send": 7}) == 29
    assert cost({"read": None, "send": 2}, {"send": 7}) == 14
    assert cost({"read": None}, {"read": 1}) is None


class _Enough(BaseException):
    """The program has made more calls than the test waits for."""


EXPRESSIONS = st.sampled_from(
    [
        "read(1)",
        "send(read(2))",
        "[read(x) for x in xs]",
        "[send(x) for x in range(3) if read(x)]",
        "f0(1)",
        "f1(2)",
        "list(map(f0, xs))",
        "(read(1) if coin() else send(2))",
        "(coin() and read(1))",
        "fail()",
        "xs.append(1)",
        "sum(1 for x in zip(xs, ts) if send(x))",
        "n",
        "next(iter([read(1)]))",
        "sorted(ts, key=lambda t: read(t))",
        "C().go()",
    ]
)
LOOPS = st.sampled_from(
    ["range(3)", "range(n)", "xs", "ts", "ts[:2]", "enumerate(xs)", "[1, 2]", "'ab'", "range(len(ts))"]
)
HEADS = [
    "n = 2",
    "xs = [1, 2]",
    "ts = (1, 2, 3)",
    "class C:\n    def go(self):\n        return send(0)",
]


def _statements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    # Whatever is repeated takes a step, so that no program goes on for ever.
    block = st.lists(inner, min_size=1, max_size=3).map(lambda lines: indent("\n".join(["coin()", *lines]), "    "))
    return st.one_of(
        st.tuples(LOOPS, block).map(lambda parts: f"for i in {parts[0]}:\n{parts[1]}"),
        st.tuples(block, block).map(lambda parts: f"if coin():\n{parts[0]}\nelse:\n{parts[1]}"),
        st.tuples(block, block).map(lambda parts: f"try:\n{parts[0]}\nexcept ValueError:\n{parts[1]}"),
        block.map(lambda body: f"k = 0\nwhile k < 2:\n    k += 1\n{body}"),
    )


STATEMENTS = st.recursive(EXPRESSIONS, _statements, max_leaves=6)
BODIES = st.lists(STATEMENTS, min_size=1, max_size=4).map("\n".join)


@given(BODIES, BODIES, BODIES, st.lists(st.booleans(), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_no_program_makes_more_calls_than_its_bound(one: str, two: str, main: str, coins: list[bool]) -> None:
    functions = f"def f0(a):\n{indent(one, '    ')}\ndef f1(a):\n{indent(two, '    ')}"
    code = "\n".join([*HEADS, functions, main])
    bound = bounds(ast.parse(code), TOOLS)
    made = _count(code, coins)
    for tool, count in made.items():
        limit = bound[tool]
        assert limit is None or count <= limit


def _count(code: str, coins: list[bool]) -> Counter[str]:
    """Run a program that was made here, and count its calls."""
    made: Counter[str] = Counter()
    steps = Counter[str]()

    def tool(name: str) -> Callable[[object], int]:
        def call(value: object) -> int:
            made[name] += 1
            step()
            return made[name]

        return call

    def step() -> None:
        steps["all"] += 1
        if steps["all"] > 2000:
            raise _Enough

    def coin() -> bool:
        step()
        return coins[steps["all"] % len(coins)]

    def fail() -> None:
        step()
        raise ValueError

    names: dict[str, object] = {"read": tool("read"), "send": tool("send"), "coin": coin, "fail": fail}
    with suppress(ValueError, RecursionError, MemoryError, _Enough):
        exec(compile(code, "generated", "exec"), names)
    return made
