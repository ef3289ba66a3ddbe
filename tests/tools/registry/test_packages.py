"""Sources that are installed packages: tools that are announced as entry points, in a process that has the package."""

import subprocess
import sys

import msgspec
import pytest
from tests.tools.registry.projects import MODULE, Folder

from remit.core.values import JsonObject, JsonValue

POINTS = "[remit.tools]\nacme_crm = acme_crm:make\nacme_mail = acme_crm:search_mail\nacme_odd = acme_crm:broken\n"
READING = """
import asyncio, json, sys
from remit.tools.registry import Project, Registry

async def main():
    async with Registry(Project.read(sys.argv[1])) as registry:
        found = await registry.catalogue()
        told = [[one.name, one.now.source] for one in found.found]
        print(json.dumps({"tools": told, "broken": dict(found.broken)}))

asyncio.run(main())
"""


def read(folder: Folder, entry_points: str) -> JsonObject:
    """Read a project in a process of its own, in which the package is installed."""
    info = folder.path / "acme_crm-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-crm\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    folder.module(MODULE, "acme_crm.py")
    folder.file.write_text(f"[sources.plugins]\nentry_points = {entry_points}\n")
    code = f"import sys; sys.path.insert(0, {str(folder.path)!r})\n{READING}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.file)], capture_output=True, text=True, check=True, timeout=60
    )
    return msgspec.json.decode(done.stdout, type=dict[str, JsonValue])


def test_tools_of_an_entry_point_are_those_of_a_package(folder: Folder) -> None:
    found = read(folder, '["acme_mail", "acme_crm"]')
    assert found["tools"] == [[name, "package:plugins"] for name in ("search_mail", "search_notes", "weather")]
    assert found["broken"] == {}


@pytest.mark.parametrize("all_of_them", ["[]", '"*"'])
def test_all_that_are_installed_can_be_wanted_and_one_that_breaks_is_named(folder: Folder, all_of_them: str) -> None:
    broken = read(folder, all_of_them)["broken"]
    assert broken == {
        "plugins": "entry point acme_odd (acme_crm:broken) cannot be loaded: LookupError: no shelf",
    }


def test_an_entry_point_that_no_package_has_is_named_with_those_there_are(folder: Folder) -> None:
    broken = read(folder, '["acme_crn"]')["broken"]
    assert "no installed package has the entry point 'acme_crn' of 'remit.tools'; there are: acme_crm" in str(broken)
