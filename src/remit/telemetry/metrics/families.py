"""Families: every metric there is, with its labels. Names follow Prometheus: base units, `_total` for counters.

No label ever holds the id of a session, a call or a person: each value is one of few.
"""

from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram"]

_WHO = ("agent", "tenant")


class Family(msgspec.Struct, frozen=True, gc=False):
    """One metric."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, in seconds; for histograms."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """What a metric is for one set of label values."""

    labels: tuple[str, ...]
    value: float
    """Of a histogram, the sum of what was observed."""
    counts: tuple[int, ...] = ()
    """Of a histogram: how many were at most each bound, and at last how many there were."""


class Measured(msgspec.Struct, frozen=True, gc=False):
    """A metric with all its samples."""

    family: Family
    samples: tuple[Sample, ...]


_MODEL_SECONDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0)
_TOOL_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def _counter(name: str, text: str, *labels: str) -> Family:
    return Family(name, "counter", text, (*_WHO, *labels))


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(name, "gauge", text, (*_WHO, *labels))


SESSIONS = _gauge("remit_sessions", "Sessions by status; why: what they wait for, or how the last run ended.",
                  "status", "why")  # fmt: skip
OPENED = _counter("remit_sessions_opened_total", "Sessions begun.")
RUNS = _counter("remit_runs_total", "Runs ended, by status.", "status")
STEPS = _counter("remit_steps_total", "Steps ended: model calls, tool calls, programs and notes.", "kind")
MODEL_CALLS = _counter("remit_model_calls_total", "Model calls ended, by how.", "model", "status")
MODEL_SECONDS = Family("remit_model_seconds", "histogram", "Time from question to answer, without those from our own "
                       "cache.", (*_WHO, "model"), _MODEL_SECONDS)  # fmt: skip
TOKENS = _counter("remit_tokens_total", "Tokens; input counts cached ones too, output reasoning too.", "model", "kind")
COST = _counter("remit_cost_usd_total", "Dollars spent, on a model or on a tool.", "model", "tool")
HELD = _gauge("remit_held_usd", "Dollars reserved for calls under way.")
TOOL_CALLS = _counter("remit_tool_calls_total", "Tool calls ended, by outcome.", "tool", "status")
TOOL_SECONDS = Family("remit_tool_seconds", "histogram", "Time from the start of a call to its outcome, without the "
                      "time it waited for its turn.", ("agent", "tenant", "tool"), _TOOL_SECONDS)  # fmt: skip
TOOL_SUCCESS = Family("remit_tool_success_ratio", "gauge", "Share of a tool's last 100 calls that went well, of those "
                      "that were made.", ("tool",))  # fmt: skip
RETRIES = _counter("remit_retries_total", "Attempts after the first, of models and tools.", "model", "tool")
PROGRAMS = _counter("remit_programs_total", "Programs ended, by status.", "status")
VERDICTS = _counter("remit_verdicts_total", "What guards said other than yes.", "guard", "verdict")
FLAGS = _counter("remit_flags_total", "Flags, by kind and level.", "kind", "level")
LOOP_STOPS = _counter("remit_loop_stops_total", "Times a loop went so far that the run had to end.")
DECISIONS = _counter("remit_approvals_total", "Decisions of people on calls.", "decision")
ESCALATED = _counter("remit_approvals_escalated_total", "Calls that waited so long that more people were told.")
WAITING = _gauge("remit_approvals_waiting", "Calls that wait for a person's decision.")
WAITING_AGE = _gauge("remit_approvals_oldest_seconds", "How long the oldest of them has waited.")
INPUTS = _gauge("remit_inputs_waiting", "Calls that wait for a person's answer.")
DOUBTS = _counter("remit_in_doubt_total", "Calls of which nobody could say whether they happened.", "tool")
IN_DOUBT = _gauge("remit_in_doubt", "Calls of which nobody can say whether they happened, now.", "tool")
SILENCE = _gauge("remit_running_silent_seconds", "How long the running session that is silent for longest has said "
                 "nothing.")  # fmt: skip

BREAKER_OPEN = Family("remit_breaker_open", "gauge", "1 while a circuit lets nothing through, 0.5 while one call finds "
                      "out if it works again.", ("name",))  # fmt: skip
BREAKER_FAILURES = Family("remit_breaker_failures", "gauge", "Failures in a row, by circuit.", ("name",))
QUEUE_DEPTH = Family("remit_queue_depth", "gauge", "Sessions with work that no worker has taken up.")
QUEUE_AGE = Family("remit_queue_oldest_seconds", "gauge", "How long the oldest of them has waited.")
WORKERS = Family("remit_workers_alive", "gauge", "Processes that drive the sessions of a database now.")
READ = Family("remit_records_read_total", "counter", "Records that the readers of telemetry have taken in.")
LAG = Family("remit_reading_age_seconds", "gauge", "Time since the last look at all sessions.")
FAILURES = Family("remit_reader_failures_total", "counter", "Times a reader of telemetry failed; nothing else did.")
EXPORTED = Family("remit_spans_exported_total", "counter", "Spans that a collector took.")
LOST = Family("remit_spans_lost_total", "counter", "Spans given up: no room, or no collector took them.", ("why",))
LOGGED = Family("remit_log_lines_total", "counter", "Lines of logs that were written.")
LOG_LOST = Family("remit_log_lines_lost_total", "counter", "Lines of logs given up: no room, or not written.", ("why",))
NOTICES = Family("remit_notices_total", "counter", "Tries to tell people what waits, by how they ended.", ("end",))
NOTICES_WAITING = Family("remit_notices_waiting", "gauge", "Notices that no receiver has taken yet.")

FAMILIES: tuple[Family, ...] = (
    SESSIONS, OPENED, RUNS, STEPS, MODEL_CALLS, MODEL_SECONDS, TOKENS, COST, HELD, TOOL_CALLS, TOOL_SECONDS,
    TOOL_SUCCESS, RETRIES, PROGRAMS, VERDICTS, FLAGS, LOOP_STOPS, DECISIONS, ESCALATED, WAITING, WAITING_AGE, INPUTS,
    DOUBTS, IN_DOUBT, SILENCE,
)  # fmt: skip
"""What the records of sessions tell."""
BREAKERS: tuple[Family, ...] = (BREAKER_OPEN, BREAKER_FAILURES)
QUEUE: tuple[Family, ...] = (QUEUE_DEPTH, QUEUE_AGE, WORKERS)
READERS: tuple[Family, ...] = (READ, LAG, FAILURES, EXPORTED, LOST, LOGGED, LOG_LOST, NOTICES, NOTICES_WAITING)
"""What the process itself tells."""
