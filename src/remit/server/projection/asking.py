"""Asking: how a tenant stands, what a span of time came to, and its flags; of what is summed up already."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from remit.core.values import usd
from remit.server.projection.latencies import percentile
from remit.server.projection.listing import packed, unpacked
from remit.server.projection.lives import HOUR
from remit.server.projection.port import (
    AgentFigures,
    Bucket,
    Figures,
    Flag,
    FlagKind,
    FlagPage,
    ModelFigures,
    Overview,
    ToolFigures,
)
from remit.server.projection.writing import SHIFT, summed_up

MOST_BUCKETS = 24 * 92
"""Of one answer."""

MOST_FLAGS = 500
"""Of one page."""

_DAY = 24 * HOUR
_FLAGS = "flags"


def overview(db: sqlite3.Connection, tenant: str, now: int) -> Overview:
    """Say how a tenant stands, but for its money."""
    today = now // _DAY * _DAY
    question = "SELECT status, sum(sessions) FROM counts WHERE tenant = ? GROUP BY status"
    counts: dict[str, int] = dict(db.execute(question, (tenant,)))
    waits = db.execute(
        "SELECT ifnull(sum(approvals), 0), ifnull(sum(questions), 0), ifnull(sum(doubts), 0), min(oldest) "
        "FROM sessions INDEXED BY that_wait WHERE tenant = ? AND oldest > 0",
        (tenant,),
    ).fetchone()
    queue = db.execute(
        "SELECT count(*), min(queued) FROM sessions INDEXED BY that_queue WHERE tenant = ? AND queued > 0", (tenant,)
    ).fetchone()
    flagged = db.execute("SELECT count(*) FROM flags WHERE tenant = ? AND at >= ?", (tenant, today)).fetchone()
    done = _summed(db, tenant, today, today + _DAY)
    all_agents = sum((amounts for (kind, _), amounts in done.items() if kind == "agent"), Counter[str]())
    return Overview(
        running=counts.get("running", 0),
        waiting=counts.get("waiting", 0),
        idle=counts.get("idle", 0),
        closed=counts.get("closed", 0),
        approvals=waits[0],
        questions=waits[1],
        doubts=waits[2],
        oldest_wait=waits[3],
        queued=queue[0],
        oldest_queued=queue[1],
        runs_today=all_agents["runs"],
        failed_today=all_agents["runs.failed"] + all_agents["runs.stopped"],
        flags_today=flagged[0],
        spent_today_usd=usd(all_agents["cost"]),
        budget_usd=None,
        tokens_today=all_agents["tokens"],
    )


# -- figures -----------------------------------------------------------------------------------------------------------


def spanned(since: int, until: int, step: int) -> tuple[int, int, int]:
    """Round a span of time to whole hours, with buckets so long that they are not too many."""
    since = max(since, 0) // HOUR * HOUR
    until = max(-(-until // HOUR) * HOUR, since + HOUR)
    step = max(step, -(-(until - since) // MOST_BUCKETS), 1)
    return since, until, -(-step // HOUR) * HOUR


def figures(db: sqlite3.Connection, tenant: str, *, since: int, until: int, step: int) -> Figures:
    """Say what a span of time came to."""
    since, until, step = spanned(since, until, step)
    buckets: dict[tuple[str, int, str], Counter[str]] = {}
    totals: dict[tuple[str, str], Counter[str]] = {}
    for hour, kind, name, body in _hours(db, tenant, since, until):
        amounts = summed_up(Counter(), body)
        totals.setdefault((kind, name), Counter()).update(amounts)
        if kind != "tool":
            at = since + (hour - since) // step * step
            buckets.setdefault((kind, at, name), Counter()).update(amounts)
    return Figures(
        since=since,
        until=until,
        step=step,
        by_agent=_buckets(buckets, "agent"),
        by_model=_buckets(buckets, "model"),
        agents=tuple(_agent(name, one) for name, one in _of(totals, "agent")),
        models=tuple(_model(name, one) for name, one in _of(totals, "model")),
        tools=tuple(_tool(name, one) for name, one in _of(totals, "tool")),
    )


def _hours(db: sqlite3.Connection, tenant: str, since: int, until: int) -> Iterable[tuple[int, str, str, bytes]]:
    question = "SELECT hour, kind, name, amounts FROM hours WHERE tenant = ? AND hour >= ? AND hour < ?"
    return db.execute(question, (tenant, since, until))


def _summed(db: sqlite3.Connection, tenant: str, since: int, until: int) -> dict[tuple[str, str], Counter[str]]:
    totals: dict[tuple[str, str], Counter[str]] = {}
    for _, kind, name, body in _hours(db, tenant, since, until):
        summed_up(totals.setdefault((kind, name), Counter()), body)
    return totals


def _of(totals: Mapping[tuple[str, str], Counter[str]], kind: str) -> list[tuple[str, Counter[str]]]:
    found = [(name, amounts) for (which, name), amounts in totals.items() if which == kind]
    return sorted(found, key=lambda one: (-one[1]["cost"], -one[1]["calls"], one[0]))


def _buckets(found: Mapping[tuple[str, int, str], Counter[str]], wanted: str) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(at=at, name=name, cost_usd=usd(one["cost"]), tokens=one["tokens"], calls=one["calls"])
        for (kind, at, name), one in sorted(found.items(), key=lambda item: item[0])
        if kind == wanted
    )


def _agent(name: str, one: Counter[str]) -> AgentFigures:
    runs, steps = one["runs"], one["steps"]
    return AgentFigures(
        agent=name,
        runs=runs,
        done=one["runs.done"],
        failed=one["runs.failed"],
        stopped=one["runs.stopped"],
        cancelled=one["runs.cancelled"],
        steps=steps,
        tokens=one["tokens"],
        cost_usd=usd(one["cost"]),
        cost_per_run_usd=usd(one["cost"]) / runs if runs else None,
        tokens_per_step=one["tokens"] / steps if steps else None,
        p50_ms=percentile(one, 0.5),
        p95_ms=percentile(one, 0.95),
    )


def _model(name: str, one: Counter[str]) -> ModelFigures:
    return ModelFigures(
        model=name,
        calls=one["calls"],
        failed=one["failed"],
        hits=one["hits"],
        input=one["input"],
        output=one["output"],
        cached=one["cached"],
        cost_usd=usd(one["cost"]),
        p50_ms=percentile(one, 0.5),
        p95_ms=percentile(one, 0.95),
    )


def _tool(name: str, one: Counter[str]) -> ToolFigures:
    return ToolFigures(
        tool=name,
        calls=one["calls"],
        ok=one["ok"],
        failed=one["failed"],
        denied=one["denied"],
        doubts=one["doubts"],
        p50_ms=percentile(one, 0.5),
        p95_ms=percentile(one, 0.95),
        cost_usd=usd(one["cost"]),
    )


# -- flags -------------------------------------------------------------------------------------------------------------


def flags(db: sqlite3.Connection, tenant: str, kinds: Sequence[FlagKind], limit: int, after: str) -> FlagPage:
    """List flags, newest first; raise `RefusedError` for a cursor of none of its pages."""
    limit = min(max(limit, 1), MOST_FLAGS)
    values: list[str | int] = [tenant]
    where = "flags.tenant = ?"
    if kinds:
        where += f" AND kind IN ({', '.join('?' * len(kinds))})"
        values += kinds
    if after:
        at, place = unpacked(after, _FLAGS)
        where += " AND (at, session, flags.seq) < (?, ?, ?)"
        values += [at, place >> SHIFT, place & (1 << SHIFT) - 1]
    index = "flags_by_kind" if len(kinds) == 1 else "flags_in_order"
    rows = db.execute(
        "SELECT session, flags.seq, id, agent, at, kind, what, level, reason, call, tool, resolved "
        f"FROM flags INDEXED BY {index} CROSS JOIN sessions ON number = session "
        f"WHERE {where} ORDER BY at DESC, session DESC, flags.seq DESC LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    more = None
    if len(rows) > limit:
        number, seq, *_ = rows[limit - 1]
        more = packed(_FLAGS, rows[limit - 1][4], number << SHIFT | seq)
    return FlagPage(flags=tuple(map(_flag, rows[:limit])), next=more)


def _flag(row: tuple[object, ...]) -> Flag:
    _, seq, session, agent, at, kind, what, level, reason, call, tool, resolved = row
    return msgspec.convert(
        {
            "session": session, "agent": agent, "seq": seq, "at": at, "kind": kind, "what": what, "level": level,
            "reason": reason, "call": call, "tool": tool, "resolved": bool(resolved),
        },
        Flag,
    )  # fmt: skip
