"""Card: what everybody may know of an agent. Neither its instructions nor its tools are in it."""

from urllib.parse import quote

from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)
from a2a.utils.constants import PROTOCOL_VERSION_1_0, TransportProtocol

from remit.core.agent import Agent

SCHEME = "bearer"
"""The name of the one way to show who asks."""

_INPUT = ("text/plain", "application/json", "application/pdf", "image/png", "image/jpeg")
_OUTPUT = ("text/plain", "application/json")


def place_of(agent: str) -> str:
    """Give the path that all of an agent is at."""
    return f"/a2a/{quote(agent, safe='')}"


def card(agent: Agent, url: str) -> AgentCard:
    """Make the card of an agent on a server at a URL."""
    at = url + place_of(agent.name)
    about = f"The agent {agent.name}, served by Remit."
    return AgentCard(
        name=agent.name,
        description=about,
        version=agent.version,
        supported_interfaces=[
            AgentInterface(url=at, protocol_binding=how.value, protocol_version=PROTOCOL_VERSION_1_0)
            for how in (TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON)
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=False, extended_agent_card=False),
        default_input_modes=_INPUT,
        default_output_modes=_OUTPUT,
        skills=[AgentSkill(id=agent.name, name=agent.name, description=about, tags=["agent"])],
        security_schemes={
            SCHEME: SecurityScheme(
                http_auth_security_scheme=HTTPAuthSecurityScheme(
                    scheme="bearer", description="An API key (`remit keys new`), or a token of the identity provider."
                )
            )
        },
        security_requirements=[SecurityRequirement(schemes={SCHEME: StringList()})],
    )
