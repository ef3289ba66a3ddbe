"""Handling: what each request of A2A means for sessions. The SDK does the wire; nothing is kept here."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    ListTasksRequest,
    ListTasksResponse,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.utils.errors import (
    ExtendedAgentCardNotConfiguredError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    UnsupportedOperationError,
)
from a2a.utils.proto_utils import validate_proto_required_fields
from a2a.utils.task import apply_history_length, validate_history_length

from remit.core.errors import ApprovalError
from remit.server.a2a.finding import found, read
from remit.server.a2a.following import rest, updates
from remit.server.a2a.listing import listed
from remit.server.a2a.taking import take
from remit.server.a2a.views import ENDS, OVER, Runs
from remit.server.a2a.visits import Visit, visit_of

_CANCEL = 5.0
"""Seconds in which a run that is cancelled may end before the answer says that it still works."""


class Tasks(RequestHandler):
    """Tasks of the agent that a visit is for, as views of its sessions."""

    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Task:
        """Tell the agent something, or answer what it asks, and give what came of it."""
        visit = visit_of(context)
        with visit.worded():
            runs, number = await _taken(visit, params)
            if not params.configuration.return_immediately and not runs.resting(number):
                await rest(runs, number, await visit.follow(runs.session, runs.state.seq))
            return apply_history_length(runs.task(number), params.configuration)

    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Do the same, and yield what comes of it while it does."""
        visit = visit_of(context)
        with visit.worded():
            runs, number = await _taken(visit, params)
            task = apply_history_length(runs.task(number), params.configuration)
            if task.status.state in ENDS:
                yield task
                return
            # Before the first answer, as its reader must be known when that is written.
            stream = await visit.follow(runs.session, runs.state.seq)
            yield task
            async for update in updates(runs, number, stream):
                yield update

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Give a task as it is, and yield what comes of it."""
        visit = visit_of(context)
        with visit.worded():
            runs, number = await found(visit, params.id)
            if runs.standing(number) in OVER:
                raise UnsupportedOperationError("the task is over; get it instead")
            stream = await visit.follow(runs.session, runs.state.seq)
            yield runs.task(number)
            async for update in updates(runs, number, stream):
                yield update

    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task:
        """Give a task as it is."""
        visit = visit_of(context)
        with visit.worded():
            validate_history_length(params)
            runs, number = await found(visit, params.id)
            return apply_history_length(runs.task(number), params)

    async def on_list_tasks(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """List the tasks of the agent."""
        visit = visit_of(context)
        with visit.worded():
            return await listed(visit, params)

    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task:
        """End the run that a task is: at once when it sleeps, at its next step otherwise."""
        visit = visit_of(context)
        with visit.worded():
            await visit.permit("stop")
            runs, number = await found(visit, params.id)
            if runs.standing(number) in OVER:
                raise TaskNotCancelableError("the task is over")
            if not runs.under_way(number):
                raise TaskNotCancelableError("the task waits for its turn; it can be cancelled once it is under way")
            try:
                await visit.service.cancel(visit.principal, runs.session, number=number)
            except ApprovalError:
                raise TaskNotCancelableError("the task is over") from None
            runs = await read(visit, runs.session)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CANCEL):
                    await _ended(visit, runs, number)
            return runs.task(number)

    async def on_get_extended_agent_card(
        self, params: GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> AgentCard:
        """Refuse: there is no more to know than the card says."""
        raise ExtendedAgentCardNotConfiguredError

    # -- push notifications, which there are none of ------------------------------------------------------------------

    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Refuse."""
        raise PushNotificationNotSupportedError

    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Refuse."""
        raise PushNotificationNotSupportedError

    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        """Refuse."""
        raise PushNotificationNotSupportedError

    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Refuse."""
        raise PushNotificationNotSupportedError


async def _taken(visit: Visit, params: SendMessageRequest) -> tuple[Runs, int]:
    validate_proto_required_fields(params)
    validate_history_length(params.configuration)
    if params.configuration.HasField("task_push_notification_config"):
        raise PushNotificationNotSupportedError
    return await take(visit, params.message)


async def _ended(visit: Visit, runs: Runs, number: int) -> None:
    while runs.under_way(number) and not (visit.stream is not None and visit.stream.over.is_set()):
        await rest(runs, number, await visit.follow(runs.session, runs.state.seq))
