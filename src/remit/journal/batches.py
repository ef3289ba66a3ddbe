"""Batches: how stores with rows keep the events of an append: a checksum, then their bytes; and how rows are read."""

import zlib
from collections.abc import Iterable, Sequence

import msgspec

from remit.core.errors import CorruptJournalError
from remit.core.events import Event, Record, decode, encode

_CRC = 4


def packed(events: Sequence[Event]) -> bytes:
    """Write events as the body of a row."""
    body = encode(events)
    return zlib.crc32(body).to_bytes(_CRC, "big") + body


def unpacked(place: str, session: str, rows: Iterable[tuple[int, int, bytes]], after: int) -> list[Record]:
    """Read rows of the number of their last event, their time and their body, in order; leave out events up to `after`.

    Raise `CorruptJournalError`, which names the `place`, when what is there is not what was written.
    """
    records: list[Record] = []
    due = after + 1
    for last, at, body in rows:
        events = _decoded(place, session, last, body)
        seq = last - len(events) + 1
        if seq > due or (records and seq < due):
            raise CorruptJournalError(f"{place}: session {session!r} has a gap before event {seq}; nothing was changed")
        for event in events:
            if seq >= due:
                records.append(Record(seq, at, event))
            seq += 1
        due = seq
    return records


def _decoded(place: str, session: str, last: int, body: bytes) -> tuple[Event, ...]:
    checked = body[_CRC:]
    if zlib.crc32(checked) != int.from_bytes(body[:_CRC], "big"):
        raise CorruptJournalError(f"{place}: session {session!r} is damaged at event {last}; nothing was changed")
    try:
        return decode(checked)
    except msgspec.MsgspecError as error:
        raise CorruptJournalError(
            f"{place}: session {session!r} holds an event at {last} that this Remit cannot read ({error})"
        ) from None
