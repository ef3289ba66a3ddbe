"""Tunnels: bytes carried both ways between a program and an address that was checked."""

import asyncio
from collections.abc import Callable, Sequence

from remit.tools.http.proxy.access import RefusedError
from remit.tools.http.proxy.visit import Visit

_PIECE = 64 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def tunnelled(visit: Visit, addresses: Sequence[str], port: int) -> None:
    """Connect, say so, and carry until both ends are done; raise `RefusedError` when that cannot be."""
    reader, writer = await _connected(visit, addresses, port)
    try:
        early = await visit.caller.let_through()
        visit.access.status = 200
        visit.meter.sent(len(early))
        writer.write(early)
        async with asyncio.timeout(visit.terms.idle) as limit, asyncio.TaskGroup() as both:

            def alive() -> None:
                limit.reschedule(asyncio.get_running_loop().time() + visit.terms.idle)

            both.create_task(_carry(visit.caller.reader, writer, visit.meter.sent, alive))
            both.create_task(_carry(reader, visit.caller.writer, visit.meter.received, alive))
    except TimeoutError:
        raise RefusedError(504, f"no byte for {visit.terms.idle:g} s") from None
    except ExceptionGroup as group:
        first = group.exceptions[0]
        raise first if isinstance(first, RefusedError) else RefusedError(502, "one end broke off") from None
    finally:
        writer.transport.abort()


async def _connected(visit: Visit, addresses: Sequence[str], port: int) -> Streams:
    try:
        async with asyncio.timeout(visit.terms.connect):
            for address in addresses:
                visit.access.address = address
                try:
                    return await asyncio.open_connection(address, port)
                except OSError:
                    continue
    except TimeoutError:
        raise RefusedError(504, f"no connection within {visit.terms.connect:g} s") from None
    raise RefusedError(502, "no connection")


async def _carry(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[int], None], alive: Callable[[], None]
) -> None:
    while piece := await source.read(_PIECE):
        count(len(piece))
        alive()
        sink.write(piece)
        await sink.drain()
    sink.write_eof()
