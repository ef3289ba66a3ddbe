"""The client that the MCP conformance suite starts, once a scenario: our toolset, calling each tool it is offered."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import httpx2
import msgspec
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl

from remit.core.errors import InputRequiredError, ToolError
from remit.core.ports import Resume, Tool, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools.mcp import Http, McpOptions, McpToolset, TokenFile, sign_in
from remit.tools.mcp.tool import McpTool

SECONDS = 25.0
ROUNDS = 5
METADATA = "https://conformance-test.local/client-metadata.json"


class Context(msgspec.Struct):
    """What the suite tells beside the address."""

    client_id: str = ""
    client_secret: str = ""
    private_key_pem: str = ""
    signing_algorithm: str = "ES256"
    toolCalls: list[dict[str, JsonValue]] = []  # noqa: N815 - the name of the suite


async def browse(url: str) -> None:
    """Sign in as a person's browser would, and be sent back to us."""
    async with httpx2.AsyncClient(follow_redirects=True) as browser:
        await browser.get(url)


async def authority(scenario: str, url: str, context: Context, tokens: TokenFile, port: int) -> httpx2.Auth:
    """Make what signs requests in a scenario about authorization."""
    if scenario.endswith("client-credentials-jwt"):
        signed = SignedJWTParameters(
            issuer=context.client_id,
            subject=context.client_id,
            signing_algorithm=context.signing_algorithm,
            signing_key=context.private_key_pem,
        )
        prove = signed.create_assertion_provider()
        return PrivateKeyJWTOAuthProvider(url, tokens, context.client_id, assertion_provider=prove)
    if scenario.endswith("client-credentials-basic"):
        return ClientCredentialsOAuthProvider(url, tokens, context.client_id, context.client_secret)
    signing = sign_in(url, tokens, port=port, show=browse, metadata_url=METADATA)
    if context.client_id:
        await tokens.set_client_info(known(context, signing.provider))
    return signing


def known(context: Context, signing: OAuthClientProvider) -> OAuthClientInformationFull:
    """Make the registration of a client that the server knows already."""
    return OAuthClientInformationFull(
        client_id=context.client_id,
        client_secret=context.client_secret or None,
        redirect_uris=[AnyUrl(str(one)) for one in signing.context.client_metadata.redirect_uris or []],
        token_endpoint_auth_method="client_secret_basic" if context.client_secret else "none",
    )


def arguments(schema: JsonObject) -> JsonObject:
    """Make arguments that a schema wants: small numbers and short words."""
    wanted, properties = schema.get("required"), schema.get("properties")
    if not isinstance(wanted, list) or not isinstance(properties, dict):
        return {}
    return {str(name): value(properties.get(str(name))) for name in wanted}


def value(schema: JsonValue) -> JsonValue:
    """Make one value."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    match kind:
        case "integer" | "number":
            return 5
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return arguments(schema) if isinstance(schema, dict) else {}
        case _:
            return "word"


def echoed(name: str, tools: dict[str, Tool]) -> JsonObject:
    """Give back a schema as it came, to the one tool that wants to see that nothing of it was lost."""
    seen = tools.get("s__json_schema_2020_12_tool")
    return {"schema": seen.offered.input_schema} if name == "s__json_schema_echo" and isinstance(seen, McpTool) else {}


async def call(tools: dict[str, Tool], name: str, args: JsonObject) -> None:
    """Call a tool, answer what it asks as a person would days later, and say what came of it."""
    resume: Resume | None = None
    said: JsonValue = None
    for _ in range(ROUNDS):
        try:
            said = await tools[name].call(args, ToolContext(key=name, resume=resume))
        except InputRequiredError as error:
            # As it comes back from a journal.
            memo: JsonValue = msgspec.json.decode(msgspec.json.encode(error.memo))
            resume = Resume(arguments(error.schema), memo)
            continue
        except ToolError as error:
            said = f"{type(error).__name__}: {error}"
        break
    sys.stderr.write(f"{name}({args}) -> {said}\n")


async def suggested(question: str, schema: JsonObject) -> JsonObject:
    """Accept a form as it is suggested."""
    return {}


async def main(url: str) -> None:
    """Open the toolset and call what it has."""
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    context = msgspec.json.decode(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"), type=Context)
    with tempfile.TemporaryDirectory() as folder:
        tokens = TokenFile(Path(folder) / "tokens.json")
        # Scenarios run at the same time, and each wants a port to be sent back to.
        port = 10000 + os.getpid() % 10000
        auth = await authority(scenario, url, context, tokens, port) if scenario.startswith("auth/") else None
        # In the older protocol a tool asks in the middle of its call, and somebody must be there.
        options: McpOptions = {"patience": SECONDS, "timeout": SECONDS}
        if scenario.startswith("elicitation"):
            options["answers"] = suggested
        toolset = McpToolset("s", Http(url, auth=auth), **options)
        try:
            tools = {tool.spec.name: tool for tool in await toolset.open()}
            for wanted in context.toolCalls:
                given = wanted.get("arguments")
                await call(tools, f"s__{wanted['name']}", given if isinstance(given, dict) else {})
            if not context.toolCalls:
                for name, tool in tools.items():
                    await call(tools, name, arguments(tool.spec.schema) | echoed(name, tools))
        finally:
            await toolset.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
