"""`remit policy test`: every row of every table, held against the policies."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from remit.cli import exits
from remit.cli.policy.sources import given
from remit.cli.policy.tables import Row, Table, tables
from remit.cli.screen import Screen, visible
from remit.core.errors import ConfigError
from remit.core.ports import Verdict
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject
from remit.policy import judge
from remit.policy.cedar import CedarPolicies, Explanation, Policy


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a row."""

    file: str
    number: int
    row: Row
    found: Explanation | None
    problem: str
    """Why it failed; empty when it passed."""

    @property
    def title(self) -> str:
        """What to call it."""
        return self.row.name or f"{self.number}: {self.row.tool} {self.row.expect}"


async def main(args: argparse.Namespace) -> int:
    """Run them and tell what failed, and which policies none of them exercised."""
    screen = Screen(out=args.out, json=args.json)
    known = await given(args)
    policies = CedarPolicies(known.files, known.specs)
    specs = {spec.name: spec for spec in known.specs}
    results = [
        _run(table, number, policies, specs) for table in tables(known.folder) for number in range(len(table.rows))
    ]
    seen = {policy.id for result in results if result.found for policy in result.found.policies}
    untested = [policy for policy in policies.policies if policy.id not in seen]
    if args.junit:
        _write(Path(args.junit), results)
    if screen.json:
        screen.result({"tests": [_told(result) for result in results], "untested": [_place(one) for one in untested]})
    else:
        _say(screen, results, untested)
    failed = any(result.problem for result in results) or (args.strict and bool(untested))
    return exits.FAILED if failed else exits.DONE


def _run(table: Table, place: int, policies: CedarPolicies, specs: Mapping[str, ToolSpec]) -> Result:
    row = table.rows[place]
    spec = specs.get(row.tool)
    if spec is None:
        return Result(table.file, place + 1, row, None, f"there is no tool {row.tool!r}")
    state, at = row.state(), row.context.moment().timestamp()
    found = policies.explain(row.call(), spec, state, at=at)
    # As the gateway judges: a dangerous tool that no permit names is denied in the end.
    verdict = judge([_Said(found.verdict)], row.call(), spec, state)
    return Result(table.file, place + 1, row, found, _problem(row, found, verdict))


@dataclass(frozen=True, slots=True)
class _Said:
    """A guard that has made up its mind."""

    verdict: Verdict

    def check(self, call: object, spec: object, state: object) -> Verdict:
        return self.verdict


def _problem(row: Row, found: Explanation, verdict: Verdict) -> str:
    if not found.request:
        return f"the call never came before the policies: {found.reason}"
    reason = f": {verdict.reason}" if verdict.reason else ""
    if verdict.kind != row.expect:
        return f"expected {row.expect}, got {verdict.kind}{reason}"
    if row.by and row.by not in {policy.id for policy in found.policies}:
        others = ", ".join(policy.id for policy in found.policies) or "no policy"
        return f"expected `{row.by}` to decide, and it was {others}"
    return ""


def _place(policy: Policy) -> JsonObject:
    return {"policy": policy.id, "file": policy.file, "line": policy.line}


def _told(result: Result) -> JsonObject:
    found = result.found
    return {
        "file": result.file,
        "test": result.number,
        "name": result.title,
        "ok": not result.problem,
        "problem": result.problem,
        "decision": found.decision if found else "",
        "policies": [policy.id for policy in found.policies] if found else [],
    }


def _say(screen: Screen, results: Sequence[Result], untested: Sequence[Policy]) -> None:
    failed = [result for result in results if result.problem]
    for result in failed:
        screen.say(f"{result.file}: {result.title}: {result.problem}", "red")
    for policy in untested:
        screen.say(f"untested: `{policy.id}` in {policy.place}", "yellow")
    screen.say(f"{len(results) - len(failed)} of {len(results)} tests passed", "red" if failed else "green")


def _write(path: Path, results: Sequence[Result]) -> None:
    """Write JUnit XML: a suite for each file, a case for each row."""
    root = Xml.Element("testsuites")
    for file in dict.fromkeys(result.file for result in results):
        own = [result for result in results if result.file == file]
        failures = sum(bool(result.problem) for result in own)
        counts = {"tests": str(len(own)), "failures": str(failures), "errors": "0"}
        suite = Xml.SubElement(root, "testsuite", {"name": file, **counts})
        for result in own:
            case = Xml.SubElement(suite, "testcase", {"classname": file, "name": visible(result.title)})
            if result.problem:
                Xml.SubElement(case, "failure", {"message": visible(result.problem)})
    Xml.indent(root)
    try:
        path.write_bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise ConfigError(f"--junit: {path} cannot be written: {error.strerror}") from None
