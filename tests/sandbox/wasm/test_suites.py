from collections.abc import AsyncGenerator

import pytest
from tests.sandbox.wasm.places import PATIENT

from remit.sandbox.wasm import WasmSandbox
from remit.testing.sandboxes import CHECKS, Check, run_attacks

pytestmark = [PATIENT, pytest.mark.usefixtures("interpreter")]


@pytest.fixture
async def sandbox() -> AsyncGenerator[WasmSandbox]:
    sandbox = WasmSandbox()
    yield sandbox
    await sandbox.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_conforms(check: Check, sandbox: WasmSandbox) -> None:
    await check(sandbox)


async def test_it_blocks_every_attack(sandbox: WasmSandbox) -> None:
    attacked = await run_attacks(sandbox)
    assert attacked
    assert [one for one in attacked if one.verdict == "breached"] == []
