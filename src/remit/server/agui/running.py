"""Running: a run of AG-UI as server-sent events, from what was there and what comes."""

import logging
from collections.abc import AsyncIterator, Sequence

from ag_ui.core import PROTOCOL_VERSION, BaseEvent, Message, RunStartedEvent
from ag_ui.encoder import EventEncoder

from remit.core.events import Record
from remit.core.ports import Delta
from remit.server.agui.telling import Place, Telling
from remit.server.agui.words import OURS
from remit.server.service import Stream

_log = logging.getLogger("remit.server")
_encoder = EventEncoder()

_STOPPED = "this server stops, and the run goes on; send it again"


async def pieces(
    place: Place, messages: Sequence[Message], before: Sequence[Record], stream: Stream
) -> AsyncIterator[bytes]:
    """Write a run: `before` are the records up to its start, which its client knows of."""
    started = RunStartedEvent(
        thread_id=place.thread,
        run_id=place.run,
        protocol_version=PROTOCOL_VERSION,
        metadata={"remit": {"session": stream.session}},
    )
    yield _written([started])
    telling: Telling | None = None
    try:
        # Up to here nothing is missed: what comes after it is heard as it is said.
        heard = stream.past[-1].seq if stream.past else place.start
        telling, again = _told(place, messages, before)
        again += telling.standing()
        if again:
            yield _written(again)
        if telling.over:
            return
        async for item in stream:
            what = item.what
            events = telling.delta(what) if isinstance(what, Delta) else telling.take(what, live=what.seq > heard)
            if events:
                yield _written(events)
            if telling.over:
                return
        if not stream.dropped:
            yield _written(telling.broken("server_stopping", _STOPPED))
    except Exception:  # noqa: BLE001 - a client is told, whatever broke: its stream has begun
        _log.exception("a run of AG-UI in session %s cannot be told", stream.session)
        telling = telling or Telling(place)
        yield _written(telling.broken("internal", "something broke; the server's log says what"))


def _told(place: Place, messages: Sequence[Message], before: Sequence[Record]) -> tuple[Telling, list[BaseEvent]]:
    """Begin to tell; give what takes back whatever a client has of this run already, as it is told again."""
    telling = Telling(place)
    for record in before:
        telling.take(record, live=False)
    kept = [one for one in messages if not one.id.startswith(OURS) or one.id in telling.known]
    whole = telling.begin(kept)
    return telling, [whole] if len(kept) < len(messages) else []


def _written(events: Sequence[BaseEvent]) -> bytes:
    return "".join(_encoder.encode(event) for event in events).encode()
