"""Contents: what messages of a request say, as what is said to an agent: words, images and files."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.runtime import Attachment, Said, attach
from remit.server.openai.problems import UnfitError

Speaker = Literal["user", "assistant", "system"]

_SPEAKERS: dict[JsonValue, Speaker] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}

_WORDS = {"text", "input_text", "output_text"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a request."""

    by: Speaker
    text: str
    attached: tuple[Attachment, ...] = ()


def message(said: JsonObject, where: str) -> Message:
    """Read a message; raise `UnfitError` for what no agent could be told."""
    role = said.get("role")
    by = _SPEAKERS.get(role) if isinstance(role, str) else None
    if by is None:
        raise UnfitError(f"{where}.role", f"a message by {role!r} cannot be taken: an agent calls its own tools")
    if said.get("tool_calls") or said.get("function_call") or said.get("audio"):
        raise UnfitError(where, "the calls of an agent are its own and never the client's; leave out this message")
    content = said.get("content")
    if isinstance(content, str):
        return Message(by, content)
    if not isinstance(content, list):
        raise UnfitError(f"{where}.content", "the content of a message is a text or a list of parts")
    parts = [_part(one, f"{where}.content[{place}]") for place, one in enumerate(content)]
    words = "\n\n".join(one for one in parts if isinstance(one, str))
    attached = tuple(one for one in parts if isinstance(one, Attachment))
    if attached and by != "user":
        raise UnfitError(f"{where}.content", "only messages of the user have images and files")
    return Message(by, words, attached)


def said(messages: Sequence[Message]) -> Said:
    """Say to an agent all that it was not told yet: the last message, and before it what a client says came before."""
    *before, last = messages
    words: list[str] = []
    told = [one for one in before if one.by != "system" and one.text]
    rules = [one.text for one in before if one.by == "system" and one.text]
    if rules:
        words.append("\n\n".join(rules))
    if told:
        lines = "\n\n".join(f"{one.by}: {one.text}" for one in told)
        words.append(f"Earlier in this conversation, as the client tells it:\n\n{lines}\n\nAnd now:")
    if last.text:
        words.append(last.text)
    attached = [part for one in messages for part in one.attached]
    everything = "\n\n".join(words)
    return [everything, *attached] if attached else everything


def words(what: Said) -> str:
    """Give the words of what is said."""
    return what if isinstance(what, str) else "\n\n".join(one for one in what if isinstance(one, str))


def unless_empty(what: Said, where: str) -> Said:
    """Raise `UnfitError` when nothing is said."""
    if isinstance(what, str) and not what.strip():
        raise UnfitError(where, "the last message says nothing")
    return what


def _part(part: JsonValue, where: str) -> str | Attachment:
    if not isinstance(part, dict):
        raise UnfitError(where, "a part of a message is an object")
    kind = part.get("type")
    if kind in _WORDS or kind == "refusal":
        words = part.get("refusal" if kind == "refusal" else "text")
        if not isinstance(words, str):
            raise UnfitError(where, "a part with words has them as `text`")
        return words
    if kind in {"image_url", "input_image"}:
        url = part.get("image_url")
        return _image(url.get("url") if isinstance(url, dict) else url, where)
    if kind in {"file", "input_file"}:
        file = part.get("file") if kind == "file" else part
        return _file(file if isinstance(file, dict) else {}, where)
    raise UnfitError(where, f"a part of type {kind!r} cannot be taken; there are texts, images and files")


def _image(url: JsonValue, where: str) -> Attachment:
    if not isinstance(url, str):
        raise UnfitError(where, "an image is at an https:// URL or in a data: URL; ids of files are not known here")
    if url.startswith("data:"):
        return _data(url, "", where)
    if not url.startswith("https://"):
        raise UnfitError(where, "an image is at an https:// URL or in a data: URL")
    return _linked_image(url, where)


def _file(file: JsonObject, where: str) -> Attachment:
    data, name, url = file.get("file_data"), file.get("filename", ""), file.get("file_url")
    name = name if isinstance(name, str) else ""
    if isinstance(data, str):
        return _data(data, name, where)
    if isinstance(url, str) and url.startswith("https://"):
        return _attached(url, where)
    raise UnfitError(where, "a file is in `file_data` or at an https:// URL; ids of files are not known here")


def _data(url: str, name: str, where: str) -> Attachment:
    head, comma, body = url.partition(",")
    media, *options = head.removeprefix("data:").split(";") if comma else ["", "base64"]
    if "base64" not in options:
        raise UnfitError(where, "a data: URL must be base64")
    try:
        data = base64.b64decode(body if comma else url, validate=True)
    except (binascii.Error, ValueError):
        raise UnfitError(where, "the data is no base64") from None
    return _attached(data, where, media=media, name=name)


def _linked_image(url: str, where: str) -> Attachment:
    try:
        found = attach(url)
    except ConfigError:
        found = None
    # Providers look at what is there; all they want to be told is that it is an image.
    return found if found and found.media.startswith("image/") else _attached(url, where, media="image/png")


def _attached(what: str | bytes, where: str, *, media: str = "", name: str = "") -> Attachment:
    try:
        return attach(what, media=media, name=name)
    except ConfigError as error:
        raise UnfitError(where, str(error)) from None
