"""The pictures of trajectories are what their pages give, and whoever changes one without the other hears of it."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
PICTURES = sorted((ROOT / "docs/pictures").glob("trajectory-*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def draw(folder: Path, *args: str) -> tuple[int, str]:
    """Run the script in a folder; its exit code and what it printed."""
    command = [sys.executable, ROOT / "scripts/draw_trajectories.py", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Give a folder with one page."""
    page = tmp_path / "docs/strategies/self-consistency.md"
    page.parent.mkdir(parents=True)
    page.write_text((ROOT / "docs/strategies/self-consistency.md").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_every_picture_is_what_its_page_gives() -> None:
    assert draw(ROOT, "--check") == (0, "")


def test_every_page_shows_its_picture() -> None:
    pages = [page for page in (ROOT / "docs/strategies").glob("*.md") if page.stem != "index"]
    shown = {page: f"(../pictures/trajectory-{page.stem}.svg)" for page in pages}
    assert [page.name for page, link in shown.items() if link not in page.read_text(encoding="utf-8")] == []
    assert len(pages) == len(PICTURES)


def test_a_missing_a_stale_and_a_needless_picture_are_found(site: Path) -> None:
    picture = site / "docs/pictures/trajectory-self-consistency.svg"
    assert draw(site, "--check")[0] == 1
    assert draw(site) == (0, "trajectories: 1 picture of 1 drawn anew\n")
    assert draw(site, "--check") == (0, "")
    picture.write_text(picture.read_text(encoding="utf-8").replace("18", "19"), encoding="utf-8")
    picture.with_name("trajectory-nothing.svg").write_text("<svg/>", encoding="utf-8")
    code, said = draw(site, "--check")
    assert (code, said.count("is not what its page gives")) == (1, 2)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_says_what_it_shows_and_loads_nothing(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    named = {root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")}
    assert None not in named
    assert {part.get("id") for part in root if part.get("id")} == set((root.get("aria-labelledby") or "").split())
    assert re.findall(r"(?:href|url\(|@import|@font-face|<script|<image)", text) == []
    assert "prefers-color-scheme:dark" in text


def test_the_calls_of_a_program_stand_below_each_other_within_its_box() -> None:
    root = ElementTree.parse(ROOT / "docs/pictures/trajectory-code.svg").getroot()
    boxes = [part for part in root if part.tag == f"{SVG}rect"]
    (program,) = (box for box in boxes if box.get("class") == "program")
    calls = [box for box in boxes if box.get("class") == "tool"]
    end = top(program)
    for call in calls:
        assert top(call) > end
        end = top(call) + float(call.get("height", ""))
    assert len(calls) > 1
    assert {call.get("x") for call in calls} == {calls[0].get("x")}
    assert end < top(program) + float(program.get("height", ""))
    assert float(program.get("x", "")) < float(calls[0].get("x", ""))


def top(box: ElementTree.Element) -> float:
    return float(box.get("y", ""))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_the_figures_of_a_picture_are_those_that_its_page_asserts(picture: Path) -> None:
    asked = re.search(r"(\d+) model calls?", picture.read_text(encoding="utf-8"))
    page = (ROOT / f"docs/strategies/{picture.stem.removeprefix('trajectory-')}.md").read_text(encoding="utf-8")
    # Of one model, of two that are added, or of two side by side.
    claimed = re.search(r"^assert .*asked\)? == \(?(\d+)(?:, (\d+))?\)?$", page, flags=re.MULTILINE)
    assert asked is not None
    assert claimed is not None
    assert int(asked[1]) == sum(int(figure) for figure in claimed.groups() if figure)
