import pytest

from remit.core.moves import Brief
from remit.core.programs import SandboxPolicy
from remit.sandbox.monty import MontySandbox
from remit.strategies.programs.checked import check
from remit.strategies.programs.languages import language

LANGUAGE = language(SandboxPolicy())

COMPOUND = [
    'from decimal import Decimal\nstr((Decimal("1000.00") * Decimal("1.05") ** 10).quantize(Decimal("0.01")))',
    "cents = 100_000\nfor _ in range(10):\n    cents = cents * 105\ncents = (cents + 10**20 // 2) // 10**20\n"
    'f"{cents // 100}.{cents % 100:02}"',
]


async def _value(code: str) -> object:
    sandbox = MontySandbox(workers=1)
    known = sandbox.capabilities()
    if not known.available:
        pytest.skip("; ".join(known.missing))
    try:
        box = await sandbox.open(SandboxPolicy())
        result = await box.run(code, inputs={}, tools={}, bridge=_none)
        await box.close()
    finally:
        await sandbox.close()
    assert result.status == "ok", result.error
    return result.value


async def _none(name: str, args: object) -> None:
    raise AssertionError(name)


async def test_the_interpreter_has_all_modules_and_builtins_of_the_subset() -> None:
    names = [f"str({name})" for name in sorted(LANGUAGE.builtins)]
    imports = [f"import {module}" for module in sorted(LANGUAGE.modules)]
    assert await _value("\n".join([*imports, *names, "1"])) == 1


@pytest.mark.parametrize("code", COMPOUND)
async def test_compound_interest_is_exact_in_the_subset(code: str) -> None:
    assert check(code, Brief(""), {}, LANGUAGE).problems == ()
    assert await _value(code) == "1628.89"


def test_files_come_with_the_full_language_or_with_mounts() -> None:
    assert "open" not in LANGUAGE.builtins
    assert "open" in language(SandboxPolicy(language="full")).builtins
    assert "pathlib" in language(SandboxPolicy(language="full")).modules
