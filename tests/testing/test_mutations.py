"""Mutations: every mistake is a program that runs, and another one."""

import ast
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.testing.mutations import mutated_program

SORT = '''
def insertion_sort(items: list[int], reverse: bool = False) -> list[int]:
    """Sort a copy."""
    items = list(items)
    for i in range(1, len(items)):
        j = i
        while j > 0 and items[j - 1] > items[j]:
            items[j - 1], items[j] = items[j], items[j - 1]
            j -= 1
    if reverse:
        return items[::-1]
    else:
        return items
'''
WORDS = """
import re

class Counter:
    limit = 3.5

    def count(self, text, *, least=1):
        found = {}
        for word in re.findall("[a-z]+", text.lower()):
            found[word] = found.get(word, 0) + 1
        return {word: n for word, n in found.items() if n >= least and not word.startswith('')}
"""
BITS = """
async def bits(n, m):
    total = n & m | n ^ m
    async for x in walk(n << 2, m >> 1):
        total += x ** 2 // 3 % 5 / 7 * 1
    try:
        total = -total if total is not None else None
    except ValueError:
        raise
    finally:
        n = 0
    return total
"""
PROGRAMS = [SORT, WORDS, BITS, "x = lambda a, b: a in b", "pass", "", "import os", "f'{1:>{2}}'", "def f(): return g"]


@given(st.sampled_from(PROGRAMS), st.integers(0, 10_000))
def test_a_mutation_compiles_and_is_another_program(program: str, seed: int) -> None:
    wrong = mutated_program(program, Random(seed))
    compile(wrong, "<wrong>", "exec")
    assert ast.dump(ast.parse(wrong)) != ast.dump(ast.parse(program))
    assert wrong == mutated_program(program, Random(seed))


@given(st.sampled_from([SORT, WORDS, BITS]), st.integers(0, 1000))
def test_docstrings_and_signatures_are_left_alone(program: str, seed: int) -> None:
    wrong, right = ast.parse(mutated_program(program, Random(seed))), ast.parse(program)
    for before, after in zip(ast.walk(right), ast.walk(wrong), strict=False):
        if isinstance(before, ast.FunctionDef) and isinstance(after, ast.FunctionDef):
            assert ast.get_docstring(before) == ast.get_docstring(after)
            assert before.name == after.name


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ("a < b", "a <= b"),
        ("a in b", "a not in b"),
        ("a + b", "a - b"),
        ("a and b", "a or b"),
        ("not a", "not not a"),
        ("x += y", "x -= y"),
        ("a[0]", "a[1]"),
        ("f(True)", "f(False)"),
        ("f('ab')", "f('a')"),
        ("f('')", "f(' ')"),
        ("f(2.5)", "f(1.5)"),
        ("range(n)", "range(n + 1)"),
        ("range(a, n)", "range(a, n - 1)"),
        ("a[i]", "a[i - 1]"),
        ("a[i:]", "a[i + 1:]"),
        ("f(a)\ng(b)", "f(a)\npass"),
        ("if a:\n    b\nelse:\n    c", "if a:\n    c\nelse:\n    b"),
        ("while a:\n    b", "while not a:\n    b"),
        ("a if b else c", "c if b else a"),
        ("def f(a, b):\n    return a", "def f(a, b):\n    return b"),
        (
            "def f(a):\n    for x in a:\n        g(x)\n    return 1",
            "def f(a):\n    for x in a:\n        g(x)\n        return 1\n    return 1",
        ),
    ],
)
def test_every_kind_of_mistake_is_made(program: str, wrong: str) -> None:
    made = {mutated_program(program, Random(seed)) for seed in range(200)}
    assert wrong in made


@pytest.mark.parametrize("program", ["", "pass", "import os", "def f():\n    '''Only words.'''"])
def test_a_program_without_a_place_for_a_mistake_is_left_unfinished(program: str) -> None:
    assert mutated_program(program, Random(1)).endswith("raise NotImplementedError")


def test_mistakes_that_would_not_compile_are_not_made() -> None:
    # To return the value of the inner function early from a generator that is asynchronous is no Python.
    program = "async def walk(n):\n    def one():\n        return 1\n    for x in n:\n        yield one()"
    made = {mutated_program(program, Random(seed)) for seed in range(100)}
    assert all(compile(program, "<made>", "exec") for program in made)
    assert not any(program.endswith("return 1") for program in made)


def test_words_that_are_no_program_are_refused() -> None:
    with pytest.raises(SyntaxError):
        mutated_program("this is no Python", Random(0))
