"""Results: what an MCP tool gave back, as JSON. Pictures and sounds go to files, or are only named."""

import base64
import binascii
import hashlib
import mimetypes
from collections.abc import Sequence
from pathlib import Path

import mcp_types as types

from remit.core.values import JsonObject, JsonValue


def written(result: types.CallToolResult, files: Path | None, mismatch: str) -> JsonValue:
    """Give the structured content where there is some, else text as text, else the blocks one by one.

    `mismatch` says why the structured content is not what was promised: the call is done, so that is no failure.
    """
    others = [block for block in result.content if not isinstance(block, types.TextContent)]
    if mismatch:
        given = result.structured_content if result.structured_content is not None else _blocks(result.content, files)
        return {"done": True, "warning": f"the result is not what the tool promised: {mismatch}", "result": given}
    if result.structured_content is not None:
        shown: JsonValue = result.structured_content
        return {"result": shown, "attached": [_block(one, files) for one in others]} if others else shown
    return _blocks(result.content, files)


def text_of(content: Sequence[types.ContentBlock]) -> str:
    """Give the text among the blocks."""
    return "\n\n".join(block.text for block in content if isinstance(block, types.TextContent))


def resource(contents: types.TextResourceContents | types.BlobResourceContents, files: Path | None) -> JsonObject:
    """Write what a resource holds."""
    media = contents.mime_type or ""
    if isinstance(contents, types.TextResourceContents):
        return {"type": "resource", "uri": contents.uri, "media": media, "text": contents.text}
    return {"uri": contents.uri, **_kept("resource", contents.blob, media, files)}


def _blocks(content: Sequence[types.ContentBlock], files: Path | None) -> JsonValue:
    if all(isinstance(block, types.TextContent) for block in content):
        return text_of(content)
    return [_block(block, files) for block in content]


def _block(block: types.ContentBlock, files: Path | None) -> JsonObject:
    match block:
        case types.TextContent():
            return {"type": "text", "text": block.text}
        case types.ImageContent():
            return _kept("image", block.data, block.mime_type, files)
        case types.AudioContent():
            return _kept("audio", block.data, block.mime_type, files)
        case types.EmbeddedResource():
            return resource(block.resource, files)
        case types.ResourceLink():
            said = {"name": block.name, "media": block.mime_type, "description": block.description}
            return {"type": "resource_link", "uri": block.uri, **{key: text for key, text in said.items() if text}}


def _kept(kind: str, data: str, media: str, files: Path | None) -> JsonObject:
    """Keep bytes in a file that is named by their content; without a folder, say only what they are."""
    try:
        body = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return {"type": kind, "media": media, "problem": "its bytes are not base64"}
    told: JsonObject = {"type": kind, "media": media, "size": len(body)}
    if files is None:
        return told
    ending = mimetypes.guess_extension(media) or ".bin"
    path = files / f"{hashlib.sha256(body).hexdigest()[:32]}{ending}"
    try:
        files.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        return {**told, "problem": f"it could not be kept: {error}"}
    return {**told, "file": str(path)}
