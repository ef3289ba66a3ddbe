"""Exact calculation from a terminal: an interpreter that is there after installing, and no set-up at all."""

import pytest
from tests.cli.bench import Bench

from remit.sandbox.monty import MontySandbox

BANK = '''from remit.apps.calculation import calculator
from remit.testing import ScriptedModel, says

AGREES = """```python
stolen = open("/etc/passwd").read()
{"result": stolen}
```"""
COMPOUND = """```python
from decimal import Decimal, ROUND_HALF_UP
amount = Decimal("1000.00") * (1 + Decimal("0.05") / 12) ** 120
{"result": f"{amount.quantize(Decimal('0.01'), rounding=ROUND_HALF_UP)} EUR", "working": "monthly"}
```"""
agent = calculator(model=ScriptedModel([says(AGREES), says(COMPOUND)]))
'''


@pytest.mark.skipif(
    not MontySandbox().capabilities().available, reason="; ".join(MontySandbox().capabilities().missing)
)
def test_compound_interest_is_exact_and_a_program_that_wants_a_file_is_not_run(bench: Bench) -> None:
    path = bench.folder / "bank.py"
    path.write_text(BANK)
    said = bench("run", f"{path}:agent", "1000 EUR at 5 % for ten years, monthly?", "--json")
    assert (said.status, said.json["output"]) == (0, {"result": "1647.01 EUR", "working": "monthly"})
    shown = bench("show", said.session)
    assert "interpreter" in bench("show", said.session, "--json").out
    assert "open" in shown.out
