"""Operation tools: one operation of a document as a `Tool`."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from remit.core.errors import RejectedError, ToolError
from remit.core.ports import Probe, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.policy.hosts import destination
from remit.tools.http.port import Incoming, Outgoing, Sender
from remit.tools.openapi.operation import Operation
from remit.tools.openapi.requests import Written, write
from remit.tools.openapi.responses import content, failure
from remit.tools.openapi.security import Security, Signed
from remit.tools.validation import Validator

Effect = Literal["read", "idempotent", "once"]

_EFFECTS: dict[str, Effect] = {
    "GET": "read",
    "HEAD": "read",
    "OPTIONS": "read",
    "TRACE": "read",
    "PUT": "idempotent",
    "DELETE": "idempotent",
}
"""What may be done after a crash, by method; RFC 9110, 9.2. Any other method is `once`."""


def effect_of(method: str) -> Effect:
    """Say what may be done after a crash with a request of this method."""
    return _EFFECTS.get(method, "once")


class Answer(msgspec.Struct, frozen=True):
    """A good answer: what a model is shown of it, and what leads to the next."""

    output: JsonValue
    headers: Mapping[str, str]
    url: str


class OperationTool:
    """One operation: arguments are checked, written as a request, signed and sent; a refusal is told to the model."""

    def __init__(self, spec: ToolSpec, taken: Operation, server: str, sender: Sender, security: Security) -> None:
        """Take the contract, the operation, its server and who sends and signs; `OpenAPITools` makes them."""
        self._spec, self._operation, self._server = spec, taken, server
        self._sender, self._security = sender, security
        self._origin = destination(server).origin
        self._validator = Validator(spec.schema)
        keyed = taken.entry.method in {"POST", "PATCH"} and spec.effect == "idempotent"
        self._key_header = taken.key_header or ("Idempotency-Key" if keyed else "")

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments, one line a problem; empty when nothing is."""
        problems = self._validator.problems(args)
        if problems:
            return problems
        try:
            write(self._operation, args)
        except ValueError as error:
            return str(error)
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Send, and give the answer; raise `RejectedError` for a refusal, `ToolError` when nobody can know."""
        return (await self.answer(args, context)).output

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say that it cannot be told: a document names no way to ask."""
        return None

    async def answer(self, args: JsonObject, context: ToolContext, following: str = "") -> Answer:
        """Send, and give the answer with its headers; `following` is the URL of a next page on the same server."""
        problems = self.check(args)
        if problems:
            raise RejectedError(problems)
        written = write(self._operation, args)
        if self._key_header and context.key:
            written = replace(written, headers=(*written.headers, (self._key_header, context.key)))
        signed = await self._security.sign(
            self._operation.entry, context.tenant, self._server, session=context.session, call=context.call
        )
        request = self._outgoing(written, signed, context, following)
        answer = await self._sent(request, signed)
        if 200 <= answer.status < 300:
            return Answer(content(answer, signed.secrets), answer.headers, answer.url)
        if answer.status == 401 and signed.cached:
            self._security.forget()
            raise RejectedError("401 Unauthorized: the token is not taken any more", retryable=True, retry_after=0.0)
        keyed = bool(self._key_header and context.key)
        raise failure(answer, signed.secrets, keyed=keyed)

    def _outgoing(self, written: Written, signed: Signed, context: ToolContext, following: str) -> Outgoing:
        request = written.outgoing(self._server, signed, self._spec.timeout, context)
        if following:
            # A server may repeat in its links the key that it was sent.
            place, _, query = following.partition("?")
            keys = {piece.partition("=")[0] for piece in signed.query}
            pieces = [piece for piece in query.split("&") if piece and piece.partition("=")[0] not in keys]
            whole = "&".join([*pieces, *signed.query])
            request = replace(request, url=f"{place}{'?' if whole else ''}{whole}")
        if not self._ours(request.url):
            # A page may have come from where a redirect led, and its links with it; the credentials are for here only.
            what = "the next page" if following else "the operation"
            raise RejectedError(f"not sent: {what} is on another server than {self._server}, which is not followed")
        return request

    def _ours(self, url: str) -> bool:
        try:
            return destination(url).origin == self._origin
        except ValueError:
            return False

    async def _sent(self, request: Outgoing, signed: Signed) -> Incoming:
        # What broke may repeat the URL, and with it an API key.
        try:
            return await self._sender.send(request)
        except RejectedError as error:
            message = signed.secrets.redact(str(error))
            raise RejectedError(message, retryable=error.retryable, retry_after=error.retry_after) from None
        except ToolError as error:
            raise ToolError(
                signed.secrets.redact(str(error)), landing=error.landing, retry_after=error.retry_after
            ) from None
