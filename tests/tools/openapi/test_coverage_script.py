"""The coverage script: it counts what becomes a tool and says why the rest does not."""

import subprocess
import sys
from pathlib import Path

import msgspec
from tests.tools.openapi.shop import DOCUMENT

from remit.core.values import JsonObject

SCRIPT = Path(__file__).parents[3] / "scripts" / "openapi_coverage.py"


def survey(folder: Path, text: str) -> tuple[int, str]:
    file = folder / "document"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_document_that_is_all_tools_succeeds(tmp_path: Path) -> None:
    status, said = survey(tmp_path, DOCUMENT)
    assert status == 0
    assert said.startswith(
        "Shop (OpenAPI 3.0.3): 4 of 4 operations are tools\n  1 say what they answer; 0 share a name"
    )


def test_what_is_no_tool_is_counted_by_its_reason(tmp_path: Path) -> None:
    shown: JsonObject = {"a": {"value": 1}, "b": {"value": "x"}, "c": {}}
    fits: JsonObject = {
        "content": {"application/json": {"schema": {"type": "integer"}, "example": 2, "examples": shown}}
    }
    bad: JsonObject = {"content": {"application/xml": {}}}
    paths: JsonObject = {
        "/a": {"post": {"requestBody": bad}, "put": {"requestBody": bad}, "patch": {"requestBody": fits}}
    }
    status, said = survey(tmp_path, msgspec.json.encode({"openapi": "3.1.0", "paths": paths}).decode())
    assert status == 1
    assert "1 of 3 operations are tools" in said
    assert "2 of 3 bodies that it shows as examples fit" in said
    assert 'PATCH /a: body: should be an integer; got "x"' in said
    assert "2 x its body is application/xml, which cannot be written from JSON" in said


def test_what_is_no_document_is_said(tmp_path: Path) -> None:
    assert survey(tmp_path, '{"swagger": "2.0"}')[0] == 1
