"""The lock file: the contracts that somebody reviewed, in a form that reads well in a version control's diff."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue, digest
from remit.tools.contracts.contract import Contract
from remit.tools.contracts.suspicion import hidden

FORMAT = 1
"""The format that is written; it rises when an older Remit would misread a file."""

_WRITABLE = 0o222


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """A contract as it was reviewed, by whom and when."""

    contract: Contract
    digest: str
    """Of what callers rely on."""
    prose: str
    """Of the words that explain it."""
    seal: str
    """Of all of it."""
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
            text = path.read_text("utf-8-sig")
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: cannot be read: it is not UTF-8; save it as that, or restore it") from error
        tools = _tools(path, _parsed(path, text))
        return cls({name: _locked(path, name, tools[name]) for name in sorted(tools)})

    def write(self, path: Path) -> None:
        """Replace the file, all or nothing; raise `ConfigError` when it cannot be written."""
        tools = {name: msgspec.to_builtins(self.tools[name]) for name in self.tools}
        body = json.dumps({"format": FORMAT, "tools": tools}, indent=2, sort_keys=True, ensure_ascii=False)
        # Where the file is a link, what it leads to is replaced.
        file = path.resolve()
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            if file.exists() and not file.stat().st_mode & _WRITABLE:
                raise ConfigError(f"{path}: cannot be written: it is read-only; make it writable and do it again")
            with draft.open("w", encoding="utf-8", newline="\n") as writing:
                writing.write(_visible(body) + "\n")
                writing.flush()
                os.fsync(writing.fileno())
            if file.exists():
                shutil.copymode(file, draft)
            draft.replace(file)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error

    def with_(self, contract: Contract, by: str, at: str) -> Self:
        """Pin a contract in place of any other of its name; `at` is the ISO date of the review."""
        entry = Locked(
            contract=contract,
            digest=contract.digest,
            prose=contract.prose,
            seal=_seal(contract),
            reviewed_by=by,
            reviewed_at=at,
        )
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
    found = dict(pairs)
    if len(found) < len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{double!r} is there twice")
    return found


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
    unknown = _unknown(node)
    if unknown:
        raise ConfigError(f"{path}: tool {name!r}: has {unknown!r}, which means nothing here; {_again(name)}")
    pinned = entry.contract
    if pinned.name != name:
        raise ConfigError(f"{path}: tool {name!r} holds the contract of {pinned.name!r}; {_again(name)}")
    for what, said, found in (
        ("arguments, answer or effect", entry.digest, pinned.digest),
        ("texts", entry.prose, pinned.prose),
        ("owner, version, price, source or marks", entry.seal, _seal(pinned)),
    ):
        if said != found:
            raise ConfigError(
                f"{path}: tool {name!r}: the {what} are not those that {entry.reviewed_by or 'somebody'} reviewed "
                f"on {entry.reviewed_at}: they hash to {found}, and {said} is written; {_again(name)}"
            )
    return entry


def _seal(contract: Contract) -> str:
    """Hash a whole contract; what a later Remit adds to contracts changes no hash of those without it."""
    fields = msgspec.structs.fields(Contract)
    said = msgspec.to_builtins({field.name: getattr(contract, field.name) for field in fields})
    return digest({field.name: said[field.name] for field in fields if getattr(contract, field.name) != field.default})


def _unknown(node: JsonValue) -> str:
    """Name a key that is none, which somebody may have misspelt."""
    if not isinstance(node, dict):
        return ""
    within = node["contract"]
    known = set(Contract.__struct_fields__)
    inner = next((key for key in within if key not in known), "") if isinstance(within, dict) else ""
    return inner or next((key for key in node if key not in Locked.__struct_fields__), "")


def _again(name: str) -> str:
    return f"restore the entry from version control, or review the tool and run `remit tools lock {name}`"


def _visible(body: str) -> str:
    """Escape what a reviewer would not see: control, format and private characters, of which JSON itself has none."""
    return "".join(json.dumps(char)[1:-1] if char != "\n" and hidden(char) else char for char in body)
