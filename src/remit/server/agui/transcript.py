"""Transcript: the conversation as the client has it, kept by the same events, so that it can be corrected."""

from collections.abc import Sequence

from ag_ui.core import (
    AssistantMessage,
    BaseEvent,
    FunctionCall,
    Message,
    MessagesSnapshotEvent,
    ReasoningMessage,
    ReasoningMessageContentEvent,
    ReasoningMessageStartEvent,
    TextMessageContentEvent,
    TextMessageStartEvent,
    ToolCall,
    ToolCallArgsEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
    ToolMessage,
)


class Transcript:
    """What the client shows."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._messages: dict[str, Message] = {}
        self._calls: dict[str, ToolCall] = {}

    def begin(self, messages: Sequence[Message]) -> MessagesSnapshotEvent:
        """Take what it said that it has, and give it back as the whole."""
        self._messages = {message.id: message for message in messages}
        for message in messages:
            if isinstance(message, AssistantMessage):
                self._calls.update({call.id: call for call in message.tool_calls or ()})
        return self.whole()

    def take(self, event: BaseEvent) -> None:
        """Follow an event that the client was sent."""
        match event:
            case TextMessageStartEvent():
                self._assistant(event.message_id)
            case TextMessageContentEvent():
                message = self._assistant(event.message_id)
                message.content = (message.content or "") + event.delta
            case ReasoningMessageStartEvent():
                self._messages[event.message_id] = ReasoningMessage(id=event.message_id, content="")
            case ReasoningMessageContentEvent():
                self._messages[event.message_id] = ReasoningMessage(id=event.message_id, content=event.delta)
            case ToolCallStartEvent():
                self._call(event)
            case ToolCallArgsEvent():
                self._calls[event.tool_call_id].function.arguments += event.delta
            case ToolCallResultEvent():
                self._messages[event.message_id] = ToolMessage(
                    id=event.message_id, tool_call_id=event.tool_call_id, content=event.content
                )
            case _:
                pass

    def correct(self, message: str, text: str) -> MessagesSnapshotEvent:
        """Give the whole conversation with another text for one message, which is taken out when there is none."""
        if text:
            self._assistant(message).content = text
        else:
            self._messages.pop(message, None)
        return self.whole()

    def amend(self, call: str, arguments: str) -> list[BaseEvent]:
        """Give the whole conversation with other arguments for a call, if it is in there."""
        if call not in self._calls:
            return []
        self._calls[call].function.arguments = arguments
        return [self.whole()]

    def whole(self) -> MessagesSnapshotEvent:
        """Give the whole conversation."""
        return MessagesSnapshotEvent(messages=list(self._messages.values()))

    def _assistant(self, name: str) -> AssistantMessage:
        found = self._messages.get(name)
        if not isinstance(found, AssistantMessage):
            found = self._messages[name] = AssistantMessage(id=name)
        return found

    def _call(self, event: ToolCallStartEvent) -> None:
        function = FunctionCall(name=event.tool_call_name, arguments="")
        call = self._calls[event.tool_call_id] = ToolCall(id=event.tool_call_id, function=function)
        parent = self._assistant(event.parent_message_id or event.tool_call_id)
        parent.tool_calls = [*(parent.tool_calls or ()), call]
