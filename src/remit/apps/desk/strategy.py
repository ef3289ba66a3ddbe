"""How the desk works a case: understand, plan, then act until it is done. Each stage is a question to the model."""

from typing import Literal

import msgspec

from remit.apps.desk.case import case_of
from remit.apps.desk.mind import Intent, Urgency
from remit.core.moves import Brief, Strategy, ask, note, run, versioned
from remit.core.shape import shape
from remit.strategies import ask_for

READ = "Read the mail: what does it want, how urgent is it, and what does it name?"
PLAN = "Plan the case: which steps, in order, with the tools at hand? A step is one sentence."
GO = "Carry out the plan, one step or a few independent ones at a time. Finish by logging the interaction."


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail wants, as the model reads it."""

    intent: Intent
    urgency: Urgency
    products: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    amount: str = ""
    wants: tuple[Literal["refund", "deletion"], ...] = ()
    """What only a person may grant."""
    language: str = "en"


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, in words, for people to read."""

    steps: tuple[str, ...]


READING = shape(Reading)
PLANNED = shape(Plan)


@versioned("1")
def casework(brief: Brief) -> Strategy:
    """Understand the mail, plan, act."""
    case = case_of(brief.task)
    if case is not None and case.suspicious:
        yield from note("suspicious", list(case.suspicious))
    if case is None or not case.mail.automatic:
        reading: Reading = yield from ask_for(READING, READ)
        yield from note("reading", msgspec.json.decode(msgspec.json.encode(reading)))
        plan: Plan = yield from ask_for(PLANNED, PLAN)
        yield from note("plan", list(plan.steps))
    answer = yield from ask(GO)
    while answer.calls:
        yield from run(answer.calls)
        answer = yield from ask()
    return answer.text
