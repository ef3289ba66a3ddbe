"""Assets: the scripts, styles and pictures of the console, packed once, under a name that changes with them."""

import hashlib
import mimetypes
import posixpath
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

from remit.server.entrance import pack

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_COMMENT = re.compile(rb"^[ \t]*(?:/\*\*.*?\*/|//[^\n]*)[ \t]*\n", re.DOTALL | re.MULTILINE)
"""Comments that have lines of their own; they are for who reads the source."""
_IMPORT = re.compile(rb'^(?:import|export) (?:[^"\n]* from )?"(\.[^"]+)";', re.MULTILINE)
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    packed: bytes
    """The same in gzip; empty where that gains nothing."""
    media: str


class Assets:
    """All files of the folder `static`, read at the start."""

    def __init__(self) -> None:
        """Read and pack them."""
        self.files = dict(_read(files("remit.server.console") / "static", ""))
        digest = hashlib.sha256()
        for name, asset in sorted(self.files.items()):
            digest.update(name.encode() + b"\0" + asset.body)
        self.version = digest.hexdigest()[:12]

    @property
    def names(self) -> frozenset[str]:
        """List what there is."""
        return frozenset(self.files)

    def needed(self, script: str) -> tuple[str, ...]:
        """List what a script imports, and what that imports: a browser that is told asks for all of it at once."""
        found: dict[str, None] = {}
        waiting = [script]
        while waiting:
            name = waiting.pop()
            for wanted in _IMPORT.findall(self.files[name].body):
                path = posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted.decode()))
                if path not in found:
                    found[path] = None
                    waiting.append(path)
        return tuple(sorted(found))

    def answer(self, request: Request) -> Response:
        """Give a file; a browser that has it under this version need never ask again."""
        asset = self.files.get(str(request.path_params["name"]))
        if asset is None:
            return Response("there is no such file", 404, media_type="text/plain")
        current = request.path_params["version"] == self.version
        headers = {
            "Cache-Control": _FOR_EVER if current else "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        if asset.packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, 200, {**headers, "Content-Encoding": "gzip"}, media_type=asset.media)
        return Response(asset.body, 200, headers, media_type=asset.media)


def _read(folder: Traversable, above: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _read(entry, f"{above}{entry.name}/")
        elif not entry.name.startswith("."):
            body = entry.read_bytes()
            if entry.name.endswith(".js"):
                body = _COMMENT.sub(b"", body)
            suffix = entry.name[entry.name.rfind(".") :]
            media = _TYPES.get(suffix) or mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
            found.append((above + entry.name, Asset(body, pack(body, 9), media)))
    return found
