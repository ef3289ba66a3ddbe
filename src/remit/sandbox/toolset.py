"""Toolset: the tool `run_code`, with which a model that works step by step computes something in a box."""

from collections.abc import Sequence

from remit.core.errors import ConfigError, RejectedError, SandboxBusyError
from remit.core.ports import Probe, Tool, ToolContext
from remit.core.programs import Sandbox, SandboxPolicy
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue

_SPARE = 30.0
"""Seconds for opening a box, beside those of the program."""
_DESCRIPTION = """Run a Python program, for exact calculation and for working on data. It has no network, sees no
other program's names, and calls no tools. The value of its last expression is the answer; what it prints is shown too.

Args:
    code: the whole program."""


class RunCode:
    """Gives an agent the tool `run_code`. Programs that are to call tools need the strategy `code` instead."""

    def __init__(self, sandbox: Sandbox, policy: SandboxPolicy | None = None) -> None:
        """Run programs of models in boxes of this sandbox, which is closed with the toolset."""
        self._sandbox, self._policy = sandbox, policy or SandboxPolicy()

    @property
    def name(self) -> str:
        """What it is called in messages to people."""
        return "run_code"

    async def open(self) -> Sequence[Tool]:
        """Give the tool; raise `ConfigError` where no box of the policy can be had."""
        # Found out here, where a person reads it, and not at the first call of a model.
        box = await self._sandbox.open(self._policy)
        await box.close()
        return (_Program(self._sandbox, self._policy),)

    async def close(self) -> None:
        """Let go of the sandbox."""
        await self._sandbox.close()


class _Program:
    def __init__(self, sandbox: Sandbox, policy: SandboxPolicy) -> None:
        self._sandbox, self._policy = sandbox, policy
        schema: JsonObject = {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "the whole program"}},
            "required": ["code"],
            "additionalProperties": False,
        }
        self._spec = ToolSpec(
            name="run_code",
            description=_DESCRIPTION,
            schema=schema,
            # Nothing of it is left outside its box.
            effect="read",
            timeout=policy.bounds.wall + _SPARE,
            retries=0,
            source="sandbox",
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, args: JsonObject) -> str:
        code = args.get("code")
        return "" if isinstance(code, str) and code.strip() and len(args) == 1 else "give `code`: a Python program"

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        try:
            box = await self._sandbox.open(self._policy)
        except SandboxBusyError as error:
            raise RejectedError(str(error), retryable=True) from error
        try:
            result = await box.run(str(args["code"]), inputs={}, tools={}, bridge=_no_tools)
        finally:
            await box.close()
        texts = {"printed": result.printed, "error": result.error, "why": result.why}
        told: JsonObject = {key: text for key, text in texts.items() if text}
        return {"status": result.status, "value": result.value, **told}

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return Probe(happened=False)


async def _no_tools(name: str, args: JsonObject) -> JsonValue:
    raise ConfigError(f"no tool named {name!r}")
