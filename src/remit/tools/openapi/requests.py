"""Requests: arguments of an operation written as one HTTP request, the same arguments always as the same bytes."""

from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec

from remit.core.ports import ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools.http.port import Outgoing
from remit.tools.openapi.bodies import encode
from remit.tools.openapi.operation import Operation, Parameter
from remit.tools.openapi.security import Signed
from remit.tools.openapi.styles import in_cookie, in_header, in_path, in_query


class Written(msgspec.Struct, frozen=True):
    """A request before it is signed."""

    method: str
    path: str
    query: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    body: bytes = b""

    def outgoing(self, server: str, signed: Signed, timeout: float, context: ToolContext) -> Outgoing:
        """Give the request as it leaves, on behalf of whom a call serves."""
        query = "&".join([*self.query, *signed.query])
        cookies = "; ".join([*self.cookies, *signed.cookies])
        headers = (*self.headers, *signed.headers, *((("Cookie", cookies),) if cookies else ()))
        url = f"{server}{self.path}{'?' if query else ''}{query}"
        return Outgoing(
            self.method,
            url,
            headers,
            self.body,
            timeout,
            tenant=context.tenant,
            session=context.session,
            call=context.call,
            trace=context.trace,
        )


def write(operation: Operation, args: JsonObject) -> Written:
    """Write a request; raise `ValueError` naming the argument that cannot be written."""
    draft = _Draft(operation.entry.path)
    for parameter in operation.parameters:
        if parameter.argument in args:
            try:
                draft.add(parameter, args[parameter.argument])
            except ValueError as error:
                raise ValueError(f"{parameter.argument}: {error}") from None
    if any(part in {".", ".."} for part in draft.path.split("/")):
        raise ValueError(f"{draft.path!r} names another path")
    body = b""
    if operation.body is not None and operation.body.argument in args:
        try:
            body, media = encode(operation.body, args[operation.body.argument])
        except ValueError as error:
            raise ValueError(f"{operation.body.argument}: {error}") from None
        draft.headers.append(("Content-Type", media))
    path = quote(draft.path, safe="/:@!$&'()*+,;=~%-._")
    headers = (("Accept", "application/json, */*;q=0.5"), *draft.headers)
    return Written(operation.entry.method, path, tuple(draft.query), headers, tuple(draft.cookies), body)


@dataclass(slots=True)
class _Draft:
    path: str
    query: list[str] = field(default_factory=list[str])
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    cookies: list[str] = field(default_factory=list[str])

    def add(self, parameter: Parameter, value: JsonValue) -> None:
        """Write one parameter into its place."""
        writing = parameter.writing
        if parameter.json:
            value = msgspec.json.encode(value).decode()
        match parameter.place:
            case "path":
                self.path = self.path.replace("{" + writing.name + "}", in_path(writing, value))
            case "query":
                self.query += in_query(writing, value)
            case "header":
                self.headers.append((writing.name, in_header(writing, value)))
            case "cookie":
                self.cookies += in_cookie(writing, value)
