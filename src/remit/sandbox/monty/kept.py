"""Kept: a program that waits, as bytes: what the interpreter keeps of it, and what is kept beside it here.

The interpreter says of its part: damaged bytes do no harm beyond its worker, but they may carry bounds of their own and
do anything that a program may. So all of it stands behind a seal: with a key, nobody without the key can make one;
without, it only tells damage.
"""

import hashlib
import hmac

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue

_MAGIC = b"remit-interpreter-1\n"
_SEAL = hashlib.sha256().digest_size
_AGAIN = "run the program again over the recorded answers"


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """How a call of a tool ended."""

    value: JsonValue = None
    error: str | None = None
    """What it raised, as the program sees it."""


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """A call whose answer the program does not have yet."""

    id: int
    tool: str
    arguments: JsonObject
    answer: Answer | None = None
    """Nothing when it was interrupted: it is to be asked again."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A program as it waits."""

    library: str
    """Version of the interpreter; another one cannot read `snapshot`."""
    snapshot: bytes
    code: str
    printed: str
    room: int
    """Bytes that it may still print."""
    calls: int
    now: float
    """Seconds that it has slept."""
    waiting: tuple[Waiting, ...]
    asleep: dict[int, float]
    """When the sleeps that are under way end, on the clock of `now`."""
    again: str
    """The tool of the call at which it waits alone, if it does."""


_decoder = msgspec.msgpack.Decoder(Kept)


def sealed(kept: Kept, key: bytes) -> bytes:
    """Write it down."""
    body = msgspec.msgpack.encode(kept)
    return _MAGIC + hmac.digest(key, _MAGIC + body, "sha256") + body


def unsealed(data: bytes, key: bytes, library: str) -> Kept:
    """Read it; raise `ConfigError` when it is of another version, damaged, or sealed with another key."""
    if not data.startswith(_MAGIC):
        raise ConfigError(f"these bytes are no program that this version of this tier has kept; {_AGAIN}")
    seal, body = data[len(_MAGIC) :][:_SEAL], data[len(_MAGIC) + _SEAL :]
    if not hmac.compare_digest(seal, hmac.digest(key, _MAGIC + body, "sha256")):
        raise ConfigError(f"the kept program is damaged, or was sealed with another key; {_AGAIN}")
    try:
        kept = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise ConfigError(f"the kept program cannot be read ({error}); {_AGAIN}") from error
    if kept.library != library:
        raise ConfigError(
            f"the program was kept by the interpreter's version {kept.library}, and this is {library}; {_AGAIN}"
        )
    return kept
