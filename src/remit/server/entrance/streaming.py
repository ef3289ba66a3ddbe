"""Streaming: writes what comes of a session while its reader keeps up and may read, in any front end's form."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from remit.core.errors import RemitError
from remit.server.access.port import DeniedError
from remit.server.entrance.bounds import Bounds
from remit.server.service import Lookout, Stream

_log = logging.getLogger("remit.server")

_PARTING = 5.0
"""Seconds that a reader has to take what is left when a stream ends."""

_TOGETHER = 64 << 10
"""Bytes from which on events that come at the same time are written without waiting for the next of them."""

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}


class EventStream(Response):
    """Server-sent events made of a stream, for as long as its reader keeps up with it."""

    media_type = "text/event-stream"

    def __init__(
        self,
        stream: Stream | Lookout,
        pieces: AsyncIterable[bytes],
        closing: contextlib.AsyncExitStack,
        again: Callable[[], Awaitable[object]],
        bounds: Bounds,
    ) -> None:
        """Take whose stream it is, the events made of it, what to leave when it is over, and who reads it."""
        super().__init__(None, 200, HEADERS)
        del self.headers["content-length"]
        self._stream, self._pieces, self._closing, self._again, self._bounds = stream, pieces, closing, again, bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the stream is over, its reader leaves, or it is dropped."""
        async with self._closing:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await _say(send, b"", more=False)
                return
            writing = asyncio.create_task(self._write(send))
            others = [asyncio.create_task(one) for one in self._others(receive, send)]
            try:
                await asyncio.wait({writing, *others}, return_when=asyncio.FIRST_COMPLETED)
                if self._stream.over.is_set() and not self._stream.dropped:
                    await asyncio.wait({writing}, timeout=_PARTING)
            finally:
                for task in (writing, *others):
                    task.cancel()
                await asyncio.gather(writing, *others, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        held = bytearray()

        async def flush() -> None:
            if held:
                await _say(send, bytes(held))
                # Only now: if it was cut off before it wrote, nothing is lost.
                held.clear()

        # Each write costs more than all else that is done for an event.
        stream = self._stream if isinstance(self._stream, Stream) else None
        if stream is not None:
            stream.rest = flush
        async for piece in self._pieces:
            held += piece
            if stream is None or not stream.more or len(held) >= _TOGETHER:
                await flush()
        if not self._stream.dropped:
            await flush()
            await _say(send, b"", more=False)

    def _others(self, receive: Receive, send: Send) -> Sequence[Coroutine[None, None, object]]:
        return _left(receive), self._stream.over.wait(), self._tick(send), self._denied()

    async def _denied(self) -> None:
        """Return once the reader may no longer read, as when their key was revoked."""
        while True:
            await asyncio.sleep(self._bounds.recheck)
            try:
                await self._again()
            except DeniedError as error:
                if error.status in {401, 403}:
                    return
            except RemitError as error:
                _log.warning("nobody can tell for now who reads a stream: %s", error)

    async def _tick(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._bounds.beat)
            await _say(send, b": here\n\n")


async def _say(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
