"""Sending: notices on their way to one webhook, each until it is taken, however long that is down. Never in the way."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from remit.core.errors import RemitError
from remit.core.ports import Clock
from remit.server.notices.claims import Alone, Claims
from remit.server.notices.notice import Notice
from remit.server.notices.signing import HEADER, KEY, signature
from remit.tools.http import Outgoing, Sender

_log = logging.getLogger("remit.notices")

_FIRST, _LONGEST = 1.0, 300.0
"""Seconds between tries of a notice."""
_MARGIN = 5.0
"""Seconds that a claim outlives the longest try."""
_ANSWER = 64_000
"""Bytes of an answer that are read at most; what it says does not matter."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a webhook is borne with."""

    timeout: float = 10.0
    """Seconds for one try."""
    first: float = _FIRST
    """Seconds before the second; each pause is twice the one before, with jitter."""
    longest: float = _LONGEST
    total: float = 24 * 3600.0
    """Seconds after which a notice is given up."""
    reading: float = 5.0
    """Seconds that what began to wait before this process did is held back, while its journal is read to the end."""
    room: int = 10_000
    """Notices that may wait; the oldest make room."""


@dataclass(slots=True)
class _Pending:
    notice: Notice
    since: float
    due: float
    tries: int = 0


class Webhook:
    """One address that is told. It sends one notice at a time, so that a receiver that comes back is not overrun."""

    def __init__(
        self,
        url: str,
        secret: Callable[[], Awaitable[str]],
        sender: Sender,
        *,
        patience: Patience | None = None,
        clock: Clock = time.monotonic,
        claims: Claims | None = None,
    ) -> None:
        """Take where to, who gives the secret at each try, who sends, and who says whose turn it is."""
        self._url, self._secret, self._sender, self._clock = url, secret, sender, clock
        self._claims = claims or Alone()
        self._patience = patience or Patience()
        self._pending: dict[str, _Pending] = {}
        self._of: dict[str, set[str]] = {}
        """The keys of those that are pending, by session."""
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._down = 0
        """Tries in a row that nobody took."""
        self.sent = 0
        self.failed = 0
        """Tries that the receiver did not take; they are made again."""
        self.lost = 0
        """Notices given up: no room, or nobody took them for too long."""

    def put(self, notice: Notice, *, fresh: bool = True) -> None:
        """Have a notice sent; one that is not `fresh` is held back, as the rest of its journal may take it back."""
        now = self._clock()
        self._pending[notice.id] = _Pending(notice, now, now if fresh else now + self._patience.reading)
        self._of.setdefault(notice.session, set()).add(notice.id)
        if len(self._pending) > self._patience.room:
            self._remove(next(iter(self._pending)))
            self.lost += 1
        self._news.set()

    def drop(self, session: str, call: str = "") -> list[str]:
        """Take back what was not sent yet of a call, or of a whole session, as it waits no more; give their keys."""
        keys = [key for key in self._of.get(session, ()) if call in {"", self._pending[key].notice.call}]
        for key in keys:
            self._remove(key)
        return keys

    def waiting(self) -> int:
        """Say how many are on their way."""
        return len(self._pending)

    async def run(self) -> None:
        """Send what there is, again and again, until cancelled."""
        rested = False
        while True:
            self._news.clear()
            first = min(self._pending.values(), key=lambda one: one.due, default=None)
            wait = None if first is None else first.due - self._clock()
            if first is None or (wait is not None and wait > 0):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._news.wait()
            elif self._down and not rested:
                # While nobody answers, what is new waits too: one try at a time finds out.
                await asyncio.sleep(self._backoff(self._down))
                rested = True
            else:
                rested = False
                async with self._turn:
                    if self._pending.get(first.notice.id) is first:
                        await self._try(first)

    async def close(self) -> None:
        """Try what waits once more, for as long as one try may take; what is left the next process finds."""
        try:
            async with asyncio.timeout(self._patience.timeout), self._turn:
                for one in list(self._pending.values()):
                    if not await self._try(one):
                        return
        except TimeoutError:
            pass

    async def _try(self, one: _Pending) -> bool:
        """Send one, if it is ours to send; say whether it was taken, or is another's."""
        try:
            wait = await self._claims.claim(one.notice.id, self._patience.timeout + _MARGIN)
        except RemitError as error:
            return self._failed(one, str(error))
        if wait is None:
            # Another server told it, perhaps one that was here before us.
            self._remove(one.notice.id)
            return True
        if wait > 0:
            one.due = self._clock() + wait
            return True
        problem = await self._sent(one.notice)
        if problem:
            return self._failed(one, problem)
        self._down = 0
        self.sent += 1
        self._remove(one.notice.id)
        try:
            await self._claims.told(one.notice.id)
        except RemitError as error:
            # Another server may tell it once more when our claim is over, with the same key.
            _log.warning("notice %s was told, and that could not be written down: %s", one.notice.id, error)
        return True

    def _failed(self, one: _Pending, problem: str) -> bool:
        one.tries += 1
        self._down += 1
        self.failed += 1
        now = self._clock()
        one.due = now + self._backoff(one.tries)
        if one.tries == 1 or now - one.since > self._patience.total:
            _log.warning("notice %s was not taken at try %s: %s", one.notice.id, one.tries, problem)
        if now - one.since > self._patience.total and self._remove(one.notice.id):
            self.lost += 1
        return False

    def _remove(self, key: str) -> bool:
        one = self._pending.pop(key, None)
        if one is None:
            return False
        keys = self._of[one.notice.session]
        keys.discard(key)
        if not keys:
            del self._of[one.notice.session]
        return True

    async def _sent(self, notice: Notice) -> str:
        body = notice.body()
        try:
            # Asked each time, so that a secret that was changed counts.
            signed = signature(await self._secret(), int(time.time()), body)
            headers = (("Content-Type", "application/json"), (KEY, notice.id), (HEADER, signed))
            request = Outgoing(
                "POST",
                self._url,
                headers,
                body,
                timeout=self._patience.timeout,
                largest=_ANSWER,
                session=notice.session,
            )
            answer = await self._sender.send(request)
        except RemitError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever breaks here must not stop what comes after it
            return type(error).__name__
        return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"

    def _backoff(self, tries: int) -> float:
        longest = min(self._patience.first * 2 ** min(tries - 1, 30), self._patience.longest)
        return longest * (0.5 + random.random() / 2)
