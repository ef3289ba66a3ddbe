import ast
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.values import JsonValue
from remit.strategies.programs.constants import Constants, UnknownError, bindings

HEAD = "name = 'Ann'\nage = 2 * 21\nrate = 0.5\nxs = [1, 2]\n"


def fold(text: str, inputs: Mapping[str, JsonValue] | None = None) -> JsonValue:
    tree = ast.parse(f"{HEAD}{text}")
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    return Constants(tree, inputs=inputs or {}, taken=("find",)).fold(last.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name", "Ann"),
        ("[name, age, rate, None, True]", ["Ann", 42, 0.5, None, True]),
        ("{'a': (1, -2.5), 'b': {}}", {"a": [1, -2.5], "b": {}}),
        ("-3", -3),
        ("limit", 7),
        ("len(xs) + 1", 3),
        ("len('abc')", 3),
    ],
)
def test_what_is_written_out_is_known(text: str, value: JsonValue) -> None:
    assert fold(text, {"limit": 7, "rows": [1]}) == value


@pytest.mark.parametrize(
    "text",
    ["xs", "rows", "{1: 2}", "{**x}", "f(1)", "other", "b'x'", "len(found)", "len({1, 1})", "len([1, *xs])", "len()"],
)
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(UnknownError):
        fold(text, {"rows": [1]})


def test_a_name_with_two_meanings_is_not_known() -> None:
    with pytest.raises(UnknownError):
        fold("for age in xs:\n    pass\nage")


def test_every_way_to_give_a_name_a_meaning_is_seen() -> None:
    code = (
        "import a.b, c as d\nfrom e import f\ndef g(h, *i, j=1, **k): pass\nclass l: pass\nm = n, [o, *p] = q\n"
        "for r in s: pass\nwith t as u: pass\ntry: pass\nexcept v as w: pass\n(x := 1)\n[y for z in aa]\nlambda bb: 1\n"
        "match cc:\n    case {'k': dd, **ee}: pass\n    case [ff, *gg] as hh: pass\ndel ii\njj: int = 1\nkk += 1"
    )
    names = {name for name, _ in bindings(ast.parse(code))}
    meant = "a d f g h i j k l m n o p r u w x z bb dd ee ff gg hh ii jj kk"
    assert names == set(meant.split())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_any_json_that_is_written_out_is_known(value: JsonValue) -> None:
    found = fold(repr(value))
    assert found == value
