"""JUnit: a report as the XML that CI systems read, a suite for each tool and a case for each phase.

Source: the schema of Apache Ant's JUnit task and that of Jenkins, of which it keeps to what both allow.
"""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

import msgspec

from remit.tools.checking.report import Breach, Checked, PhaseReport, Report

_ILLEGAL = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010fffd]")
"""What XML 1.0 cannot hold or discourages, and the carriage return, which a reader would change."""


def junit(report: Report) -> bytes:
    """Write a report as JUnit XML."""
    root = Xml.Element("testsuites")
    for number, tool in enumerate(report.tools):
        root.append(_suite(report, tool, number))
    Xml.indent(root)
    return Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _suite(report: Report, tool: Checked, number: int) -> Xml.Element:
    proof = tool.status == "unproven" and report.fails(tool)
    suite = Xml.Element(
        "testsuite",
        {
            "name": _legal(tool.tool),
            "package": "remit.tools",
            "id": str(number),
            "hostname": "localhost",
            "timestamp": datetime.fromtimestamp(report.at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "tests": str(len(tool.phases) + 1),
            "failures": str(sum(bool(phase.breaches) for phase in tool.phases) + proof),
            "errors": "0",
            "skipped": str(sum(_is_skipped(phase) for phase in tool.phases) + (tool.status == "skipped")),
            "time": f"{tool.seconds:.3f}",
        },
    )
    properties = Xml.SubElement(suite, "properties")
    for name, value in _facts(report, tool).items():
        Xml.SubElement(properties, "property", {"name": name, "value": _legal(value)})
    for phase in tool.phases:
        suite.append(_case(tool, phase))
    case = Xml.SubElement(suite, "testcase", {"classname": _legal(tool.tool), "name": "proven", "time": "0.000"})
    if tool.status == "skipped":
        Xml.SubElement(case, "skipped", {"message": _legal(tool.reason)})
    elif proof:
        Xml.SubElement(case, "failure", {"type": "unproven", "message": _legal(tool.reason)})
    Xml.SubElement(suite, "system-out").text = _legal("\n".join(tool.notes))
    Xml.SubElement(suite, "system-err")
    return suite


def _facts(report: Report, tool: Checked) -> dict[str, str]:
    counts = {"calls": tool.calls, "ok": tool.ok, "refused": tool.refused, "errors": tool.errors, "seed": report.seed}
    times = {"p50_ms": tool.latency.p50, "p95_ms": tool.latency.p95, "max_ms": tool.latency.max}
    texts = {"status": tool.status, "owner": tool.owner, "source": tool.source, "contract": tool.contract}
    return {name: str(value) for name, value in (texts | counts | times).items() if value != ""}


def _case(tool: Checked, phase: PhaseReport) -> Xml.Element:
    case = Xml.Element(
        "testcase", {"classname": _legal(tool.tool), "name": phase.phase, "time": f"{phase.seconds:.3f}"}
    )
    if phase.breaches:
        first, *others = phase.breaches
        more = f" (and {len(others)} more)" if others else ""
        failure = Xml.SubElement(case, "failure", {"type": first.kind, "message": _legal(first.text + more)})
        failure.text = _legal("\n\n".join(map(reproduction, phase.breaches)))
    elif _is_skipped(phase):
        Xml.SubElement(case, "skipped", {"message": _legal(phase.skipped)})
    return case


def reproduction(breach: Breach) -> str:
    """Write a breach with the exact arguments that show it."""
    times = f" ({breach.times} times)" if breach.times > 1 else ""
    return f"{breach.text}{times}\narguments: {msgspec.json.encode(breach.args).decode()}"


def _is_skipped(phase: PhaseReport) -> bool:
    return bool(phase.skipped) and not phase.breaches


def _legal(text: str) -> str:
    return _ILLEGAL.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
