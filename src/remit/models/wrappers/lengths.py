"""Lengths: how many tokens a request takes, at most and about. Each message is measured once in a conversation."""

from collections.abc import Sequence

import msgspec

from remit.core.messages import AssistantMessage, Message, ToolMessage, UserMessage
from remit.core.ports import Request

_REQUEST = 64
"""Tokens that a provider may add around a request."""

_MESSAGE = 16
"""Tokens that a provider may add around a message."""

_BYTES_PER_TOKEN = 3
"""Fewer than any tokenizer makes of English or JSON, so that an estimate errs on the long side."""

_encoder = msgspec.json.Encoder()


class _Measured(msgspec.Struct):
    """What the first messages of a conversation take."""

    messages: int = 0
    bound: int = 0
    """Tokens at most."""
    parts: int = 0
    """Those of them that are no words."""


def bound(request: Request) -> int:
    """Bound a request's tokens from above, as the hold for it was: no tokenizer makes more tokens than bytes."""
    return _around(request) + _measured(request).bound


def estimated(request: Request) -> int:
    """Say about how many tokens a request takes, rather too many than too few."""
    measured = _measured(request)
    return (_around(request) + measured.bound - measured.parts) // _BYTES_PER_TOKEN + measured.parts


def _around(request: Request) -> int:
    total = _REQUEST + len(request.instructions.encode("utf-8", "replace"))
    total += sum(len(_encoder.encode((tool.name, tool.description, tool.schema))) for tool in request.tools)
    return total + (len(_encoder.encode(request.shape.schema)) if request.shape else 0)


def _measured(request: Request) -> _Measured:
    if request.memo is None:
        return _grown(_Measured(), request.messages)
    measured = request.memo.get(_Measured)
    if not isinstance(measured, _Measured) or measured.messages > len(request.messages):
        measured = request.memo[_Measured] = _Measured()
    return _grown(measured, request.messages)


def _grown(measured: _Measured, messages: Sequence[Message]) -> _Measured:
    for place in range(measured.messages, len(messages)):
        message = messages[place]
        parts = sum(part.tokens for part in message.parts) if isinstance(message, UserMessage) else 0
        measured.parts += parts
        measured.bound += parts + _MESSAGE + _bytes(message)
    measured.messages = len(messages)
    return measured


def _bytes(message: Message) -> int:
    match message:
        case AssistantMessage():
            return len(_encoder.encode((message.text, message.calls, message.reasoning)))
        case ToolMessage():
            return len(_encoder.encode(message.outcome.output))
        case _:
            return len(message.text.encode("utf-8", "replace"))
