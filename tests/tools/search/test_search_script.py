"""The measuring script: what its catalogue is, and that the search does not get worse unnoticed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
EMBEDDER = "async def embed(texts):\n    return [[float(len(text)), 1.0] for text in texts]\n"
CATALOGUE = """
import sys
sys.path.insert(0, sys.argv[1])
from tool_catalogue import catalogue, tables, wishes
source = tables()
specs, said = catalogue(source), wishes(source)
names = {spec.name for spec in specs}
assert len(specs) == len(names) == 500, len(names)
assert len({spec.source for spec in specs}) == 25
assert len(catalogue(source, 2)) == len({spec.name for spec in catalogue(source, 2)}) == 1000
assert sum(wish.kind != "own words" for wish in said) >= 300
assert all(wish.right and wish.right <= names for wish in said)
assert (specs, said) == (catalogue(tables()), wishes(tables()))
"""


def run(folder: Path, *args: str | Path) -> str:
    done = subprocess.run([sys.executable, *map(str, args)], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_catalogue_has_500_tools_and_every_wish_has_its_tool(tmp_path: Path) -> None:
    run(tmp_path, "-c", CATALOGUE, SCRIPTS)


@pytest.fixture(name="printed", scope="module")
def _printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.py").write_text(EMBEDDER, encoding="utf-8")
    return run(folder, SCRIPTS / "tool_search.py", "--every", "12", "own:embed")


@pytest.mark.parametrize(("kind", "least"), [("own words", 99.0), ("other verb", 95.0), ("other words", 40.0)])
def test_the_right_tool_is_among_the_first_five_as_often_as_it_was(printed: str, kind: str, least: float) -> None:
    row = re.search(rf"\| {kind} \| keywords \|(.*)\|\n", printed)
    assert row
    top_1, top_3, top_5, top_10 = (float(share.strip(" %")) for share in row[1].split("|"))
    assert top_1 <= top_3 <= top_5 <= top_10
    assert top_5 >= least


def test_an_offer_with_search_is_a_fiftieth_of_the_whole(printed: str) -> None:
    row = re.search(r"\| `find_tools` and five found tools, on average \|.*\| (.*)% \|", printed)
    assert row
    assert float(row[1]) < 2.0


def test_an_embedder_of_ones_own_is_measured_too(printed: str) -> None:
    assert "| wish | keywords and own:embed |" in printed
