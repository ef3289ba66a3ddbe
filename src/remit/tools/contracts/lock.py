"""The lock file: the contracts that somebody reviewed, in a form that reads well in a version control's diff."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.contract import Contract
from remit.tools.contracts.suspicion import hidden

FORMAT = 1
"""The format that is written; it rises when an older Remit would misread a file."""


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """A contract as it was reviewed, by whom and when."""

    contract: Contract
    digest: str
    prose: str
    reviewed_by: str
    reviewed_at: str
    """The day, as an ISO 8601 date."""


class Lock(msgspec.Struct, frozen=True):
    """All reviewed contracts by the names of their tools."""

    tools: Mapping[str, Locked] = msgspec.field(default_factory=dict[str, Locked])

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a lock file; a missing one is empty; raise `ConfigError` when it is broken, edited by hand or newer."""
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
        tools = _tools(path, _parsed(path, text))
        return cls({name: _locked(path, name, tools[name]) for name in sorted(tools)})

    def write(self, path: Path) -> None:
        """Replace the file, all or nothing; raise `ConfigError` when it cannot be written."""
        tools = {name: msgspec.to_builtins(self.tools[name]) for name in self.tools}
        body = json.dumps({"format": FORMAT, "tools": tools}, indent=2, sort_keys=True, ensure_ascii=False)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with draft.open("w", encoding="utf-8", newline="\n") as file:
                file.write(_visible(body) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ConfigError(f"{path}: cannot be written: {error}") from error

    def with_(self, contract: Contract, by: str, at: str) -> Self:
        """Pin a contract in place of any other of its name; `at` is the ISO date of the review."""
        entry = Locked(contract=contract, digest=contract.digest, prose=contract.prose, reviewed_by=by, reviewed_at=at)
        return type(self)({**self.tools, contract.name: entry})

    def without(self, name: str) -> Self:
        """Let go of a tool; nothing happens when it is not pinned."""
        return type(self)({key: entry for key, entry in self.tools.items() if key != name})

    def get(self, name: str) -> Locked | None:
        """Give the entry of a tool; `None` when it is not pinned."""
        return self.tools.get(name)

    def __getitem__(self, name: str) -> Locked:
        """Give the entry of a tool; raise `KeyError` when it is not pinned."""
        return self.tools[name]

    def __contains__(self, name: object) -> bool:
        """Say whether a tool is pinned."""
        return name in self.tools

    def __iter__(self) -> Iterator[str]:
        """Give the names, sorted."""
        return iter(sorted(self.tools))

    def __len__(self) -> int:
        """Count the tools."""
        return len(self.tools)


def _parsed(path: Path, text: str) -> JsonValue:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        conflict = any(line.startswith(("<<<<<<<", ">>>>>>>")) for line in text.splitlines())
        todo = (
            "it holds an unfinished merge: resolve it"
            if conflict
            else "restore it from version control, or lock all tools again and review them"
        )
        raise ConfigError(f"{path}: is not a lock file: {error}; {todo}") from error


def _once(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    names = [name for name, _ in pairs]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ValueError(f"{double!r} is there twice")
    return dict(pairs)


def _tools(path: Path, root: JsonValue) -> JsonObject:
    number = root.get("format") if isinstance(root, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise ConfigError(f"{path}: has format {number}, and this Remit reads up to {FORMAT}; install a newer Remit")
    tools = root.get("tools") if isinstance(root, dict) and number == FORMAT and number is not True else None
    if not isinstance(tools, dict):
        raise ConfigError(
            f'{path}: is not a lock file: it needs "format": {FORMAT} and an object "tools"; '
            "restore it from version control, or lock all tools again and review them"
        )
    return tools


def _locked(path: Path, name: str, node: JsonValue) -> Locked:
    try:
        entry = msgspec.convert(node, Locked)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: tool {name!r}: {error}; {_again(name)}") from error
    pinned = entry.contract
    if pinned.name != name:
        raise ConfigError(f"{path}: tool {name!r} holds the contract of {pinned.name!r}; {_again(name)}")
    for what, said, found in (
        ("arguments, answer or effect", entry.digest, pinned.digest),
        ("texts", entry.prose, pinned.prose),
    ):
        if said != found:
            raise ConfigError(
                f"{path}: tool {name!r}: the {what} are not those that {entry.reviewed_by or 'somebody'} reviewed "
                f"on {entry.reviewed_at}: they hash to {found}, and {said} is written; {_again(name)}"
            )
    return entry


def _again(name: str) -> str:
    return f"restore the entry from version control, or review the tool and run `remit tools lock {name}`"


def _visible(body: str) -> str:
    """Escape what a reviewer would not see: control, format and private characters, of which JSON itself has none."""
    return "".join(json.dumps(char)[1:-1] if char != "\n" and hidden(char) else char for char in body)
