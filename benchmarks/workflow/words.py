"""Words: what must be known to read the workflow table."""

import textwrap
from collections.abc import Callable

from benchmarks.workflow.rows import CATCHES, HABIT, PROBABILITY, SEEDS, TRUSTS

MODEL = f"""
**The model is simulated.** It is `remit.testing.NoisyModel`: it knows the right program, gives it with a chance of
{PROBABILITY} at every attempt at every problem, whatever it was told before, and else gives a seeded mutation of it,
which with a chance of {HABIT} is the mistake it always makes with this problem. A twentieth of its mutations do no
harm. As critic or judge it calls a wrong program wrong with a chance of {CATCHES} and a right one right with a chance
of {TRUSTS}. So the table shows what each loop makes of a model that is often wrong, and at what price in calls. It says
nothing of any real model: there, attempts at one problem tend to fail together, which makes every loop worth less, and
a finding may be understood, which makes it worth more. The vote of `self_consistency` compares texts, and all right
programs of this model have one text: with a real model's programs it would have to compare what they do.
"""

TESTS = """
HumanEval, {problems} problems, each solved once for each of the seeds {seeds}. Whether a problem is solved is decided
by its hidden tests, in a child process with limits on time, memory, files and processes; it is no sandbox, and the
network is not cut off. The interval is Wilson's at 95 %.
"""

FEEDBACK = """
The feedback is what a way of working learns of a program before it hands it in. "The task's own examples" are those in
its docstring that a program can read: {with_examples} problems have some, and without any the first draft is handed
in. "Every other test" shows one half of the assertions and hides the other, which decides too; {whole} problems have a
single one, which is shown. "The tests that decide" shows them all: an upper bound, for tasks whose tests are the
specification.
"""


def simulated(count: Callable[[str], str]) -> str:
    """Return the words, with the counts that the self check found."""
    seeds = ", ".join(map(str, SEEDS))
    texts = (
        MODEL,
        TESTS.format(problems=count("problems"), seeds=seeds),
        FEEDBACK.format(with_examples=count("with_examples"), whole=count("whole")),
    )
    return "\n\n".join(textwrap.fill(" ".join(text.split()), 120) for text in texts)
