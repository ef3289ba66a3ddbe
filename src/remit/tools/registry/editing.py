"""Editing: adds to a project's file. What is there stays as it is, byte for byte, or nothing is written."""

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.registry.project import Project
from remit.tools.registry.tables import parsed, table

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KEY = r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[A-Za-z0-9_-]+"
_HEAD = re.compile(rf"^[ \t]*\[[ \t]*tools[ \t]*\.[ \t]*({_KEY})[ \t]*\][^\n]*(?:\n|\Z)", re.MULTILINE)
_SAID = re.compile(r"^[ \t]*deprecated[ \t]*=[^\n]*?(\r?\n|\Z)", re.MULTILINE)
_WRITABLE = 0o222
_NEXT = re.compile(r"^[ \t]*\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Edit:
    """A project's file as it would be."""

    project: Project
    before: bytes
    text: str

    def write(self) -> None:
        """Replace the file, all or nothing; raise `ConfigError` when that cannot be or it has changed meanwhile."""
        file = self.project.file.resolve()
        if _bytes(file) != self.before:
            raise ConfigError(f"{self.project.file} has changed meanwhile; nothing was written, do it again")
        if file.exists() and not file.stat().st_mode & _WRITABLE:
            raise ConfigError(f"{self.project.file} is read-only; make it writable and do it again")
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            draft.write_bytes(self.text.encode())
            if file.exists():
                shutil.copymode(file, draft)
            draft.replace(file)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ConfigError(f"{self.project.file} cannot be written: {error.strerror}") from error


def added(file: Path, name: str, said: JsonObject) -> Edit:
    """Add a source at the end of a project's file, which need not exist; raise `ConfigError` if that makes no sense."""
    before, text, root = _read(file)
    sources = table(root.get("sources", {}), f"{file}: sources")
    if name in sources:
        raise ConfigError(f"{file} has a source {name!r} already; change it there, or give another name")
    lines = [f"[sources.{_key(name)}]", *(f"{_key(key)} = {_value(value)}" for key, value in said.items())]
    return _edit(file, before, _appended(text, lines), {**root, "sources": {**sources, name: said}})


def deprecated(file: Path, tool: str, why: str) -> Edit:
    """Say in a project's file why a tool should no longer be used, in place of what was said before."""
    before, text, root = _read(file)
    tools = table(root.get("tools", {}), f"{file}: tools")
    own = table(tools.get(tool, {}), f"{file}: [tools.{tool}]")
    line = f"deprecated = {_value(why)}"
    head = next((found for found in _HEAD.finditer(text) if _same_key(found[1], tool)), None)
    table_of_its_own = [f"[tools.{_key(tool)}]", line]
    changed = _in_table(text, head.end(), line) if head else _appended(text, table_of_its_own)
    return _edit(file, before, changed, {**root, "tools": {**tools, tool: {**own, "deprecated": why}}})


def _read(file: Path) -> tuple[bytes, str, JsonObject]:
    before = _bytes(file)
    try:
        text = before.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"the project {str(file)!r} is not UTF-8; save it as that") from None
    return before, text, parsed(text, str(file))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"cannot read the project {str(file)!r}: {error.strerror}") from None


def _edit(file: Path, before: bytes, text: str, wanted: JsonObject) -> Edit:
    """Read what would be written: it must say what was said before, what was added, and nothing else."""
    try:
        said = parsed(text, str(file))
    except ConfigError:
        said = {}
    if said != wanted:
        raise ConfigError(f"{file} is written in a way that cannot be added to safely; change it by hand")
    return Edit(Project.parse(text, file), before, text)


def _appended(text: str, lines: Sequence[str]) -> str:
    end = _end(text)
    gap = "" if not text else end if text.endswith("\n") else end + end
    return f"{text}{gap}{end.join(lines)}{end}"


def _in_table(text: str, start: int, line: str) -> str:
    """Put a line into the table whose head ends here, in place of the one of its kind."""
    following = _NEXT.search(text, start)
    stop = following.start() if following else len(text)
    body, end = text[start:stop], _end(text)
    said = _SAID.search(body)
    if said is not None:
        body = f"{body[: said.start()]}{line}{said[1] or end}{body[said.end() :]}"
    else:
        body = f"{line}{end}{body}"
    gap = "" if text[:start].endswith("\n") else end
    return f"{text[:start]}{gap}{body}{text[stop:]}"


def _end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _same_key(written: str, key: str) -> bool:
    if written.startswith('"'):
        return parsed(f"{written} = 0", "the key") == {key: 0}
    return written.strip("'") == key


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: JsonValue) -> str:
    match value:
        case bool() | int() | float():
            return json.dumps(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{_key(key)} = {_value(one)}' for key, one in value.items())}}}"
        case _:
            raise ConfigError(f"{value!r} has no place in a project's file")
