"""Listing: pages of a tenant's sessions, each beginning where the last one ended, however the list has changed."""

import base64
import binascii
import json
import sqlite3
from collections.abc import Mapping
from itertools import islice
from typing import get_args

import msgspec

from remit.core.ports import SessionStatus
from remit.core.values import usd
from remit.server.projection.lives import KINDS, mask
from remit.server.projection.port import Listing, Order, Summaries, Summary
from remit.server.projection.searching import Found, search
from remit.server.service.refusals import RefusedError

MOST = 500
"""Sessions of one page."""

_FEW: tuple[SessionStatus, ...] = ("running", "waiting")
_ORDERS: tuple[Order, ...] = get_args(Order)
_ROW = (
    "number, id, agent, status, why, about, opened, changed, parent, runs, steps, tokens, cost, "
    "approvals + questions + doubts, flags"
)


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended."""

    order: str
    value: int
    number: int


_places = msgspec.json.Decoder(_Place)


def page(db: sqlite3.Connection, tenant: str, listing: Listing) -> Summaries:
    """Give a page; raise `RefusedError` for a cursor of none."""
    if listing.order not in _ORDERS:
        raise RefusedError("unfit", f"sessions are in order of {', '.join(_ORDERS)}, not of {listing.order!r}")
    limit = min(max(listing.limit, 1), MOST)
    where, values = _where(tenant, listing)
    rows = (
        _searched(db, tenant, listing, (where, values), limit + 1)
        if listing.text.strip()
        else _rows(db, listing, where, (*values, limit + 1))
    )
    more = rows[limit - 1] if len(rows) > limit else None
    return Summaries(
        sessions=tuple(map(_summary, rows[:limit])),
        next=_cursor(listing.order, more) if more else None,
        total=_total(db, tenant, listing),
    )


def _where(tenant: str, listing: Listing) -> tuple[str, tuple[str | int, ...]]:
    wanted: dict[str, str | int] = {"tenant = ?": tenant}
    for name in ("status", "ended", "agent"):
        if value := getattr(listing, name):
            wanted[f"{name} = ?"] = value
    if listing.flag:
        wanted["kinds & ?"] = sum(mask((kind,)) for kind in KINDS if kind == listing.flag)
    if listing.since > 0:
        wanted["changed >= ?"] = min(listing.since, 2**62)
    values = tuple(wanted.values())
    if listing.after:
        place = _place(listing)
        wanted[f"({listing.order}, number) < (?, ?)"] = 0
        values = (*values, place.value, place.number)
    return " AND ".join(wanted), values


def _from(listing: Listing) -> str:
    # Few run or wait, and all of them are sorted sooner than many others are passed over.
    by_status = listing.status and (listing.order == "changed" or listing.status in _FEW)
    return f"sessions INDEXED BY {'by_status' if by_status else f'by_{listing.order}'}"


def _ordered(listing: Listing) -> str:
    return f"ORDER BY {listing.order} DESC, number DESC"


def _rows(db: sqlite3.Connection, listing: Listing, where: str, values: tuple[str | int, ...]) -> list[tuple[object]]:
    return db.execute(
        f"SELECT {_ROW} FROM {_from(listing)} WHERE {where} {_ordered(listing)} LIMIT ?", values
    ).fetchall()


def _searched(
    db: sqlite3.Connection, tenant: str, listing: Listing, wanted: tuple[str, tuple[str | int, ...]], most: int
) -> list[tuple[object]]:
    found, (where, values) = Found(db, tenant, search(listing.text)), wanted
    few = found.few
    if few is None:
        walk = db.execute(f"SELECT number, id FROM {_from(listing)} WHERE {where} {_ordered(listing)}", values)
        few = set(islice(found.among(walk), most))
        walk.close()
    return db.execute(
        f"SELECT {_ROW} FROM sessions NOT INDEXED WHERE number IN (SELECT value FROM json_each(?)) AND {where} "
        f"{_ordered(listing)} LIMIT ?",
        (json.dumps(sorted(few)), *values, most),
    ).fetchall()


def _total(db: sqlite3.Connection, tenant: str, listing: Listing) -> int | None:
    if listing.ended or listing.text.strip() or listing.flag or listing.since > 0:
        return None
    question, values = "SELECT ifnull(sum(sessions), 0) FROM counts WHERE tenant = ?", [tenant]
    asked: Mapping[str, str] = {"agent": listing.agent, "status": listing.status}
    for name, value in asked.items():
        if value:
            question, values = f"{question} AND {name} = ?", [*values, value]
    return int(db.execute(question, values).fetchone()[0])


def _summary(row: tuple[object, ...]) -> Summary:
    _, name, agent, status, why, about, opened, changed, parent, runs, steps, tokens, cost, waits, flags = row
    return msgspec.convert(
        {
            "id": name, "agent": agent, "status": status, "why": why, "about": about, "opened": opened,
            "changed": changed, "parent": parent, "runs": runs, "steps": steps, "tokens": tokens,
            "cost_usd": usd(cost) if isinstance(cost, int) else 0.0, "waits": waits, "flags": flags,
        },
        Summary,
    )  # fmt: skip


# -- cursors -----------------------------------------------------------------------------------------------------------


def packed(order: str, value: int, number: int) -> str:
    """Write where a page ended."""
    return base64.urlsafe_b64encode(msgspec.json.encode(_Place(order, value, number))).decode().rstrip("=")


def unpacked(cursor: str, order: str) -> tuple[int, int]:
    """Read where a page ended; raise `RefusedError` when none did like that."""
    try:
        body = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = _places.decode(body)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        place = None
    if place is None or place.order != order or max(abs(place.value), abs(place.number)) >= 2**63:
        raise RefusedError("unknown", f"{cursor!r} is no cursor of this list")
    return place.value, place.number


def _place(listing: Listing) -> _Place:
    return _Place(listing.order, *unpacked(listing.after, listing.order))


def _cursor(order: Order, row: tuple[object, ...]) -> str:
    columns = [name.strip() for name in _ROW.split(",")]
    value, number = row[columns.index(order)], row[0]
    assert isinstance(value, int)
    assert isinstance(number, int)
    return packed(order, value, number)
