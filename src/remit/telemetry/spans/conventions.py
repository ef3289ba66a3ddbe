"""Conventions: the names that spans use, as their specifications had them. All of them are still in development there.

GenAI: https://github.com/open-telemetry/semantic-conventions-genai, in these versions of these documents. The released
constants of `opentelemetry-semantic-conventions` are older and deprecated in favour of that repository.
OpenInference: https://github.com/Arize-ai/openinference, spec/semantic_conventions.md.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

GENAI: Mapping[str, str] = MappingProxyType(
    {
        "docs/gen-ai/client-inference.md": "ac48b1f9df15fdf281b96cccf15eb707e1fc1868",
        "docs/gen-ai/gen-ai-agent-spans.md": "002c8a6ea1c8a42b14a4527db83b3cabcded610a",
        "docs/registry/attributes/gen-ai.md": "9f1b0bb4320aba1797371a60f19ab07bad938932",
    }
)
"""The commit of each document that these names were read in."""
OPENINFERENCE = "00e2b51591f324f020677beba37b14a8fd4e517f"

Operation = Literal["invoke_agent", "chat", "execute_tool"]
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
AGENT_VERSION = "gen_ai.agent.version"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
OUTPUT_TYPE = "gen_ai.output.type"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
AUDIO_INPUT = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT = "gen_ai.usage.audio.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL = "gen_ai.tool.call.id"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
ERROR_TYPE = "error.type"
ERROR_OTHER = "_OTHER"

Kind = Literal["AGENT", "LLM", "TOOL", "CHAIN"]
KIND = "openinference.span.kind"
INPUT_VALUE = "input.value"
INPUT_TYPE = "input.mime_type"
OUTPUT_VALUE = "output.value"
OUTPUT_MIME_TYPE = "output.mime_type"
SESSION = "session.id"
LLM_MODEL = "llm.model_name"
LLM_PROVIDER = "llm.provider"
LLM_COST = "llm.cost.total"
LLM_PROMPT = "llm.token_count.prompt"
LLM_COMPLETION = "llm.token_count.completion"
LLM_TOTAL = "llm.token_count.total"
LLM_CACHE_READ = "llm.token_count.prompt_details.cache_read"
LLM_CACHE_WRITE = "llm.token_count.prompt_details.cache_write"
LLM_REASONING = "llm.token_count.completion_details.reasoning"
OPENINFERENCE_TOOL = "tool.name"

REMIT = "remit."
"""What neither has a name for."""

_PROVIDERS = {
    "openai": "openai",
    "openai-responses": "openai",
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "groq": "groq",
    "mistral": "mistral_ai",
    "grok": "x_ai",
    "xai": "x_ai",
}
"""What the conventions call providers, by the prefix of a model's name; others keep theirs."""


_INFERRED = {
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistralai",
    "x_ai": "xai",
}
"""What OpenInference calls providers, where that differs; prices are looked up by it."""


def inferred(provider: str) -> str:
    """Give a provider's name as OpenInference has it; empty for one that nobody knows."""
    return "" if provider == ERROR_OTHER else _INFERRED.get(provider, provider)


def named(model: str) -> tuple[str, str]:
    """Give the provider and the model of a name such as `openai:NAME`, `pydantic-ai:google:NAME` or just `NAME`."""
    prefix, found, name = model.removeprefix("pydantic-ai:").partition(":")
    if not found:
        return ERROR_OTHER, model
    provider = prefix.partition("@")[0]
    if "@" in prefix:
        # The address has colons of its own: what follows the last one is the model.
        name = name.rpartition(":")[2]
    return _PROVIDERS.get(provider, provider), name
