"""The desk's offline model: rules and a small classifier behind the `Model` port, as a language model would be."""

from collections.abc import Sequence

import msgspec

from remit.apps.desk.case import Case
from remit.apps.desk.mind import Understanding, answers, understand
from remit.apps.desk.progress import Progress, progress_of, ticket_of
from remit.apps.desk.routing import FALLBACK, route, wants_ticket
from remit.apps.desk.strategy import PLANNED, READING, Plan, Reading
from remit.core.messages import Call, Usage
from remit.core.ports import Delta, Emit, ModelSpec, Price, Reply, Request
from remit.core.values import JsonObject, JsonValue
from remit.models import FREE

_ORDERS = {"refund": "order_refund", "deletion": "delete_account"}
_QUERY = 300
_json = msgspec.json.Encoder()


class OfflineModel:
    """Decides intent, urgency, entities and the next call of a support case, without a network and without luck."""

    def __init__(self, price: Price = FREE, name: str = "offline-desk") -> None:
        """Take a price to pretend, for trying budgets."""
        self._spec = ModelSpec(name, price)

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer from the conversation alone."""
        progress = progress_of(request.messages)
        reply = _reply(request, progress)
        emit(Delta(reply.text))
        # Four bytes a token, as a rule of thumb; nothing is billed by it unless a price is pretended.
        read = sum(len(_json.encode(message)) for message in request.messages) // 4
        written = len(_json.encode((reply.text, reply.calls))) // 4
        return msgspec.structs.replace(reply, usage=Usage(read, written))


def _reply(request: Request, progress: Progress) -> Reply:
    case = progress.case
    if case is None:
        return Reply("This desk handles mails; start it with `remit desk`.")
    if request.shape is not None and request.shape.id == READING.id:
        return Reply(_json.encode(reading_of(case)).decode())
    if request.shape is not None and request.shape.id == PLANNED.id:
        return Reply(_json.encode(plan_of(case)).decode())
    text, calls = next_step(case, progress)
    return Reply(text, tuple(calls) if request.tools else ())


def reading_of(case: Case) -> Reading:
    """Say what the mail wants."""
    found = understand(case.mail)
    money = found.entities.money
    return Reading(
        intent=found.intent,
        urgency=found.urgency,
        products=found.entities.products,
        orders=(*found.entities.orders, *found.entities.invoices),
        amount=f"{money[0].amount} {money[0].currency}" if money else "",
        wants=found.approvals,
        language=found.language,
    )


def plan_of(case: Case) -> Plan:
    """Say what will be done."""
    found = understand(case.mail)
    if not wants_ticket(found.intent):
        return Plan(("Log it as ignored and answer nothing.",))
    place = route(found)
    steps = [
        "Look up the customer, the knowledge base and similar tickets.",
        f"File a ticket in {place.project} with priority {place.priority}.",
        "Answer the customer.",
        *(f"Ask a person to approve the {want}, and tell the customer what was decided." for want in found.approvals),
        "Log the interaction.",
    ]
    return Plan(tuple(steps))


def next_step(case: Case, progress: Progress) -> tuple[str, Sequence[Call]]:
    """Decide what to do next: words and calls, or the closing words alone."""
    if case.mail.automatic:
        return _close(case, progress, "ignored", f"not answered: {case.mail.automatic}")
    found = understand(case.mail)
    if not wants_ticket(found.intent):
        return _close(case, progress, "ignored", f"not answered: {found.intent}")
    if not progress.tried("find_customer"):
        query = f"{case.mail.subject} {case.mail.text}"[:_QUERY].strip() or "support"
        return "First I look things up.", (
            Call("find_customer", {"address": case.customer}),
            Call("search_knowledge", {"query": query}),
            Call("search_tickets", {"query": query}),
        )
    step = (
        _file(case, found, progress)
        or _answer(case, found, progress)
        or _orders(case, found, progress)
        or _help(case, found, progress)
    )
    if step is not None:
        return "", (step,)
    kind = "answered" if progress.ok("send_reply") else "unanswered"
    ticket = ticket_of(progress.ok("create_ticket"))
    named = f"filed as {ticket['key']}" if ticket else "not filed"
    helped = ", escalated to a person" if progress.tried("escalate") else ""
    return _close(case, progress, kind, f"{found.intent} ({found.urgency}): {named}, {kind}{helped}")


def _file(case: Case, found: Understanding, progress: Progress) -> Call | None:
    """File a ticket where it belongs, else in the fallback project, else hand the case to a person."""
    tried = progress.tried("create_ticket")
    if progress.ok("create_ticket") or progress.tried("escalate"):
        return None
    place = route(found)
    project = place.project
    if tried:
        call, outcome = tried[-1]
        if "project" not in str(outcome.output) or call.args.get("project") == FALLBACK:
            return Call("escalate", {"reason": f"no ticket: {outcome.output}", "details": _details(case, found)})
        project = FALLBACK
    args: JsonObject = {
        "project": project,
        "summary": case.mail.subject[:250] or f"Mail from {case.customer}",
        "description": _details(case, found),
        "priority": place.priority,
        "kind": place.kind,
    }
    return Call("create_ticket", args)


def _doubtful(progress: Progress) -> bool:
    """Say whether the last ticket may or may not be there, as the outcome of the call tells a model in words."""
    last = progress.last("create_ticket")
    return last is not None and str(last.output).startswith("did create_ticket")


def _details(case: Case, found: Understanding) -> str:
    mail = case.mail
    warning = f"Suspicious: {'; '.join(case.suspicious)}" if case.suspicious else ""
    parts = (
        f"From {mail.sender.name} <{case.customer}>, {found.intent}, urgency {found.urgency}.",
        warning,
        mail.text[:8000] or "(no text)",
        "Attachments: " + ", ".join(one.name for one in mail.attachments) if mail.attachments else "",
    )
    return "\n\n".join(part for part in parts if part)


def _answer(case: Case, found: Understanding, progress: Progress) -> Call | None:
    """Answer once, with what is true by now."""
    if progress.tried("send_reply"):
        return None
    articles = progress.ok("search_knowledge")
    hits = articles.output if articles is not None and isinstance(articles.output, list) else []
    body = answers.letter(
        answers.greeting(found.entities.name or case.mail.sender.name, found.language),
        answers.opening(found.intent),
        answers.filed(ticket_of(progress.ok("create_ticket")), doubtful=_doubtful(progress)),
        answers.helpful([hit for hit in hits if isinstance(hit, dict)]),
        answers.pending(found.approvals),
    )
    return Call("send_reply", {"to": case.customer, "body": body})


def _orders(case: Case, found: Understanding, progress: Progress) -> Call | None:
    """Ask for what only a person may grant, then tell the customer."""
    for want in found.approvals:
        tool = _ORDERS[want]
        if not progress.tried(tool):
            return Call(tool, _order(want, case, found))
    told = len(progress.tried("send_reply")) > 1
    if not found.approvals or told:
        return None
    decided = {want: progress.last(_ORDERS[want]) for want in found.approvals}
    news = [answers.decided(want, outcome.status) for want, outcome in decided.items() if outcome is not None]
    name = answers.greeting(found.entities.name or case.mail.sender.name, found.language)
    return Call("send_reply", {"to": case.customer, "body": answers.letter(name, *news)})


def _help(case: Case, found: Understanding, progress: Progress) -> Call | None:
    """Hand over what could not be done: an order that broke, an answer that reached nobody."""
    if progress.tried("escalate"):
        return None
    ended = {name: progress.last(name) for name in (*_ORDERS.values(), "send_reply")}
    failed = [f"{name}: {end.output}" for name, end in ended.items() if end is not None and end.status == "failed"]
    if not failed:
        return None
    return Call("escalate", {"reason": "; ".join(failed)[:2000], "details": _details(case, found)})


def _order(want: str, case: Case, found: Understanding) -> JsonObject:
    args: dict[str, JsonValue] = {"address": case.customer, "reason": case.mail.subject[:200] or "asked by mail"}
    if want == "refund":
        money, entities = found.entities.money, found.entities
        args["amount"] = f"{money[0].amount} {money[0].currency}" if money else ""
        args["order"] = next(iter((*entities.orders, *entities.invoices)), "")
    return args


def _close(case: Case, progress: Progress, kind: str, summary: str) -> tuple[str, Sequence[Call]]:
    if progress.tried("log_interaction"):
        return summary, ()
    ticket = ticket_of(progress.ok("create_ticket"))
    args: JsonObject = {"address": case.customer, "kind": kind, "summary": summary}
    if ticket is not None:
        args["ticket"] = ticket["key"]
    return "", (Call("log_interaction", args),)
