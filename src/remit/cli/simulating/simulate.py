"""`remit simulate`: cells, workers and PostgreSQL for a stated load, by measured costs and the arithmetic of queues."""

import argparse
import re
from importlib.resources import files
from pathlib import Path

import msgspec

from remit.cli import exits
from remit.cli.options import add_json
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.telemetry.load import Costs, Load, Plan, Room, size

_NUMBER = re.compile(r"(\d+(?:[_,]\d+)*(?:\.\d+)?|\.\d+)([kmb]?)", re.IGNORECASE)
_TIMES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_PRICE = "READ/WRITTEN"
_LOAD = {
    "sessions": "that begin in a day: 20000, 50k, 1M",
    "steps": "of a session: a question to the model, and the calls that come of it",
    "tokens_read": "a step: all that the model is sent",
    "tokens_written": "a step",
    "result_bytes": "a step: what its calls give back",
    "model_seconds": "the model takes for an answer",
    "tool_seconds": "the calls of a step take",
    "waiting_share": "of the sessions that wait for a person, 0 to 1",
    "waiting_hours": "that these wait",
    "peak": "how many times the average the busiest hour has",
    "retention_days": "that a session stays in the database",
}
_ROOM = {
    "busy": "share of its time that a core may be busy in the peak",
    "wait_ms": "that a message may wait for a worker and PostgreSQL, beyond an idle fleet",
    "worker_sessions": "under way in one worker",
    "worker_mb": "of memory for one worker",
    "server_cores": "of one PostgreSQL at most",
    "server_gb": "on the disk of one PostgreSQL at most",
    "connections": "to one PostgreSQL at most",
    "replicas": "of the API in each cell",
    "spare": "workers of each cell that may be away",
}
_WHOLE = ("worker_sessions", "server_cores", "connections", "replicas", "spare")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    load, room = Load(sessions=0), Room()
    group = parser.add_argument_group("the load")
    for name, what in _LOAD.items():
        default = "" if name == "sessions" else f" (default: {getattr(load, name):g})"
        group.add_argument(_option(name), metavar="N", required=name == "sessions", type=_number, help=what + default)
    group.add_argument("--price", metavar=_PRICE, help="dollars for a million tokens, as 0.15/0.60")
    group = parser.add_argument_group("how full things may be")
    for name, what in _ROOM.items():
        group.add_argument(_option(name), metavar="N", type=_number, help=f"{what} (default: {getattr(room, name):g})")
    parser.add_argument("--measured", metavar="FILE", type=Path, help="costs that `python -m benchmarks.fleet` wrote")
    add_json(parser)


async def main(args: argparse.Namespace) -> int:
    """Work it out and show it."""
    given = {name: value for name in _LOAD if (value := getattr(args, name)) is not None}
    bounds = {name: value for name in _ROOM if (value := getattr(args, name)) is not None}
    costs, load = _costs(args.measured), Load(**given)
    room = msgspec.convert({name: _whole(name, value) for name, value in bounds.items()}, Room)
    plan = size(load, costs, room, _price(args.price))
    screen = Screen(out=args.out, json=args.json)
    if screen.json:
        screen.result({"plan": _fields(plan), "load": _fields(load), "costs": _fields(costs)})
        return exits.DONE
    screen.table(("what", "how much", "why"), _rows(plan, load, costs))
    screen.say(f"by costs measured on {costs.measured} on {costs.machine}, remit {costs.remit}", "dim")
    return exits.DONE


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _number(text: str) -> float:
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write 20000, 2.5, 50k or 1M")
    return float(re.sub("[_,]", "", found[1])) * _TIMES[found[2].lower()]


def _whole(name: str, value: float) -> float:
    if name not in _WHOLE:
        return value
    if value != int(value):
        raise ConfigError(f"{_option(name)} is a whole number, not {value:g}")
    return int(value)


def _price(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        read, written = map(_number, text.split("/"))
    except (ValueError, argparse.ArgumentTypeError):
        raise ConfigError(f"--price {text!r} is no price; write {_PRICE} in dollars a million, as 0.15/0.60") from None
    return read, written


def _costs(file: Path | None) -> Costs:
    if file is None:
        return Costs.read((files("remit.cli.simulating") / "measured.json").read_bytes(), "measured.json")
    try:
        return Costs.read(file.read_bytes(), str(file))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None


def _fields(value: Plan | Load | Costs) -> JsonObject:
    found: dict[str, JsonValue] = {name: getattr(value, name) for name in value.__struct_fields__}
    return found


def _rows(plan: Plan, load: Load, costs: Costs) -> list[tuple[str, str, str]]:
    rows = [
        ("in the busiest hour", f"{plan.sessions_s:,.2f} sessions/s, {plan.steps_s:,.1f} steps/s",
         f"{load.peak:g} times the average"),
        ("under way", f"{plan.under_way:,.0f} sessions", f"each for {load.seconds:,.1f} s"),
        ("waiting for people", f"{plan.waiting:,.0f} sessions", "no worker has them in memory"),
        ("cells", f"{plan.cells:,}", plan.why_cells if plan.cells == 1 else f"decided by {plan.why_cells}"),
        ("workers", f"{plan.workers:,}", f"decided by {plan.why_workers}, and the spare ones"),
        ("cores for workers", f"{plan.worker_cores:,}", f"{costs.worker_us_step:.0f} µs CPU a step"),
        ("PostgreSQL of a cell", f"{plan.server_cores} cores, {plan.connections:,} connections",
         f"{costs.server_us_step:.0f} µs CPU a step"),
        ("disk", f"{plan.disk_gb_day:,.2f} GB a day, {plan.disk_gb:,.1f} GB kept",
         f"for {load.retention_days:g} days; indexes are in it, archives and backups not"),
        ("first step after", f"{plan.first_step_ms:,.1f} ms", f"for {costs.first_step_share:.0%} of the messages"),
    ]  # fmt: skip
    tokens = f"{plan.tokens_day:,.0f} tokens a day"
    money = "give --price to know" if plan.usd_day is None else f"${plan.usd_day:,.2f} a day"
    return [*rows, ("models", tokens, money)]
