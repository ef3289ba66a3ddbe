"""Multipart: the forms in which files are uploaded. Source: RFC 7578."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_NAME = re.compile(r'\bname="([^"]*)"')
_FILENAME = re.compile(r'\bfilename="([^"]*)"')
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?')


class Field(NamedTuple):
    """One field of a form."""

    body: bytes
    filename: str = ""


def form(content_type: str, body: bytes) -> Mapping[str, Field]:
    """Read the fields of a form by name; empty when it is none."""
    found = _BOUNDARY.search(content_type)
    if not content_type.startswith("multipart/form-data") or found is None:
        return {}
    fields: dict[str, Field] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        headers = head.decode("utf-8", "replace")
        name = _NAME.search(headers)
        if separator and name is not None:
            filename = _FILENAME.search(headers)
            fields[name[1]] = Field(content, filename[1] if filename else "")
    return fields
