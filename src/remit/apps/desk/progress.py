"""Progress: what has been done in a case, read from the conversation alone, as any model must."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.apps.desk.case import Case, case_of
from remit.core.messages import AssistantMessage, Call, Message, Outcome, ToolMessage, UserMessage
from remit.core.values import JsonObject


@dataclass(slots=True)
class Progress:
    """Calls and their outcomes by tool, in order."""

    case: Case | None = None
    done: dict[str, list[tuple[Call, Outcome]]] = field(default_factory=dict[str, list[tuple[Call, Outcome]]])

    def tried(self, tool: str) -> Sequence[tuple[Call, Outcome]]:
        """Give all calls of a tool that have an outcome."""
        return self.done.get(tool, ())

    def ok(self, tool: str) -> Outcome | None:
        """Give the last outcome of a tool that went well."""
        fine = [outcome for _, outcome in self.tried(tool) if outcome.status == "ok"]
        return fine[-1] if fine else None

    def last(self, tool: str) -> Outcome | None:
        """Give the last outcome of a tool."""
        tried = self.tried(tool)
        return tried[-1][1] if tried else None


def progress_of(messages: Sequence[Message]) -> Progress:
    """Read a conversation; a new case begins the count anew."""
    progress = Progress()
    wished: dict[str, Call] = {}
    for message in messages:
        match message:
            case UserMessage(text=text):
                opened = case_of(text)
                if opened is not None:
                    progress = Progress(opened)
            case AssistantMessage(calls=calls):
                wished.update({call.id: call for call in calls})
            case ToolMessage(outcome=outcome):
                call = wished.get(outcome.call)
                if call is not None:
                    progress.done.setdefault(call.tool, []).append((call, outcome))
    return progress


def ticket_of(outcome: Outcome | None) -> JsonObject | None:
    """Give the ticket a call made."""
    return outcome.output if outcome is not None and isinstance(outcome.output, dict) else None
