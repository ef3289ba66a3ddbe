"""The lock file: what was reviewed is found again, and nothing else is taken for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from remit.core.errors import ConfigError
from remit.tools.contracts import Contract, Lock


def contract(name: str = "create_issue", **rest: Any) -> Contract:
    schema: dict[str, Any] = {"properties": {"summary": {"type": "string", "description": "one line"}}}
    given: dict[str, Any] = {"name": name, "description": "Makes an issue.", "schema": schema, **rest}
    return Contract(**given)


def locked(*contracts: Contract) -> Lock:
    lock = Lock()
    for one in contracts:
        lock = lock.with_(one, by="ann", at="2026-03-01")
    return lock


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    lock = locked(contract("b"), contract("a", output={"type": "string"}, price=3, dangerous=True))
    lock.write(path)
    assert Lock.read(path) == lock
    assert [*Lock.read(path)] == ["a", "b"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_an_empty_lock(tmp_path: Path) -> None:
    assert len(Lock.read(tmp_path / "remit.lock")) == 0


def test_the_file_reads_well_in_a_diff(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    locked(contract("b"), contract("a")).write(one)
    locked(contract("a"), contract("b", description="Größer."), contract("c")).write(other)
    before, after = one.read_text("utf-8").splitlines(), other.read_text("utf-8").splitlines()
    assert one.read_text("utf-8").endswith("}\n")
    assert [line.strip() for line in after if 'description": "G' in line] == ['"description": "Größer.",']
    assert before.index('    "a": {') < before.index('    "b": {')
    b = before.index('    "b": {')
    assert before[:b] == after[:b]


def test_hidden_characters_are_seen_in_the_file_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    hiding = contract(description="Adds.\u200b\U000e0041\u202e")
    locked(hiding).write(path)
    assert "Adds.\\u200b\\udb40\\udc41\\u202e" in path.read_text("utf-8")
    assert Lock.read(path)["create_issue"].contract == hiding


def test_tools_are_pinned_replaced_and_let_go() -> None:
    lock = locked(contract(), contract(version="2"))
    assert len(lock) == 1
    assert lock["create_issue"].contract.version == "2"
    assert lock["create_issue"].reviewed_by == "ann"
    assert "create_issue" in lock
    assert "create_issue" not in lock.without("create_issue")
    assert lock.without("other") == lock
    assert lock.get("other") is None
    with pytest.raises(KeyError):
        lock["other"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"type": "string"', '"type": "integer"', "arguments, answer or effect"),
        ('"effect": "once"', '"effect": "read"', "arguments, answer or effect"),
        ('"one line"', '"two lines"', "texts"),
        ('"Makes an issue."', '"Makes a mess."', "texts"),
        ('"price": 0', '"price": 1', "owner, version, price, source or marks"),
        ('"owner": ""', '"owner": "mallory"', "owner, version, price, source or marks"),
        ('"version": "1"', '"version": "2"', "owner, version, price, source or marks"),
        ('"source": ""', '"source": "mcp:other"', "owner, version, price, source or marks"),
        ('"deprecated": ""', '"deprecated": "old"', "owner, version, price, source or marks"),
        ('"dangerous": false', '"dangerous": true', "owner, version, price, source or marks"),
        ('"hosts": []', '"hosts": ["evil.test"]', "owner, version, price, source or marks"),
        ('"labels": []', '"labels": ["public"]', "owner, version, price, source or marks"),
    ],
)
def test_a_contract_that_was_edited_by_hand_is_refused(tmp_path: Path, old: str, new: str, what: str) -> None:
    path = tmp_path / "remit.lock"
    locked(contract()).write(path)
    edited(path, old, new)
    with pytest.raises(ConfigError, match=f"'create_issue': the {what} are not those that ann reviewed on 2026-03-01"):
        Lock.read(path)


@pytest.mark.parametrize(("old", "new"), [('"price": 0', '"prise": 0'), ('"reviewed_by"', '"by": "x", "reviewed_by"')])
def test_a_key_that_means_nothing_is_named(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "remit.lock"
    locked(contract()).write(path)
    edited(path, old, new)
    with pytest.raises(ConfigError, match=r"'create_issue': has '(prise|by)', which means nothing here; restore"):
        Lock.read(path)


def test_a_field_that_contracts_get_later_breaks_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    locked(contract()).write(path)
    root = json.loads(path.read_text("utf-8"))
    del root["tools"]["create_issue"]["contract"]["labels"]
    path.write_text(json.dumps(root))
    assert Lock.read(path)["create_issue"].contract == contract()


def test_an_entry_under_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    locked(contract()).write(path)
    edited(path, '"create_issue": {', '"delete_issue": {')
    with pytest.raises(ConfigError, match="'delete_issue' holds the contract of 'create_issue'"):
        Lock.read(path)


def test_a_newer_format_asks_for_a_newer_remit(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    path.write_text('{"format": 2, "tools": []}')
    with pytest.raises(ConfigError, match="format 2, and this Remit reads up to 1; install a newer Remit"):
        Lock.read(path)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("", "is not a lock file"),
        ("{", "restore it from version control"),
        ("[" * 100_000, "is not a lock file"),
        ("[]", 'needs "format": 1'),
        ('{"format": true, "tools": {}}', 'needs "format": 1'),
        ('{"format": 1}', 'an object "tools"'),
        ('{"format": 1, "tools": {"a": 3}}', "tool 'a'"),
        ('{"format": 1, "tools": {"a": {}}}', "tool 'a': Object missing required field `contract`"),
        ('{"format": 1, "tools": {"a": {}, "a": {}}}', "'a' is there twice"),
        ('<<<<<<< ours\n{"format": 1, "tools": {}}\n=======\n>>>>>>> theirs\n', "unfinished merge"),
    ],
)
def test_a_broken_file_is_told_with_what_to_do(tmp_path: Path, body: str, match: str) -> None:
    path = tmp_path / "remit.lock"
    path.write_text(body)
    with pytest.raises(ConfigError, match=match) as caught:
        Lock.read(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Lock.read(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        Lock().write(tmp_path / "missing" / "remit.lock")
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        Lock.read(tmp_path / "latin")


def test_a_file_that_another_editor_saved_is_read_or_told(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    locked(contract()).write(path)
    text = path.read_text("utf-8")
    path.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert Lock.read(path) == locked(contract())
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(ConfigError, match="it is not UTF-8; save it as that"):
        Lock.read(path)


def test_what_a_link_leads_to_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path, real = tmp_path / "remit.lock", tmp_path / "real.lock"
    real.touch(0o640)
    path.symlink_to(real)
    locked(contract()).write(path)
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert Lock.read(real) == locked(contract())


def test_a_file_that_is_read_only_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    Lock().write(path)
    path.chmod(0o444)
    with pytest.raises(ConfigError, match="read-only; make it writable"):
        locked(contract()).write(path)
    assert len(Lock.read(path)) == 0


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        locked(contract()).write(path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "remit.lock"
    locked(contract()).write(path)
    root = json.loads(path.read_text("utf-8"))
    assert root["format"] == 1
    assert root["tools"]["create_issue"]["reviewed_at"] == "2026-03-01"
