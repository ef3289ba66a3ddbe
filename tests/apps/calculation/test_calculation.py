"""The calculator: exact figures from programs in the interpreter, and models that get them wrong first."""

import pytest

from remit.apps.calculation import BOUNDS, Result, calculator
from remit.core.events import ProgramEnded, ProgramStarted
from remit.core.programs import Bounds
from remit.home import MEMORY, Home, Settings
from remit.runtime import RunResult
from remit.sandbox.monty import MontySandbox
from remit.testing import ScriptedModel, says

pytestmark = pytest.mark.skipif(
    not MontySandbox().capabilities().available, reason="; ".join(MontySandbox().capabilities().missing)
)

COMPOUND = """from decimal import Decimal, ROUND_HALF_UP
months, rate = 12 * 10, Decimal("0.05") / 12
amount = Decimal("1000.00") * (1 + rate) ** months
exact = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
{"result": f"{exact} EUR", "working": f"1000.00 for {months} months at 5 % a year, compounded monthly"}"""

YEARLY = """from decimal import Decimal, ROUND_HALF_UP
balance, rows = Decimal("10000.00"), []
for year in range(1, 31):
    interest = (balance * Decimal("0.0375")).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    balance = balance + interest
    rows.append(f"{year}: {balance}")
{"result": f"{balance} EUR", "working": rows[0] + " ... " + rows[-1]}"""

SPLIT = """cents, people = 100_000, 3
share, rest = divmod(cents, people)
parts = [share + (1 if number < rest else 0) for number in range(people)]
{"result": ", ".join([f"{part // 100}.{part % 100:02d}" for part in parts]), "working": f"in all {sum(parts)} cents"}"""


async def asked(*programs: str, bounds: Bounds = BOUNDS) -> tuple[RunResult, list[ProgramEnded]]:
    """Ask a calculator whose model writes these programs."""
    model = ScriptedModel([says(f"Here it is.\n```python\n{program}\n```") for program in programs])
    async with Home.open(MEMORY, Settings(sandbox=MontySandbox())) as home:
        result = await home.run(calculator(model=model, bounds=bounds), "What does it come to?")
        events = [record.event for record in await home.store.read(result.session)]
        assert all(event.tier == "interpreter" for event in events if isinstance(event, ProgramStarted))
        return result, [event for event in events if isinstance(event, ProgramEnded)]


@pytest.mark.parametrize(
    ("program", "result"),
    [
        # 1000 * (1 + 5/1200)^120 = 1647.00949...; with binary fractions the second comes to 30174.71.
        (COMPOUND, "1647.01 EUR"),
        (YEARLY, "30174.67 EUR"),
        (SPLIT, "333.34, 333.33, 333.33"),
    ],
)
async def test_money_is_exact_to_the_cent(program: str, result: str) -> None:
    done, _ = await asked(program)
    assert isinstance(done.output, dict)
    assert (done.status, done.output["result"]) == ("done", result)


async def test_a_program_that_fails_is_put_right() -> None:
    done, programs = await asked(COMPOUND.replace("** months", "** month"), COMPOUND)
    assert done.status == "done"
    assert [program.status for program in programs][-1] == "ok"


async def test_a_result_of_another_form_is_asked_for_again() -> None:
    done, programs = await asked("1000 * 1.05 ** 10", COMPOUND)
    assert done.output == {
        "result": "1647.01 EUR",
        "working": "1000.00 for 120 months at 5 % a year, compounded monthly",
    }
    assert len(programs) == 2


async def test_an_endless_program_is_ended() -> None:
    endless = "n = 0\nwhile n >= 0:\n    n = n + 1\n{'result': str(n)}"
    done, programs = await asked(endless, COMPOUND, bounds=Bounds(wall=0.2, cpu=0.2))
    assert done.status == "done"
    assert [program.status for program in programs] == ["timeout", "ok"]


async def test_a_program_reaches_no_file_and_no_module_of_the_system() -> None:
    done, programs = await asked(
        '{"result": open("/etc/passwd").read()}', "import os\n{'result': str(os.environ)}", SPLIT
    )
    assert done.status == "done"
    assert [program.status for program in programs] == ["ok"]


def test_a_result_has_a_figure_and_how_it_came_about() -> None:
    assert Result("1 EUR").working == ""
