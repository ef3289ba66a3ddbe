"""OpenAPI documents as tools: chosen operations, their arguments as one JSON Schema, calls through a `Sender`."""

from remit.tools.openapi.document import OpenAPI
from remit.tools.openapi.pages import CursorPages, LinkPages, NumberedPages, Paged, Pages
from remit.tools.openapi.security import Client, Credential, Credentials, Login, Token
from remit.tools.openapi.toolset import Choice, OpenAPITools

__all__ = [
    "Choice",
    "Client",
    "Credential",
    "Credentials",
    "CursorPages",
    "LinkPages",
    "Login",
    "NumberedPages",
    "OpenAPI",
    "OpenAPITools",
    "Paged",
    "Pages",
    "Token",
]
