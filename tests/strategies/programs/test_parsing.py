import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.strategies.programs.parsing import DEEPEST, LONGEST, Problem, parents, parse


@pytest.mark.parametrize(
    "code",
    [
        "-" * 20_000 + "1",
        "(" * 20_000,
        "a" + ".a" * 9_000,
        "a" + "+a" * 9_000,
        "[" * 199 + "]" * 199,
        "if a:\n x\n" + "elif a:\n x\n" * 2_000,
        "x = 1\x00",
        "'\ud800'",
        "x" * (LONGEST + 1),
    ],
)
def test_a_program_that_would_break_its_readers_is_a_problem(code: str) -> None:
    found = parse(code)
    assert isinstance(found, Problem)
    assert found.text


def test_a_problem_names_its_line() -> None:
    assert str(parse("x = 1\ny = = 2")) == "line 2: it does not parse: invalid syntax"
    assert str(Problem(0, "it is empty")) == "it is empty"


def test_odd_escapes_warn_nobody() -> None:
    assert isinstance(parse(r"x = '\d'"), ast.Module)


def test_every_node_but_the_first_stands_in_another() -> None:
    tree = ast.parse("def f(x):\n    return [x]")
    around = parents(tree)
    assert {type(node) for node in ast.walk(tree) if node not in around} == {ast.Module}


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_tree_of_bounded_depth_or_a_problem(text: str) -> None:
    tree = parse(text)
    if isinstance(tree, ast.Module):
        level: list[ast.AST] = [tree]
        for _ in range(DEEPEST):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
        assert not level
