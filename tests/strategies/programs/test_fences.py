import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.strategies.programs.fences import CUT, NONE, program_in
from remit.strategies.programs.parsing import Problem


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nx = 1\nx\n```", "x = 1\nx"),
        ("Here it is:\n\n```py\r\nx = 1\r\n```\r\nDone.", "x = 1"),
        ("~~~python\nx = 1\n~~~", "x = 1"),
        ("````\nf(1)\n````", "f(1)"),
        ("- so:\n  ```python\n  if x:\n      f(1)\n  ```", "if x:\n    f(1)"),
        ("```PYTHON title\nf(1)\n```", "f(1)"),
    ],
)
def test_a_fenced_program_is_found(text: str, code: str) -> None:
    assert program_in(text) == code


def test_the_last_block_of_python_counts() -> None:
    assert program_in("```python\nold()\n```\nBetter:\n```python\nnew()\n```\n```json\n{}\n```") == "new()"


def test_a_block_of_another_language_is_no_program() -> None:
    assert program_in("```bash\nls()\n```") == NONE
    assert program_in("```json\n[1]") == NONE


def test_a_block_without_a_language_counts_when_it_is_a_program() -> None:
    assert program_in("```\nf(1)\n```\nwhich prints\n```\nsome output here\n```") == "f(1)"
    assert program_in("```\nsome output here\n```") == NONE


def test_a_program_may_hold_fences_in_its_text() -> None:
    code = 'report = """\n```\ntable\n```\n"""\nreport'
    assert program_in(f"```python\n{code}\n```") == code


def test_a_block_that_never_parses_ends_at_its_first_fence() -> None:
    assert program_in("```python\nx = (\n```\n```\nmore\n```") == "x = ("


@pytest.mark.parametrize("text", ["```python\nsend(1)\n", "```\nsend(1)"])
def test_half_a_program_is_none(text: str) -> None:
    assert program_in(text) == CUT


@pytest.mark.parametrize("text", ["x = 3\nx * 2", "f(1)", "for x in y: pass", "1000 * 1.05 ** 10", "import math\n"])
def test_code_without_a_fence_is_taken(text: str) -> None:
    assert program_in(text) == text.strip("\n")


@pytest.mark.parametrize("text", ["", "Sorry", "well-known", "I cannot do it.", "42", "```python\n\n```", "yes, no"])
def test_an_answer_without_a_program_is_a_problem(text: str) -> None:
    assert program_in(text) == NONE


@given(st.text(alphabet="`~ \n\rpython=1(x)'\"\\", max_size=80) | st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_gives_a_text_or_a_problem(text: str) -> None:
    found = program_in(text)
    assert isinstance(found, Problem) or found.strip()
