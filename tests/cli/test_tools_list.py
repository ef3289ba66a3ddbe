"""`remit tools list`: how each tool stands, and that what would break the project does not come into it."""

import os
import re

from tests.cli.shelves import LOCAL, Shelf, rows


def test_the_last_check_of_each_tool_is_listed_and_whether_it_changed_since(shelf: Shelf) -> None:
    store = ("--store", str(shelf.bench.folder / "store"))
    project = ("--project", str(shelf.file))
    assert shelf.bench("tools", *store, *project, "lock", "--yes").status == 0
    shelf.bench("tools", *store, *project, "check", "--samples", "1")

    def checked() -> list[str]:
        return [row.rpartition("\t")[2] for row in shelf.bench("tools", *store, *project, "list").out.splitlines()]

    assert checked() == ["ok", "skipped"]
    told = rows(shelf.bench("tools", *store, *project, "list", "--json").json["tools"])[0]["checked"]
    assert isinstance(told, dict)
    assert (told["status"], told["outdated"], told["seed"]) == ("ok", False, 0)
    shelf.module("The sky above", "A sky above")
    assert checked() == ["ok", "skipped"], "the model is shown what was checked"
    shelf.bench("tools", *store, *project, "lock", "--yes")
    assert checked() == ["ok", "skipped, changed since"]


def test_a_source_whose_tools_are_called_as_others_are_is_not_added(shelf: Shelf) -> None:
    before = shelf.file.read_text()
    said = shelf("add", "more", "--python", f"{shelf.bench.folder / 'tools.py'}:TOOLS")
    assert said.status == 2
    assert "source 'more' was not added: it has a tool 'sky', as source 'local' has" in said.err
    assert shelf.file.read_text() == before


def test_a_setting_of_no_tool_is_told_and_is_no_source(shelf: Shelf) -> None:
    shelf.file.write_text(f'{LOCAL}[tools.wether]\neffect = "read"\n')
    said = shelf("list")
    assert (said.status, "broken source" in said.out) == (1, False)
    assert "tools.wether: no source has a tool of this name; there is weather" in said.err


def test_a_number_that_became_a_truth_value_is_a_change_to_review(shelf: Shelf) -> None:
    shelf.module("TOOLS = ", 'weather.spec.schema["properties"]["city"] = {"const": 1}\nTOOLS = ')
    assert shelf("lock").status == 0
    assert shelf("diff").status == 0
    shelf.module("TOOLS = ", 'weather.spec.schema["properties"]["city"] = {"const": True}\nTOOLS = ')
    assert shelf("diff").status == 11
    assert shelf("lock", "--yes").status == 0
    assert shelf("diff").status == 0


def test_a_terminal_of_80_columns_has_room_for_the_names(shelf: Shelf) -> None:
    renamed = '[sources.local.tools.sky]\nname = "find_the_colour_of_the_sky"\n'
    shelf.file.write_text(f'[sources.local]\npython = "tools.py:TOOLS"\nonly = ["weather"]\n{renamed}')
    ours, theirs = os.openpty()
    with shelf.bench.start("tools", "list", out=theirs) as process:
        process.communicate(timeout=60)
    os.close(theirs)
    assert process.returncode == 0
    shown = re.sub("\x1b[^m]*m", "", os.read(ours, 10_000).decode())
    os.close(ours)
    head, *lines = shown.splitlines()
    assert head.split() == ["name", "effect", "price", "source", "status"]
    assert "find_the_colour_of_the_sky" in shown
    assert max(map(len, lines)) <= 80


def test_tools_are_listed_with_owner_price_source_and_status_and_a_broken_source_hides_none(shelf: Shelf) -> None:
    shelf.file.write_text(f'{LOCAL}[sources.gone]\npython = "gone.py:X"\nowner = "them"\n')
    said = shelf("list")
    assert said.status == 1
    assert said.out.splitlines() == [
        "weather\t1\tread\tus\t$0.01\tpython:local\tnew\tnever",
        "sky\t1\tonce\tus\t\tpython:local\tnew\tnever",
        "(gone)\t\t\tthem\t\tgone\tbroken source\t",
    ]
    assert "gone: gone.py:X: there is no file" in said.err
    assert "status     new: never reviewed" in shelf("show", "local:sky").out
    assert "2 to review: `remit tools diff`" in said.err
    told = shelf("list", "--json")
    assert told.status == 1
    assert rows(told.json["tools"])[0] == {
        "name": "weather", "version": "1", "effect": "read", "owner": "us", "price": 0.01, "source": "python:local",
        "status": "new", "deprecated": "", "why": rows(told.json["tools"])[0]["why"], "checked": None,
    }  # fmt: skip
    assert list(dict(told.json["broken"])) == ["gone"]  # pyright: ignore[reportArgumentType, reportCallIssue]
