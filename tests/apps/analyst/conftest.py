"""Gives every test of the analyst a shop of its own, and skips what needs a box that this machine cannot give."""

from pathlib import Path

import pytest
from tests.apps.analyst.shop import Shop

from remit.apps.analyst import PACKAGES
from remit.sandbox.native import NativeSandbox


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A folder with `transactions.csv` and `customers.parquet`."""
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def boxes() -> None:
    """Skip where the native tier has no namespaces or no pandas, and say why."""
    known = NativeSandbox(packages=PACKAGES).capabilities()
    if not known.available or known.level == "landlock only":
        pytest.skip(f"no box of the native tier with files: {'; '.join(known.missing)}")
    if missing := set(PACKAGES) - set(known.packages):
        pytest.skip(f"the native tier has no {', '.join(missing)}: pip install 'remit[analyst]'")
