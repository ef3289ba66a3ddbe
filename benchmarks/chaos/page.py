"""Page: what came of the runs, for a terminal and for docs/chaos.md."""

import os
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos.faults import KINDS
from benchmarks.chaos.judging import LAWS
from benchmarks.chaos.places.workers import ROOT, clocks
from benchmarks.chaos.rig import Report

PAGE = ROOT / "docs" / "chaos.md"
_BEGIN, _END = "<!-- printed by make chaos: {} -->\n", "<!-- end of what was printed -->\n"


def told(report: Report) -> str:
    """Say in tables what came of a run."""
    return "\n".join((*_head(report), "", *_faults(report), "", *_figures(report), "", *_laws(report))) + "\n"


def _head(report: Report) -> Iterator[str]:
    date = time.strftime("%d %B %Y", time.gmtime(report.began))
    yield (
        f"Seed {report.plan.seed}, {date}, {os.cpu_count()} cores that all of it shared ({platform.machine()}, Python "
        f"{platform.python_version()}); wrong clocks by {clocks()}. Faults for {report.plan.seconds:.0f} s, then "
        f"{report.settling:.1f} s until all was at rest."
    )


def _faults(report: Report) -> Iterator[str]:
    yield "| fault | times | goes on after, p50 / p95 / worst (s) |"
    yield "|---|---:|---:|"
    for kind in KINDS:
        if kind in report.plan.kinds:
            times = f"{report.faults[kind]}" if report.faults[kind] else "skipped"
            yield f"| {kind} | {times} | {_spread(report.recovery.get(kind, []))} |"
    yield f"| answers of the model that failed, were cut or slow | {report.trouble.total()} | |"


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    ordered = sorted(seconds)
    marks = (ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], ordered[-1])
    return " / ".join(f"{mark:.1f}" for mark in marks)


def _figures(report: Report) -> Iterator[str]:
    yield "| what | how many |"
    yield "|---|---:|"
    for name, value in report.figures.items():
        yield f"| {name} | {value:,.0f} |"
    yield f"| doubts, settled by looking | {_listed(report.doubts)} |"
    yield f"| decisions of the person | {_listed(report.decided)} |"
    yield f"| how sessions stand at the end | {_listed(report.statuses)} |"
    for tenant, (billed, counted) in report.money.items():
        bound = f" of a budget of ${report.plan.budget:.2f}" if tenant == "purse" else ""
        yield f"| money of `{tenant}`: billed / in the ledger | ${billed / 1e9:.4f} / ${counted / 1e9:.4f}{bound} |"
    yield f"| longest time in which nothing was written (s) | {report.still:.1f} |"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _laws(report: Report) -> Iterator[str]:
    yield "| law | broken |"
    yield "|---|---:|"
    for law in LAWS:
        yield f"| {law} | {report.wrongs.counts[law]} |"


def compared(control: Report, without: Sequence[Report]) -> str:
    """Say in a table what each safeguard that is missing does, beside a run in which none is."""
    lines = [
        f"Each for {control.plan.seconds:.0f} s with the seed {control.plan.seed}, {control.figures['sessions']:.0f} "
        "sessions and more.",
        "",
        "| removed | what went wrong | how often | first after (s) | takeovers | doubts |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for report in (control, *without):
        name, rest = report.plan.without.name, f"| {report.figures['runs taken over']:.0f} | {report.doubts.total()} |"
        broken = [law for law in LAWS if report.wrongs.counts[law]]
        for law in broken or [""]:
            count = f"{report.wrongs.counts[law]}" if law else "0"
            first = f"{report.wrongs.first[law] - report.began:.1f}" if law in report.wrongs.first else ""
            lines.append(f"| {name} | {_broken(law)} | {count} | {first} {rest}")
    return "\n".join(lines) + "\n"


def _broken(law: str) -> str:
    return f"not so: *{law}*" if law else "nothing"


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put what was printed between its marks."""
    whole = page.read_text(encoding="utf-8")
    begin = _BEGIN.format(name)
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(_END)
    assert found, f"{page} has no {begin!r}"
    assert closed, f"{page} has no end after {begin!r}"
    page.write_text(f"{before}{found}\n{text}\n{closed}{after}", encoding="utf-8")
