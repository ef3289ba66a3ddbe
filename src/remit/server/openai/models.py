"""Models: the agents that are served, as models."""

import msgspec
from starlette.responses import Response

from remit.server.openai.door import Heard
from remit.server.openai.problems import written


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """An agent."""

    id: str
    object: str = "model"
    created: int = 0
    """Nobody knows when an agent was declared."""
    owned_by: str = "remit"


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All agents."""

    object: str = "list"
    data: tuple[Model, ...]


async def listed(heard: Heard) -> Response:
    """List the agents."""
    agents = await heard.service.looking.agents()
    return written(Models(data=tuple([Model(id=agent.name) for agent in agents])))


async def shown(heard: Heard) -> Response:
    """Show one."""
    return written(Model(id=heard.agent(str(heard.request.path_params["model"])).name))
