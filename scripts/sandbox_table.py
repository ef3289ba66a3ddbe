"""The table of attacks: puts what `remit sandbox attack TIER ... --markdown` prints into docs/reference/attacks.md.

Without tiers it takes those that the page has. Nothing is written when one of them is not available, or an attack got
out that no exception explains.
"""

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "attacks.md"
BEGIN, END = "<!-- printed by remit sandbox attack -->\n", "<!-- end of what was printed -->\n"


def split(page: str) -> tuple[str, str, str]:
    """Take a page apart: what is before the table, the table as it was printed, and what is after it."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    return before + BEGIN, table.strip("\n"), END + after


def tiers(table: str) -> list[str]:
    """List the tiers of a table."""
    return [head.strip() for head in table.partition("\n")[0].strip("|").split("|")[1:]]


def main() -> int:
    """Run the command, and write the page when it succeeded."""
    before, table, after = split(PAGE.read_text(encoding="utf-8"))
    command = [Path(sys.executable).with_name("remit"), "sandbox", "attack", *(sys.argv[1:] or tiers(table))]
    done = subprocess.run([*command, "--markdown"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        PAGE.write_text(f"{before}\n{done.stdout.strip()}\n\n{after}", encoding="utf-8")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
