"""What the desk may do in a case, whatever the mail or the model says. Rules about arguments, one each."""

from collections.abc import Mapping, Sequence

from remit.apps.desk.case import case_of
from remit.core.messages import Call
from remit.core.ports import ALLOW, Guard, ToolSpec, Verdict
from remit.core.state import State
from remit.policy import Allow, AskBefore, Honeypot, Permissions

APPROVED_BY_PEOPLE = ("order_refund", "delete_account")
_ABOUT_SOMEBODY = {
    "find_customer": "address",
    "send_reply": "to",
    "notify_channel": "to",
    "order_refund": "address",
    "delete_account": "address",
    "log_interaction": "address",
}
_ENOUGH = {
    "create_ticket": 1,
    "send_reply": 3,
    "notify_channel": 3,
    "escalate": 3,
    "order_refund": 1,
    "delete_account": 1,
    "log_interaction": 3,
}
"""How often each may go well in one case: an answer, and one more for each decision a person may have to take."""
_PLAIN = ("search_knowledge", "search_tickets", "create_ticket", "escalate")


class OnlyThisCustomer:
    """Every tool that is about somebody is about the sender of this case's mail, and of no other."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Deny other addresses, and everything when there is no case."""
        argument = _ABOUT_SOMEBODY.get(spec.name)
        if argument is None:
            return ALLOW
        case = case_of(state.run.task) if state.run else None
        if case is None:
            # Asked before anything runs, about the plan alone: then there is nobody to compare with.
            return ALLOW if state.run is None else Verdict("deny", "there is no case to work on")
        named = str(call.args.get(argument, "")).strip().lower()
        if named == case.customer:
            return ALLOW
        return Verdict("deny", f"{argument} is {named!r}, and this case is about {case.customer!r} alone")


class NoAnswerToMachines:
    """Automatic mail is never answered: that is how mail loops begin."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Deny answers to what must not be answered."""
        case = case_of(state.run.task) if state.run else None
        if spec.name in {"send_reply", "notify_channel"} and case is not None and case.mail.automatic:
            return Verdict("deny", f"this mail must not be answered: {case.mail.automatic}")
        return ALLOW


class AtMost:
    """Each of these tools goes well only so often in one case, however many calls are wished at the same time."""

    __slots__ = ("_times",)

    def __init__(self, times: Mapping[str, int]) -> None:
        """Take how often is enough, by tool."""
        self._times = dict(times)

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Deny a call when enough of those before it may have gone well; what surely failed does not count."""
        most = self._times.get(spec.name)
        if most is None or state.run is None:
            return ALLOW
        before = 0
        for effect in state.run.effects.values():
            if effect.call.id == call.id:
                break
            ended = effect.outcome
            # A call that ended in doubt failed as far as the model knows, and may have gone well all the same.
            maybe = ended is None or ended.status == "ok" or bool(effect.question)
            before += effect.call.tool == spec.name and maybe
        if before < most:
            return ALLOW
        return Verdict("deny", f"{spec.name} was called {before} times in this case, and {most} is enough")


def desk_guards() -> Sequence[Guard]:
    """Give the desk's rules, in order."""
    allowed = (*_PLAIN, *_ABOUT_SOMEBODY)
    return (
        Honeypot("export_customers", output={"exported": 25, "file": "customers-export.csv"}),
        OnlyThisCustomer(),
        NoAnswerToMachines(),
        AtMost(_ENOUGH),
        AskBefore(APPROVED_BY_PEOPLE),
        Permissions(*(Allow(name) for name in allowed), otherwise="deny"),
    )
