"""The page on governing tools: what it shows of drift comes of the drift. `make check` runs it as it stands there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "govern-tools.md"
CAUSES = r"^```python\n.*?^```$|^\$ echo priority=urgency > renamed\n"
LOCKED = "```console run\n$ remit tools lock --by ann\n```\n"


def run(page: Path, folder: Path) -> tuple[int, str]:
    """Run a page in a folder as `make check` does; the exit status and all that was printed."""
    command = [sys.executable, ROOT / "scripts" / "check_docs.py", "--page", page]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def drift(number: int) -> str:
    """Give one of the ways in which tools drift on the page, from the first sentence to the last console of it."""
    section = re.search(r"^## 7\. .*?(?=^## )", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert section is not None
    return re.split(r"^(?=\*\*)", section[0], flags=re.MULTILINE)[number]


def shortened(part: str, folder: Path) -> Path:
    """Write a page that names the sources, locks them, and goes on with one way of drifting."""
    text = PAGE.read_text(encoding="utf-8")
    before = text[: text.index("## 3. ")]
    page = folder / "docs" / PAGE.name
    page.parent.mkdir()
    # What comes first in the script for CI is what tells here; the rest of it needs policies.
    page.write_text(before + LOCKED + part.replace("sh ci.sh", "remit tools diff"), encoding="utf-8")
    shutil.copytree(PAGE.with_suffix(""), page.with_suffix(""))
    return page


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (1, "remit tools check --stand-in --only read_ticket  # exit status 1"),
        (2, "remit tools diff 'tickets:*'  # exit status 11"),
        (3, "remit tools diff  # exit status 12"),
    ],
)
def test_without_the_drift_nothing_is_found(tmp_path: Path, number: int, command: str) -> None:
    part = drift(number)
    calm = re.sub(CAUSES, "", part, flags=re.MULTILINE | re.DOTALL)
    assert calm != part
    status, printed = run(shortened(calm, tmp_path), tmp_path)
    assert status == 1
    assert f"`{command}` ended with status 0, not " in printed
