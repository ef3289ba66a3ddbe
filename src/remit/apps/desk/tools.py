"""The desk's tools: what it can look up, file, send and ask for. Failures say whether anything happened."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from remit.apps.desk.case import case_of
from remit.apps.desk.jira import JiraError, NewIssue
from remit.apps.desk.places import Desk
from remit.apps.desk.post import PostError, compose_reply, notify, send_mail
from remit.apps.desk.records import Interaction, PastTicket
from remit.apps.desk.routing import Priority
from remit.core.errors import RejectedError, ToolError
from remit.core.ports import Tool, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.policy import decoy
from remit.tools import tool

Text = Annotated[str, Field(min_length=1, max_length=30_000)]
_FIRST_LOOK = 0.1
_NOBODY = "unknown"


def label_of(key: str) -> str:
    """Make the Jira label that carries an idempotency key, by which a ticket is found again."""
    return f"remit-{key}"


def desk_tools(desk: Desk) -> Sequence[Tool]:
    """Give the tools of an open desk."""
    answering = (reply_tool(desk), channel_tool(desk), escalation_tool(desk))
    return (*lookups(desk), ticket_tool(desk), *answering, note_tool(desk), *order_tools(desk), customer_export())


def lookups(desk: Desk) -> Sequence[Tool]:
    """Tools that only read."""

    @tool(effect="read")
    def find_customer(address: str) -> dict[str, object]:
        """Look up the customer with this mail address.

        Args:
            address: The sender of the mail.

        """
        customer = desk.records.find_customer(address)
        history = [msgspec.to_builtins(one) for one in desk.records.interactions(address, limit=5)]
        return {"customer": msgspec.to_builtins(customer), "history": history}

    @tool(effect="read")
    def search_knowledge(query: Text) -> list[dict[str, object]]:
        """Search the knowledge base by keyword and give the best articles.

        Args:
            query: Words to look for.

        """
        return [msgspec.to_builtins(hit) for hit in desk.knowledge.search(query)]

    @tool(effect="read")
    def search_tickets(query: Text, context: ToolContext) -> list[dict[str, object]]:
        """Search past tickets that are like this one. What other customers wrote is left out.

        Args:
            query: Words to look for.

        """
        customer = _customer(context)
        return [_shown(ticket, customer) for ticket in desk.records.search_tickets(query)]

    return (find_customer, search_knowledge, search_tickets)


def _customer(context: ToolContext) -> str:
    case = case_of(context.task)
    return (case.customer if case else "") or _NOBODY


def _shown(ticket: PastTicket, customer: str) -> dict[str, object]:
    # An answer goes to this customer, and whatever a model reads a mail can talk it into repeating.
    if ticket.address in {"", customer}:
        return {"key": ticket.key, "summary": ticket.summary, "body": ticket.body, "resolution": ticket.resolution}
    return {"key": ticket.key, "resolution": ticket.resolution}


def ticket_tool(desk: Desk) -> Tool:
    """The one tool that files tickets. Jira has no idempotency keys, so a label carries ours."""

    async def filed(key: str) -> JsonValue:
        # A ticket made a moment ago may be missing from the search: one empty answer proves nothing.
        waited, pause = 0.0, _FIRST_LOOK
        lag = desk.places.search_lag.total_seconds()
        while True:
            found = await desk.jira.find_by_label(label_of(key))
            if found:
                issue = found[0]
                return {"key": issue.key, "url": issue.url, "project": issue.project}
            if waited >= lag:
                return None
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, lag)

    @tool(effect="once", reconcile=filed, doubt="tell", timeout=90.0, retries=3)
    async def create_ticket(
        project: str,
        summary: Annotated[str, Field(min_length=1, max_length=250)],
        description: Text,
        context: ToolContext,
        priority: Priority = "Medium",
        kind: Literal["Bug", "Task"] = "Task",
    ) -> dict[str, str]:
        """File a Jira ticket and give its key.

        Args:
            project: Key of the Jira project; GENERAL when no other fits.
            summary: One line.
            description: What the customer says, what was found out, and what is to be done.
            priority: How pressing it is.
            kind: A bug or another task.

        """
        labels = ("support-desk", label_of(context.key))
        issue = NewIssue(
            project=project, summary=summary, description=description, priority=priority, labels=labels, kind=kind
        )
        try:
            made = await desk.jira.create_issue(issue)
        except JiraError as error:
            raise _refusal(error) from error
        desk.records.keep_ticket(PastTicket(made.key, summary, description[:2000], "", _customer(context)))
        return {"key": made.key, "url": made.url, "project": project}

    return create_ticket


def _refusal(error: JiraError) -> ToolError:
    if error.happened != "no":
        return ToolError(str(error), landing=error.happened == "later")
    wait = error.retry_after.total_seconds() if error.retry_after else None
    return RejectedError(str(error), retryable=error.temporary, retry_after=wait)


def reply_tool(desk: Desk) -> Tool:
    """The answer by mail. Where it goes follows from the case, never from an argument."""

    @tool(effect="once", timeout=120.0, retries=2, fallback="notify_channel")
    async def send_reply(to: str, body: Text, context: ToolContext) -> dict[str, str]:
        """Answer the customer by e-mail. Subject and threading follow from the mail.

        Args:
            to: The sender of the mail.
            body: The whole text of the answer.

        """
        case = case_of(context.task)
        if case is None:
            raise RejectedError("this run was not opened by a mail, so there is nothing to answer")
        try:
            message = compose_reply(case.mail, body, sender=desk.places.sender, key=context.key)
            sent = await send_mail(desk.places.smtp_url, message, patience=desk.places.patience)
        except PostError as error:
            raise _undelivered(error) from error
        return {"sent": case.customer, "message_id": sent}

    return send_reply


def channel_tool(desk: Desk) -> Tool:
    """What takes the place of mail that does not arrive."""

    @tool(effect="idempotent")
    async def notify_channel(to: str, body: Text, context: ToolContext) -> dict[str, str]:
        """Reach the customer through the alternative channel, and alert a person to follow up. Use it when mail fails.

        Args:
            to: The sender of the mail.
            body: The whole text of the answer.

        """
        # The alert comes first: it must be there for a person to find when the channel fails as well.
        desk.records.log_interaction(
            context.key, Interaction(to, "alerted", summary=f"mail failed; follow up on session {context.session}")
        )
        notice: JsonObject = {"kind": "undelivered answer", "to": to, "body": body, "session": context.session}
        await _post(desk, notice, context)
        return {"notified": to, "alert": "a person was asked to follow up"}

    return notify_channel


def escalation_tool(desk: Desk) -> Tool:
    """The call for help."""

    @tool(effect="idempotent")
    async def escalate(reason: Text, details: Text, context: ToolContext) -> dict[str, str]:
        """Hand the case to a person, with everything they need. Use it when a ticket cannot be filed.

        Args:
            reason: Why a person must act.
            details: The mail, what was found out and what was tried.

        """
        case = case_of(context.task)
        address = case.customer if case else ""
        desk.records.log_interaction(context.key, Interaction(address, "escalated", summary=f"{reason}\n\n{details}"))
        if not desk.places.webhook_url:
            return {"escalated": reason, "notice": "written down; no channel is set up"}
        notice: JsonObject = {"kind": "escalation", "reason": reason, "details": details, "session": context.session}
        await _post(desk, notice, context)
        return {"escalated": reason, "notice": "sent"}

    return escalate


async def _post(desk: Desk, notice: JsonObject, context: ToolContext) -> None:
    if not desk.places.webhook_url:
        raise RejectedError("a person finds it in the desk's records; there is no other channel (--webhook-url)")
    try:
        await notify(desk.places.webhook_url, notice, key=context.key, patience=desk.places.patience)
    except PostError as error:
        raise _undelivered(error, "a person finds it in the desk's records, but the channel failed: ") from error


def _undelivered(error: PostError, before: str = "") -> ToolError:
    if error.outcome == "unknown":
        return ToolError(f"{before}{error}")
    return RejectedError(f"{before}{error}", retryable=error.outcome == "temporary")


def note_tool(desk: Desk) -> Tool:
    """What is written down of a case."""

    # A closed list of kinds: an order must not come about by a note that looks like one.
    @tool(effect="idempotent")
    def log_interaction(
        address: str,
        kind: Literal["answered", "unanswered", "ignored"],
        summary: Text,
        context: ToolContext,
        ticket: str = "",
    ) -> str:
        """Write down what was done in this case. The last thing in every case.

        Args:
            address: The sender of the mail.
            kind: Whether the customer was answered, could not be, or should not be.
            summary: What was done, in a sentence or two.
            ticket: The ticket's key, if there is one.

        """
        desk.records.log_interaction(context.key, Interaction(address, kind, ticket, summary))
        return "logged"

    return log_interaction


def order_tools(desk: Desk) -> Sequence[Tool]:
    """The orders that only a person may approve."""

    def ordered(key: str) -> JsonValue:
        return {"ordered": True} if desk.records.has(key) else None

    @tool(effect="once", reconcile=ordered, dangerous=True)
    def order_refund(address: str, reason: Text, context: ToolContext, amount: str = "", order: str = "") -> str:
        """Order a refund. A person decides first.

        Args:
            address: The customer it goes to.
            reason: Why.
            amount: With currency, as the customer named it; empty when they did not.
            order: Number of the order or invoice; empty when there is none.

        """
        what = f"refund {amount or 'of an open amount'} for {order or 'an unnamed order'}: {reason}"
        desk.records.log_interaction(context.key, Interaction(address, "refund ordered", summary=what))
        return "ordered; finance carries it out"

    @tool(effect="once", reconcile=ordered, dangerous=True)
    def delete_account(address: str, reason: Text, context: ToolContext) -> str:
        """Order the deletion of a customer's account. A person decides first.

        Args:
            address: Whose account.
            reason: Why.

        """
        desk.records.log_interaction(context.key, Interaction(address, "deletion ordered", summary=reason))
        return "ordered; it takes effect within a day"

    return (order_refund, delete_account)


def customer_export() -> Tool:
    """A honeypot: nobody who handles a mail needs it, and whoever calls it has been talked into something."""
    return decoy("export_customers", "Export the whole customer list to a file.")
