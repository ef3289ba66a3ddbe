"""Telling: what the desk did, a line a mail for people and an object a mail for machines, and the sum of it."""

from collections import Counter
from dataclasses import dataclass, field

from remit.apps.desk.handling import Findings, Handled
from remit.cli.screen import Screen
from remit.cli.standing import Standing
from remit.core.values import JsonObject, JsonValue, show_usd, usd

_COLUMNS = (30, 26, 16, 8, 10)
_HEAD = ("mail", "from", "intent", "urgency", "ticket")
_STYLES = {"handled": "", "waiting": "yellow", "failed": "red", "unreadable": "red", "known": "dim"}


@dataclass(frozen=True, slots=True)
class Told:
    """A mail that was dealt with, and all that can be said about it."""

    handled: Handled
    findings: Findings
    fresh: Findings
    """What this pass did."""
    standing: Standing | None = None

    @property
    def what(self) -> str:
        """Say in a few words what happened."""
        handled = self.handled
        match handled.status:
            case "known" | "unreadable" | "failed":
                return handled.detail
            case "waiting" if self.standing is not None:
                asked = "; ".join(text for _, text in self.standing.calls) or self.standing.question
                return f"{self.standing.status}: {asked}"
            case _:
                return ", ".join(self._deeds()) or handled.detail

    def _deeds(self) -> list[str]:
        found = self.findings
        replies = found.ok("send_reply")
        mailed = sum("via" not in reply for reply in replies)
        deeds = {
            "answered" if mailed == 1 else f"answered {mailed} times": mailed > 0,
            "not reached by mail, notified by webhook": mailed < len(replies),
            "escalated to a person": self.escalated,
            self.handled.detail: not replies,
        }
        return [deed for deed, holds in deeds.items() if holds]

    @property
    def escalated(self) -> bool:
        """Say whether a person was asked to see to it, by escalation or by alert."""
        calls = {call.tool for call, _ in self.findings.done}
        return "escalate" in calls or any("via" in reply for reply in self.findings.ok("send_reply"))

    @property
    def suspicious(self) -> tuple[str, ...]:
        """Why the mail looks like an attempt to give the agent orders."""
        return self.findings.suspicious

    def json(self) -> JsonObject:
        """Tell a machine."""
        handled, standing = self.handled, self.standing
        result, mail = handled.result, handled.mail
        return {
            "source": handled.source,
            "session": handled.session,
            "from": mail.sender.address if mail else "",
            "subject": mail.subject if mail else "",
            "status": "paused" if standing and standing.status == "paused" else handled.status,
            "what": self.what,
            "intent": self.findings.reading.get("intent"),
            "urgency": self.findings.reading.get("urgency"),
            "ticket": self.findings.ticket,
            "answers": len(self.findings.ok("send_reply")),
            "escalated": self.escalated,
            "suspicious": [*self.suspicious],
            "refused": [*self.findings.refused],
            "flags": [*self.findings.flags],
            "cost_usd": usd(result.spent) if result else 0.0,
            "next": [*standing.commands] if standing else [],
        }


@dataclass(slots=True)
class Sum:
    """What a pass over an inbox came to."""

    told: list[Told] = field(default_factory=list[Told])

    def count(self, status: str) -> int:
        """Count the mails of a status."""
        return sum(told.handled.status == status for told in self.told)

    def json(self) -> JsonObject:
        """Tell a machine."""
        projects = Counter(told.fresh.ticket.rpartition("-")[0] for told in self.told if told.fresh.ticket)
        tickets: dict[str, JsonValue] = dict(sorted(projects.items()))
        return {
            "mails": len(self.told),
            "handled": self.count("handled"),
            "waiting": self.count("waiting"),
            "failed": self.count("failed"),
            "unreadable": self.count("unreadable"),
            "known": self.count("known"),
            "tickets": tickets,
            "answered": sum(bool(told.fresh.ok("send_reply")) for told in self.told),
            "escalated": sum(told.escalated for told in self.told),
            "suspicious": sum(bool(told.suspicious) for told in self.told),
            "cost_usd": usd(sum(told.handled.result.spent for told in self.told if told.handled.result)),
        }


def head(screen: Screen) -> None:
    """Write the head of the table."""
    if not screen.json:
        screen.say(f"{_line(_HEAD)}  what happened", "dim")


def tell(screen: Screen, told: Told) -> None:
    """Write what became of one mail."""
    if screen.json:
        screen.result(told.json())
        return
    handled, found = told.handled, told.findings
    sender = handled.mail.sender.address if handled.mail else ""
    reading = (str(found.reading.get(name) or "") for name in ("intent", "urgency"))
    cost = f" ({show_usd(handled.result.spent)})" if handled.result and handled.result.spent else ""
    mark = " ! " if told.suspicious else "  "
    cells = (handled.source, sender, *reading, found.ticket)
    style = "magenta" if told.suspicious and handled.status == "handled" else _STYLES[handled.status]
    screen.say(f"{_line(cells)}{mark}{' '.join(told.what.split())}{cost}", style)
    if told.suspicious:
        screen.say(f"    ! suspicious: {'; '.join(told.suspicious)}", "magenta")
    for command in told.standing.commands[:1] if told.standing else ():
        screen.say(f"    {command}", "bold")


def _line(cells: tuple[str, ...]) -> str:
    return " ".join(_cut(cell, width) for cell, width in zip(cells, _COLUMNS, strict=True))


def _cut(cell: str, width: int) -> str:
    flat = " ".join(cell.split())
    return f"{flat if len(flat) <= width else flat[: width - 1] + '…':<{width}}"


def finish(screen: Screen, total: Sum, store: str) -> None:
    """Write the sum and where to look."""
    told = total.json()
    if screen.json:
        screen.result({"summary": told})
        return
    tickets = ", ".join(f"{project} {count}" for project, count in _pairs(told["tickets"])) or "none"
    mails = "1 mail" if told["mails"] == 1 else f"{told['mails']} mails"
    screen.say()
    screen.say(
        f"{mails}: {told['handled']} handled, {told['waiting']} waiting for a person, "
        f"{told['failed']} failed, {told['unreadable']} unreadable, {told['known']} known from before",
        "bold",
    )
    screen.say(f"tickets: {tickets}")
    screen.say(
        f"answered {told['answered']}, escalated {told['escalated']}, suspicious {told['suspicious']}, "
        f"cost {show_usd(round(float(str(told['cost_usd'])) * 1e9))}"
    )
    first = next((one.handled.session for one in total.told if one.handled.session), "")
    if first:
        tail = "" if store == ".remit" else f" --store {store}"
        screen.hint(f"look: remit sessions{tail} · remit show {first}{tail}", "dim")


def _pairs(tickets: JsonValue) -> list[tuple[str, JsonValue]]:
    return list(tickets.items()) if isinstance(tickets, dict) else []
