"""Remits: the key that signs them, the one a process is inside of, and the place of a child below its parent."""

import contextlib
import os
import secrets as lots
from pathlib import Path

from msgspec.structs import replace

from remit.core.errors import ConfigError, OverLimitError
from remit.core.events import Tree
from remit.core.token import VARIABLE, Remit, verify
from remit.telemetry.spans import heard

KEY = "key"
"""The file in a home's folder with the key that signs."""

SHARED_KEY = "REMIT_KEY"
"""The variable with the key of a home in a database, the same on all machines."""


def child_of(parent: Remit | None) -> Tree | None:
    """Give the place of a new session below its parent; raise `OverLimitError` when that is too deep."""
    if parent is None:
        return None
    tree = parent.tree
    if tree.depth + 1 > tree.max_depth:
        raise OverLimitError(f"depth/tree/{tree.root}", 1, tree.depth, tree.max_depth)
    # Nobody signed the trace: what is none is not kept.
    return replace(tree, parent=parent.session, depth=tree.depth + 1, trace=heard(tree.trace))


def own(token: str, key: bytes) -> Remit | None:
    """Read the remit to stay inside, if there is one."""
    token = token or os.environ.get(VARIABLE, "")
    return verify(token, key) if token else None


def signing_key(path: Path) -> bytes:
    """Read the key that signs tokens, or make one that only this user can read."""
    if not path.exists():
        # Written aside and put in place whole: another process must never read half a key, or make another one.
        draft = path.with_name(f"{path.name}.{lots.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(lots.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    key = path.read_bytes()
    if len(key) != 32:
        raise ConfigError(f"{path} does not hold a key of 32 bytes; move it away to have a new one made")
    return key


def shared_key() -> bytes:
    """Read the key that all machines of a home share; raise `ConfigError` that says how to make one."""
    text = os.environ.get(SHARED_KEY, "")
    advice = "make it once with `openssl rand -hex 32` and give the same to every process of this database"
    if not text:
        raise ConfigError(f"a home in a database needs {SHARED_KEY}, 64 hex digits: {advice}")
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(f"{SHARED_KEY} is not 64 hex digits: {advice}")
    return key
