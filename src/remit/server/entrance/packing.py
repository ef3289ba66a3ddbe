"""Packing: bodies in gzip for those who can read it. Never for an event stream, which must not wait to be packed."""

import gzip
from collections.abc import Mapping

from starlette.responses import Response

_SMALL = 512
"""Bytes below which packing gains nothing."""


def pack(body: bytes, level: int = 5) -> bytes:
    """Give the body in gzip, or nothing where that gains nothing."""
    if len(body) < _SMALL:
        return b""
    # Without the time: the same is always the same.
    small = gzip.compress(body, level, mtime=0)
    return small if len(small) < len(body) else b""


def packed(asked: Mapping[str, str], answer: Response) -> Response:
    """Give an answer that is already whole in gzip, if its reader takes that."""
    if "gzip" not in asked.get("accept-encoding", "") or "content-encoding" in answer.headers:
        return answer
    small = pack(bytes(answer.body))
    if small:
        answer.body = small
        answer.headers["content-length"] = str(len(small))
        answer.headers["content-encoding"] = "gzip"
        answer.headers["vary"] = "Accept-Encoding"
    return answer
