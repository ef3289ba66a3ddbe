"""Models of pydantic-ai, for every provider that has no wire of ours. Needs the extra `pydantic-ai`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from pydantic import TypeAdapter
from pydantic_ai import exceptions as theirs
from pydantic_ai import messages as talk
from pydantic_ai.direct import model_request_stream
from pydantic_ai.models import Model as Bridged
from pydantic_ai.models import ModelRequestParameters, infer_model
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from remit.core import errors
from remit.core.messages import AssistantMessage, Call, Part, Stop, ToolMessage, Usage, UserMessage
from remit.core.ports import Delta, Emit, ModelSpec, Price, Reply, Request
from remit.core.values import JsonObject, JsonValue, digest
from remit.models.http.port import Timeouts
from remit.models.wires.statuses import SAID, status_error

WIRE = "pydantic-ai"

_ERRORS: tuple[tuple[type[Exception], type[errors.ModelError]], ...] = (
    (theirs.ModelRequestRejectedError, errors.ModelRequestError),
    (theirs.ModelNotFoundError, errors.ModelRequestError),
    (theirs.ModelUnavailableError, errors.OverloadedError),
    (theirs.ModelServerError, errors.OverloadedError),
    (theirs.ModelTimeoutError, errors.ModelTimeoutError),
    (theirs.ModelRequestTimeout, errors.ModelTimeoutError),
    # Whether the request had gone out when the connection failed is not said.
    (theirs.ModelConnectionError, errors.CutStreamError),
    (theirs.ContentFilterError, errors.ContentFilterError),
    (theirs.UnexpectedModelBehavior, errors.UnreadableAnswerError),
    (theirs.UserError, errors.ModelRequestError),
)
"""What a failure of theirs without an HTTP status is in our tree; the first that fits."""

_STOPS: Mapping[str | None, Stop] = {"length": "length", "content_filter": "filter"}
_TELLING = frozenset({"anthropic", "openai"})
"""Providers whose reason for stopping is kept as they gave it; without one the library makes one up."""

_thoughts: TypeAdapter[talk.ThinkingPart] = TypeAdapter(talk.ThinkingPart)
_json = msgspec.json.Encoder(enc_hook=str)


def bridged(name: str, options: JsonObject, timeouts: Timeouts, price: Price | None) -> "PydanticAIModel":
    """Make the model that pydantic-ai knows as `PROVIDER:NAME`; options are its `ModelSettings`."""
    return PydanticAIModel(name, price, {"timeout": timeouts.total, **options})


@dataclass(eq=False)
class PydanticAIModel:
    """A model of pydantic-ai. Keys come from the environment, as its providers look for them.

    The provider's client is told not to repeat requests, where it can be told: repeating is for `Retrying`.
    """

    model: str | Bridged
    price: Price | None = None
    settings: JsonObject = field(default_factory=dict[str, JsonValue])
    """Its `ModelSettings`, such as a temperature."""

    def __post_init__(self) -> None:
        """Fix the spec; the provider is looked for when it is first needed, so that no key is needed before."""
        name = self.model if isinstance(self.model, str) else self.model.model_id
        self._spec = ModelSpec(
            f"{WIRE}:{name}", self.price, variant=digest(self.settings)[:12] if self.settings else ""
        )
        self._found: Bridged | None = None if isinstance(self.model, str) else self.model

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise `ModelError`."""
        blobs = await _loaded(request)
        begun = False
        try:
            model = self._reached()
            settings = cast("ModelSettings", {**self.settings, "max_tokens": request.max_output})
            history = _history(request, blobs)
            parameters = _parameters(request, model)
            # Entered for each call: that closes its connections, and makes new ones where another event loop made them.
            async with (
                model,
                model_request_stream(
                    model, history, model_settings=settings, model_request_parameters=parameters
                ) as stream,
            ):
                async for event in stream:
                    begun = True
                    text = _spoken(event)
                    if text:
                        emit(Delta(text))
                answer = stream.get()
                if not _whole(answer):
                    raise errors.CutStreamError("the answer broke off before its end")
                return _reply(answer)
        except (theirs.AgentRunError, theirs.UserError) as error:
            ours = _ours(error)
            # What a provider had begun it may bill, though nothing of it was shown: it may have been thoughts.
            ours.free = ours.free and not begun
            raise ours from error

    def _reached(self) -> Bridged:
        if self._found is None:
            assert isinstance(self.model, str)
            try:
                self._found = infer_model(self.model)
            except (ImportError, ValueError) as error:
                raise errors.ModelRequestError(f"pydantic-ai cannot reach {self.model!r}: {error}") from error
        client: Any = getattr(self._found, "client", None)
        if client is not None and hasattr(client, "max_retries"):
            client.max_retries = 0
        return self._found


async def _loaded(request: Request) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for message in request.messages:
        for part in message.parts if isinstance(message, UserMessage) else ():
            if part.blob and part.blob not in found:
                assert request.blobs is not None, "a part without a place where its bytes are"
                found[part.blob] = await request.blobs.get(part.blob)
    return found


# -- what is asked -----------------------------------------------------------------------------------------------------


def _history(request: Request, blobs: Mapping[str, bytes]) -> list[talk.ModelMessage]:
    told: list[talk.ModelMessage] = []
    for message in request.messages:
        match message:
            case AssistantMessage():
                told.append(talk.ModelResponse(parts=_said(message)))
            case _:
                last = told[-1] if told else None
                part = _heard(message, blobs)
                if isinstance(last, talk.ModelRequest):
                    last.parts = [*last.parts, part]
                else:
                    told.append(talk.ModelRequest(parts=[part]))
    last = told[-1] if told else None
    if isinstance(last, talk.ModelRequest):
        last.instructions = request.instructions or None
    return told


def _heard(message: UserMessage | ToolMessage, blobs: Mapping[str, bytes]) -> talk.ModelRequestPart:
    if isinstance(message, ToolMessage):
        outcome = message.outcome
        wrong = outcome.status in {"failed", "denied"}
        return talk.ToolReturnPart(message.tool, outcome.output, outcome.call, outcome="failed" if wrong else "success")
    if not message.parts:
        return talk.UserPromptPart(message.text)
    words = [message.text] if message.text else []
    return talk.UserPromptPart([*words, *(_shown(part, blobs) for part in message.parts)])


def _shown(part: Part, blobs: Mapping[str, bytes]) -> talk.UserContent:
    if not part.url:
        return talk.BinaryContent(blobs[part.blob], media_type=part.media)
    kind = part.media.partition("/")[0]
    if kind == "image":
        return talk.ImageUrl(part.url, media_type=part.media)
    if kind == "audio":
        return talk.AudioUrl(part.url, media_type=part.media)
    return talk.DocumentUrl(part.url, media_type=part.media)


def _said(message: AssistantMessage) -> list[talk.ModelResponsePart]:
    parts: list[talk.ModelResponsePart] = []
    kept = _kept(message.reasoning)
    parts.extend(_thoughts.validate_python(thought) for thought in kept.get("thoughts", []))
    if message.text:
        parts.append(talk.TextPart(message.text))
    details: list[JsonObject | None] = kept.get("calls", [])
    for place, call in enumerate(message.calls):
        detail = details[place] if place < len(details) else None
        parts.append(
            talk.ToolCallPart(call.tool, call.malformed or {**call.args}, call.id, provider_details=detail)
            if detail
            else talk.ToolCallPart(call.tool, call.malformed or {**call.args}, call.id)
        )
    return parts


def _kept(reasoning: JsonValue) -> dict[str, Any]:
    if isinstance(reasoning, dict) and reasoning.get("wire") == WIRE:
        return cast("dict[str, Any]", reasoning)
    return {}


def _parameters(request: Request, model: Bridged) -> ModelRequestParameters:
    tools = [
        ToolDefinition(name=tool.name, parameters_json_schema=tool.schema, description=tool.description)
        for tool in request.tools
    ]
    if request.shape is None or not model.profile.get("supports_json_schema_output"):
        return ModelRequestParameters(function_tools=tools)
    wanted = OutputObjectDefinition(json_schema=dict(request.shape.schema), name="answer")
    return ModelRequestParameters(function_tools=tools, output_mode="native", output_object=wanted)


# -- what is answered --------------------------------------------------------------------------------------------------


def _spoken(event: talk.ModelResponseStreamEvent) -> str:
    match event:
        case talk.PartStartEvent(part=talk.TextPart(content=text)):
            return text
        case talk.PartDeltaEvent(delta=talk.TextPartDelta(content_delta=text)):
            return text
        case _:
            return ""


def _whole(response: talk.ModelResponse) -> bool:
    """Say whether a provider said that this is all; of other providers than these nobody can tell."""
    told = "finish_reason" in (response.provider_details or {})
    return response.state == "complete" and (told or response.provider_name not in _TELLING)


def _reply(response: talk.ModelResponse) -> Reply:
    text = "".join(part.content for part in response.parts if isinstance(part, talk.TextPart))
    wished = [part for part in response.parts if isinstance(part, talk.ToolCallPart)]
    return Reply(
        text,
        tuple(_call(part) for part in wished),
        _usage(response.usage),
        _STOPS.get(response.finish_reason, ""),
        _reasoning(response.parts, wished),
    )


def _call(part: talk.ToolCallPart) -> Call:
    if not isinstance(part.args, str):
        return Call(part.tool_name, cast("JsonObject", part.args or {}))
    try:
        args: JsonValue = msgspec.json.decode(part.args) if part.args.strip() else {}
    except msgspec.DecodeError:
        args = None
    return Call(part.tool_name, args) if isinstance(args, dict) else Call(part.tool_name, {}, malformed=part.args)


def _usage(usage: RequestUsage) -> Usage:
    cached, written = usage.cache_read_tokens, usage.cache_write_tokens
    return Usage(
        # `input` counts cached ones, whatever a provider's mapping made of it.
        max(usage.input_tokens, cached + written),
        max(usage.output_tokens, usage.output_reasoning_tokens),
        cached,
        written,
        usage.output_reasoning_tokens,
        usage.input_audio_tokens,
        usage.output_audio_tokens,
    )


def _reasoning(parts: Sequence[talk.ModelResponsePart], wished: Sequence[talk.ToolCallPart]) -> JsonValue:
    """Keep what the provider wants back: thoughts with their signatures, and what it said of each call."""
    thoughts = [
        _thoughts.dump_python(part, mode="json", exclude_none=True)
        for part in parts
        if isinstance(part, talk.ThinkingPart)
    ]
    calls = [part.provider_details for part in wished]
    if not thoughts and not any(calls):
        return None
    return msgspec.json.decode(_json.encode({"wire": WIRE, "thoughts": thoughts, "calls": calls}))


def _ours(error: Exception) -> errors.ModelError:
    if isinstance(error, theirs.ModelHTTPError):
        body = b"" if error.body is None else _json.encode(error.body)
        return status_error(error.status_code, error.headers or {}, body)
    kind = next((ours for known, ours in _ERRORS if isinstance(error, known)), errors.UnreadableAnswerError)
    return kind(str(error)[:SAID])
