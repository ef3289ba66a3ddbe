"""`remit tools show`: all there is to know of a tool."""

import argparse
from collections.abc import Iterator

import msgspec

from remit.cli import exits
from remit.cli.screen import Screen
from remit.cli.tools.listing import meaning, told
from remit.cli.tools.outline import outline
from remit.core.errors import ConfigError
from remit.core.limits import Flow
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonValue, show_usd
from remit.tools.contracts import Locked
from remit.tools.registry import Found, Project, Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    parser.add_argument("name", metavar="NAME", help="the tool")


async def main(args: argparse.Namespace, project: Project) -> int:
    """Show it."""
    screen = Screen(out=args.out, json=args.json)
    async with Registry(project) as registry:
        found, *others = await registry.find(args.name)
    if others:
        names = ", ".join(one.name for one in (found, *others))
        raise ConfigError(f"{args.name!r} means several tools, show one of them: {names}")
    locked = project.lock().get(found.name)
    if screen.json:
        reviewed: JsonValue = None if locked is None else {"by": locked.reviewed_by, "at": locked.reviewed_at}
        changes: list[JsonValue] = [msgspec.to_builtins(change) for change in found.verdict.changes]
        spec = msgspec.to_builtins(found.now)
        screen.result({**told(found), "spec": spec, "reviewed": reviewed, "changes": changes})
        return exits.DONE
    for line in _lines(found, locked):
        screen.say(line)
    return exits.DONE


def _lines(found: Found, locked: Locked | None) -> Iterator[str]:
    now = found.now
    yield f"{now.name}, version {now.version}, {now.effect}, from {now.source}"
    yield f"status     {found.status}: {meaning(found.status)}"
    if locked is not None:
        yield f"reviewed   by {locked.reviewed_by} on {locked.reviewed_at}"
    for name, value in _facts(now):
        yield f"{name:<10} {value}"
    for change in found.verdict.changes:
        yield f"changed    {change}"
    yield ""
    yield from now.description.splitlines()
    for title, schema in (("arguments", now.schema), ("answer", now.output)):
        if schema is not None:
            yield ""
            yield f"{title}:"
            lines = [f"  {line}" for line in outline(schema)]
            yield from lines or ["  none" if title == "arguments" else "  anything"]


def _facts(spec: ToolSpec) -> Iterator[tuple[str, str]]:
    facts = {
        "owner": spec.owner,
        "price": show_usd(spec.price) if spec.price else "",
        "deprecated": spec.deprecated,
        "dangerous": "denied unless a permission names it" if spec.dangerous else "",
        "hosts": ", ".join(spec.hosts),
        "labels": ", ".join(spec.labels),
        "timeout": f"{spec.timeout:g} s, {spec.retries} retries",
        "fallback": spec.fallback,
        "flow": "" if spec.flow is None else _flow(spec.flow),
        "dry run": "" if spec.dry_run is None else msgspec.json.encode(spec.dry_run).decode(),
    }
    return ((name, value) for name, value in facts.items() if value)


def _flow(flow: Flow) -> str:
    rate = "any" if flow.per_second is None else f"{flow.per_second:g}"
    return f"{rate} per second, {flow.at_once or 'any'} at once, waits {flow.wait:g} s at most"
