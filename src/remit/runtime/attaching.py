"""Attaching: images, documents and sounds beside the words; their bytes go to a blob, the journal names it."""

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remit.core.errors import ConfigError
from remit.core.events import MessageReceived
from remit.core.messages import Part
from remit.core.ports import Blobs
from remit.runtime.payload import legible
from remit.telemetry.spans import heard

LARGEST = 32 << 20
"""Bytes of one attachment; no provider takes more in one request."""

_MEDIA = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:;[ -~]{1,200})?")
"""As RFC 6838 names them, with parameters; a provider refuses the whole conversation for one that is none."""

_IMAGE = 50_000
"""Tokens: the dearest known model counts 48,169 for one image at its highest resolution."""

_PAGES = 100 * 3_000
"""Tokens that the pages of a document take as images, beside its text: a hundred pages, which providers stop at."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes, or a URL the provider can reach, with what they are."""

    media: str
    data: bytes = b""
    url: str = ""
    name: str = ""
    tokens: int = 0


Said = str | Sequence[str | Attachment]
"""What somebody says: words, or words and attachments."""


def attach(what: str | Path | bytes, *, media: str = "", name: str = "", tokens: int | None = None) -> Attachment:
    """Attach a file, bytes, or an `https://` URL to a message.

    `media` is the media type, guessed from the name when empty. `tokens` is the most tokens that the model will count
    for it, which the hold of every call with it is taken for; the default is above what any known model counts.
    Raise `ConfigError` for a file that cannot be read, is empty or over 32 MiB, a type nobody can guess or that is
    none, and a sound or text at a URL without `tokens`, as only its size could bound them.
    """
    url = what if isinstance(what, str) and what.startswith("https://") else ""
    path = None if url or isinstance(what, bytes) else Path(what)
    name = name or (path.name if path else url.partition("?")[0].rpartition("/")[2])
    data = what if isinstance(what, bytes) else _read(path) if path else b""
    media = media or mimetypes.guess_type(name)[0] or ""
    if not media:
        what_to_do = "give it an ending that is known, such as .png, or say media='image/png'"
        raise ConfigError(f"nobody can tell what {name or 'these bytes'!r} is; {what_to_do}")
    if not _MEDIA.fullmatch(media):
        raise ConfigError(f"{media[:80]!r} is no media type; say one such as 'image/png'")
    if not data and not url:
        raise ConfigError(f"{name or 'what is attached'!r} is empty")
    if len(data) > LARGEST:
        raise ConfigError(f"{name!r} has {len(data):,} bytes; at most {LARGEST:,} can be attached")
    if tokens is None and url and _by_size(media):
        raise ConfigError(f"nobody can tell how many tokens {name!r} at a URL has; say tokens=..., or attach its bytes")
    if tokens is not None and tokens < 0:
        raise ConfigError(f"{name!r} cannot have {tokens} tokens")
    return Attachment(media, data, url, name, _most(media, len(data)) if tokens is None else tokens)


async def kept(said: Said, blobs: Blobs) -> tuple[str, tuple[Part, ...]]:
    """Put the bytes of what was said into blobs; give the words, in paragraphs, and the parts."""
    if isinstance(said, str):
        return said, ()
    parts: list[Part] = []
    for one in said:
        if isinstance(one, Attachment):
            blob = "" if one.url else await blobs.put(one.data)
            parts.append(Part(one.media, blob, one.url, one.name, len(one.data), one.tokens))
    return "\n\n".join(one for one in said if isinstance(one, str)), tuple(parts)


async def received(said: Said, blobs: Blobs, *, by: str, key: str = "", trace: str = "") -> MessageReceived:
    """Make what somebody said a message; a `traceparent` that is none is left out."""
    text, parts = await kept(said, blobs)
    return MessageReceived(legible(text), by, key, parts, heard(trace))


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be attached: {error.strerror or error}") from error


def _most(media: str, size: int) -> int:
    """Bound the tokens of an attachment from above; a sound and a text have fewer tokens than bytes."""
    if media.startswith("image/"):
        return _IMAGE
    return size if _by_size(media) else _PAGES + size


def _by_size(media: str) -> bool:
    return media.startswith(("text/", "audio/")) or media == "application/json"
