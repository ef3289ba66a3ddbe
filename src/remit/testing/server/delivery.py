"""Delivery: how the bytes of an answer go to a client, and how that fails when a script wants it to."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from remit.testing.server.dialects.port import Answer
from remit.testing.server.faults import CloseAtOnce, CutStream, Delivery, HalfHeader, Hang, SlowDrip
from remit.testing.server.http import Ending, Outlet

_BATCH = 64 * 1024
"""Bytes that are sent at once when nothing asks for less."""


async def deliver(answer: Answer, outlet: Outlet, fault: Delivery | None = None, pace: float = 0.0) -> Ending:
    """Send an answer, with `pace` seconds between two events; say whether the client got all of it."""
    match fault:
        case CloseAtOnce():
            return "cut"
        case HalfHeader():
            await outlet.send(_head(answer, 0)[:40])
            return "cut"
        case Hang(events=0, head=False):
            await _for_ever()
        case _:
            pass
    if answer.streamed:
        return await _stream(answer, outlet, fault, pace)
    return await _send_whole(answer, outlet, fault)


async def _for_ever() -> None:
    """Wait until the task is cancelled: the client or the server has gone."""
    await asyncio.Event().wait()


async def _stream(answer: Answer, outlet: Outlet, fault: Delivery | None, pace: float) -> Ending:
    pieces = iter(answer.pieces)
    if isinstance(fault, Hang):
        held = b"".join(_chunk(piece) for piece in _first(pieces, fault.events))
        await outlet.send(_head(answer, None) + held)
        await _for_ever()
    tidy = True
    if isinstance(fault, CutStream):
        pieces, tidy = _cut(pieces, fault), fault.tidy
    if isinstance(fault, SlowDrip):
        pieces, pace = _drips(pieces, fault.size), fault.seconds
    dripping = pace > 0 or isinstance(fault, SlowDrip)
    await _send(_head(answer, None), pieces, outlet, pace if dripping else None)
    if not tidy:
        return "cut"
    await outlet.send(b"0\r\n\r\n")
    return "answered"


async def _send(head: bytes, pieces: Iterable[bytes], outlet: Outlet, pace: float | None) -> None:
    """Send pieces as chunks: each alone when there is a pace, else as many at once as make a batch."""
    buffer = bytearray(head)
    for number, piece in enumerate(pieces):
        if pace is not None and number:
            await asyncio.sleep(pace)
        buffer += _chunk(piece)
        if pace is not None or len(buffer) >= _BATCH:
            await outlet.send(bytes(buffer))
            buffer.clear()
    if buffer:
        await outlet.send(bytes(buffer))


async def _send_whole(answer: Answer, outlet: Outlet, fault: Delivery | None) -> Ending:
    body = b"".join(answer.pieces)
    match fault:
        case Hang():
            await outlet.send(_head(answer, len(body)))
            await _for_ever()
        case CutStream(size=size, tidy=tidy):
            half = body[: size or len(body) // 2]
            await outlet.send(_head(answer, len(half) if tidy else len(body)) + half)
            return "answered" if tidy else "cut"
        case SlowDrip(seconds=seconds, size=size):
            await outlet.send(_head(answer, len(body)))
            for drip in _drips([body], size or max(1, len(body) // 8)):
                await asyncio.sleep(seconds)
                await outlet.send(drip)
        case _:
            await outlet.send(_head(answer, len(body)) + body)
    return "answered"


def _head(answer: Answer, length: int | None) -> bytes:
    """Write status and headers; without a length the body comes in chunks."""
    framing: Mapping[str, str] = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{k}: {v}" for k, v in {**answer.headers, **framing}.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _first(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    return (piece for _, piece in zip(range(count), pieces, strict=False))


def _cut(pieces: Iterator[bytes], fault: CutStream) -> Iterator[bytes]:
    if not fault.size:
        yield from _first(pieces, fault.events)
        return
    left = fault.size
    for piece in pieces:
        if left <= 0:
            return
        yield piece[:left]
        left -= len(piece)


def _drips(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        step = size or len(piece)
        yield from (piece[at : at + step] for at in range(0, len(piece), step))
