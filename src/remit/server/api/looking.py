"""Agents, tools, budgets, blobs, health and version over HTTP."""

from importlib.metadata import version
from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.entrance import ProblemError
from remit.server.service.looking import Blob
from remit.server.service.views import AgentView, ArtefactView, BreakerView, BudgetView, ToolView


class Agents(msgspec.Struct, frozen=True, kw_only=True):
    """The agents that can be given work."""

    agents: tuple[AgentView, ...]


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The tools of all agents."""

    tools: tuple[ToolView, ...]


class Breakers(msgspec.Struct, frozen=True, kw_only=True):
    """The circuits of the process that answers."""

    breakers: tuple[BreakerView, ...]


class Artefacts(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a session, in the order in which they came."""

    artefacts: tuple[ArtefactView, ...]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Which file."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant of whoever asks may spend and has spent."""

    budgets: tuple[BudgetView, ...]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """That this server is there."""

    status: Literal["live", "ready"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Which Remit this is."""

    version: str


async def _agents(heard: Heard) -> Answer:
    return Agents(agents=await heard.service.looking.agents())


async def _tools(heard: Heard) -> Answer:
    return Tools(tools=await heard.service.looking.tools())


async def _breakers(heard: Heard) -> Answer:
    return Breakers(breakers=heard.service.looking.breakers())


async def _budgets(heard: Heard) -> Answer:
    return Budgets(budgets=(await heard.service.looking.budget(heard.principal),))


async def _artefacts(heard: Heard) -> Answer:
    return Artefacts(artefacts=await heard.service.looking.artefacts(heard.principal, heard.path["session"]))


async def _artefact(heard: Heard) -> Answer:
    name = heard.query(Named).name
    return _given(await heard.service.looking.artefact(heard.principal, heard.path["session"], name))


async def _blob(heard: Heard) -> Answer:
    path = heard.path
    return _given(await heard.service.looking.blob(heard.principal, path["session"], path["digest"]))


def _given(blob: Blob) -> Response:
    headers = {
        # Whoever made these bytes must not run in the browser of who looks at them.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return Response(blob.body, 200, headers, media_type=blob.media)


async def _live(heard: Heard) -> Answer:
    return Health(status="live")


async def _ready(heard: Heard) -> Answer:
    if heard.service.driver.draining:
        raise ProblemError(503, "this server is stopping")
    if not await heard.service.looking.ready():
        raise ProblemError(503, "the store does not answer")
    return Health(status="ready")


async def _version(heard: Heard) -> Answer:
    return Version(version=version("remit"))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/agents",
        action="look",
        summary="List agents",
        handle=_agents,
        gives=Agents,
        refuses=(503,),
    ),
    Endpoint(
        method="GET",
        path="/v1/tools",
        action="look",
        summary="List the tools of all agents",
        handle=_tools,
        gives=Tools,
        refuses=(503,),
    ),
    Endpoint(
        method="GET",
        path="/v1/breakers",
        action="look",
        summary="List the circuits of this process, which stop calls of what keeps failing",
        handle=_breakers,
        gives=Breakers,
    ),
    Endpoint(
        method="GET",
        path="/v1/budgets",
        action="look",
        summary="Say what was spent today, and what may be",
        handle=_budgets,
        gives=Budgets,
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions/{session}/blobs/{digest}",
        action="look",
        summary="Give the bytes of an attachment, a file or a long result that an event of the session names",
        handle=_blob,
        media="*/*",
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions/{session}/artefacts",
        action="look",
        summary="List the files of a session: attachments, and what programs left",
        handle=_artefacts,
        gives=Artefacts,
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions/{session}/artefact",
        action="look",
        summary="Give a file of a session by its name, the newest that has it",
        handle=_artefact,
        query=Named,
        media="*/*",
    ),
    Endpoint(
        method="GET",
        path="/v1/version",
        action="look",
        summary="Say which Remit this is",
        handle=_version,
        gives=Version,
    ),
    Endpoint(
        method="GET",
        path="/health/live",
        action=None,
        summary="Say that this process is alive",
        handle=_live,
        gives=Health,
    ),
    Endpoint(
        method="GET",
        path="/health/ready",
        action=None,
        summary="Say whether this process takes requests",
        handle=_ready,
        gives=Health,
        refuses=(503,),
    ),
)
