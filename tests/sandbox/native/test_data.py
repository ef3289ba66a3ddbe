import asyncio
import sys
from pathlib import Path

import pytest
from tests.sandbox.native.places import needs, refuse, unheld

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.sandbox.native import NativeSandbox
from remit.sandbox.native.packages import available

ROOMY = Bounds(memory=512_000_000)
MAKE = """
import pandas, sys
sales = pandas.DataFrame({"who": ["ann", "bob", "ann"], "amount": [1.5, 2.0, None]})
sales.to_csv(sys.argv[1] + "/sales.csv", index=False)
pandas.DataFrame({"who": ["ann", "bob"], "city": ["Graz", "Linz"]}).to_parquet(sys.argv[1] + "/people.parquet")
"""
PROGRAMS = {
    "group": (
        "import pandas as pd\npd.read_csv('/data/in/sales.csv').groupby('who')['amount'].sum()",
        {"ann": 1.5, "bob": 2.0},
    ),
    "rows": (
        "import pandas as pd\npd.read_csv('/data/in/sales.csv').tail(1)",
        [{"who": "ann", "amount": None}],
    ),
    "join": (
        "import pandas as pd\npeople = pd.read_parquet('/data/in/people.parquet')\n"
        "rows = pd.read_csv('/data/in/sales.csv').merge(people)\n"
        "rows.groupby(['who', 'city']).amount.sum()",
        {"ann, Graz": 1.5, "bob, Linz": 2.0},
    ),
    "sql": (
        "import duckdb\nquery = \"select who, sum(amount) from '/data/in/sales.csv' group by 1 order by 1\"\n"
        "duckdb.sql(query).fetchall()",
        [["ann", 1.5], ["bob", 2.0]],
    ),
    "chart": (
        "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2])\nplt.savefig('/scratch/chart.png')",
        None,
    ),
    "much": ("import numpy as np\nfloat(np.ones((4_000_000, 8)).sum())", 32_000_000.0),
}

SEEN = """
import importlib
found = []
for name in ("numpy", "msgspec"):
    try:
        importlib.import_module(name)
        found.append(name)
    except ImportError:
        pass
found
"""


def _has(*packages: str) -> None:
    missing = sorted(set(packages) - set(available()))
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


async def test_data_is_read_grouped_and_drawn_and_the_chart_is_fetched(tmp_path: Path) -> None:
    _has("pandas", "pyarrow", "matplotlib", "duckdb")
    needs("without cgroup")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MAKE, str(tmp_path))
    assert await process.wait() == 0
    sandbox = NativeSandbox()
    try:
        mounts = (Mount(source=str(tmp_path), target="/data/in"),)
        packages = ("duckdb", "matplotlib", "pandas", "pyarrow")
        policy = SandboxPolicy(least="native", bounds=ROOMY, mounts=mounts, packages=packages, language="full")
        box = await sandbox.open(policy)
        for name, (code, value) in PROGRAMS.items():
            result = await box.run(code, inputs={}, tools={}, bridge=refuse)
            assert (result.status, result.value) == ("ok", value), (name, result)
        greedy = "import numpy as np\nfloat(np.ones((20_000_000, 8)).sum())"
        assert (await box.run(greedy, inputs={}, tools={}, bridge=refuse)).status == "oom"
        files = await box.files()
        assert list(files) == ["chart.png"]
        chart = await box.get("chart.png")
        assert (chart[:8], len(chart)) == (b"\x89PNG\r\n\x1a\n", files["chart.png"])
    finally:
        await sandbox.close()
    assert unheld() == []


async def test_each_set_of_packages_is_kept_apart_and_the_longest_unused_gives_way() -> None:
    _has("numpy")
    sandbox = NativeSandbox(level="landlock only", pool=0)
    sets: list[tuple[str, ...]] = [(), ("numpy",), ("msgspec",), ("msgspec", "numpy"), ("json",)]
    try:
        boxes = [await sandbox.open(SandboxPolicy(packages=each)) for each in sets[:4]]
        for box, packages in zip(boxes, sets, strict=False):
            found = await box.run(SEEN, inputs={}, tools={}, bridge=refuse)
            assert found.value == sorted(packages, reverse=True), found
        with pytest.raises(ConfigError, match="close boxes"):
            await sandbox.open(SandboxPolicy(packages=sets[4]))
        await boxes[0].close()
        fifth = await sandbox.open(SandboxPolicy(packages=sets[4]))
        assert (await fifth.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
        assert (await boxes[1].run("1", inputs={}, tools={}, bridge=refuse)).value == 1
    finally:
        await sandbox.close()


async def test_a_package_that_cannot_be_imported_here_is_refused_with_the_reason() -> None:
    sandbox = NativeSandbox(level="landlock only")
    with pytest.raises(ConfigError, match="antigravity_of_nobody"):
        await sandbox.open(SandboxPolicy(packages=("antigravity_of_nobody",)))
    await sandbox.close()
