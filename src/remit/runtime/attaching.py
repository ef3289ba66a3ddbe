"""Attaching: images, documents and sounds beside the words; their bytes go to a blob, the journal names it."""

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remit.core.errors import ConfigError
from remit.core.messages import Part
from remit.core.ports import Blobs

LARGEST = 32 << 20
"""Bytes of one attachment; no provider takes more in one request."""

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
    Raise `ConfigError` for a file that cannot be read, one over 32 MiB, and a type that nobody can guess.
    """
    url = what if isinstance(what, str) and what.startswith(("https://", "http://")) else ""
    path = None if url or isinstance(what, bytes) else Path(what)
    name = name or (path.name if path else url.partition("?")[0].rpartition("/")[2])
    media = media or mimetypes.guess_type(name)[0] or ""
    if not media:
        raise ConfigError(f"nobody can tell what {name or 'these bytes'!r} is; say media='image/png' or the like")
    data = what if isinstance(what, bytes) else _read(path) if path else b""
    if len(data) > LARGEST:
        raise ConfigError(f"{name!r} has {len(data):,} bytes; at most {LARGEST:,} can be attached")
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


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be attached: {error.strerror or error}") from error


def _most(media: str, size: int) -> int:
    """Bound the tokens of an attachment from above; a sound and a text have fewer tokens than bytes."""
    if media.startswith("image/"):
        return _IMAGE
    if media.startswith(("text/", "audio/")) or media == "application/json":
        return size
    return _PAGES + size
