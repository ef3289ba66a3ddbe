"""Lives: a toolset between its opening and its closing, and what it provides to calls."""

import asyncio
import contextlib
import contextvars
import functools
import inspect
from collections.abc import AsyncGenerator
from typing import TypeGuard

from remit.core.errors import ConfigError, InputRequiredError, RejectedError, RemitError, ToolError
from remit.core.ports import ToolContext
from remit.tools.functions.keeping import Kept, Tenants
from remit.tools.functions.plan import Plan, Sources
from remit.tools.functions.providers import Provider

_SURE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ConfigError,
    FileNotFoundError,
    LookupError,
    NameError,
    NotImplementedError,
    PermissionError,
    TypeError,
    ValueError,
)
"""Mistakes that the next attempt would run into as well."""


class Life:
    """What is open of a toolset, for one event loop."""

    def __init__(self, plan: Plan, patience: float) -> None:
        """Take what to open and how many seconds each opening and each closing may take."""
        self.loop = asyncio.get_running_loop()
        self._plan, self._patience = plan, patience
        # Of the opening, not of the call that happens to be a tenant's first.
        self._context = contextvars.copy_context()
        self._once: dict[Provider, Kept] = {}
        self._tenants: dict[Provider, Tenants] = {}
        self._closing = contextlib.AsyncExitStack()
        self._opened = False
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Open what is opened once; raise `ToolError` for what cannot be, with all that was opened closed again."""
        async with self._turn:
            if self._opened:
                return
            try:
                for provider in self._plan.sources:
                    await self._begin(provider)
            except BaseException:
                # What cannot be closed either matters less than what could not be opened.
                with contextlib.suppress(ToolError):
                    await self._closing.aclose()
                raise
            self._opened = True

    async def close(self) -> None:
        """Close all in the reverse order; what breaks keeps nothing else open, and is raised as a `ToolError`."""
        self._opened = False
        await self._closing.aclose()

    async def provide(
        self, sources: Sources, context: ToolContext, stack: contextlib.AsyncExitStack
    ) -> dict[str, object]:
        """Give a call what it needs, for as long as the stack lasts; raise `RejectedError` for what cannot be had."""
        self._check_open()
        made: dict[Provider, object] = {}
        return {name: await self._for_call(source, context, stack, made) for name, source in sources.items()}

    def ready(self, sources: Sources) -> dict[str, object]:
        """Give a call what it needs, all of which was opened once; raise `RejectedError` for what broke down since."""
        self._check_open()
        return {name: self._kept(source) for name, source in sources.items()}

    def _check_open(self) -> None:
        if not self._opened:
            raise RejectedError(f"not done: toolset {self._plan.toolset!r} is closed")

    # -- once ------------------------------------------------------------------------------------------------------

    async def _begin(self, provider: Provider) -> None:
        if provider.lifetime == "tenant":
            tenants = Tenants(functools.partial(self._around, provider), provider.keep, self._context)
            self._tenants[provider] = tenants
            self._closing.push_async_callback(self._end, provider, tenants)
        if provider.lifetime != "once":
            return
        kept = self._once[provider] = Kept(functools.partial(self._around, provider, ""), self._context)
        self._closing.push_async_callback(self._end, provider, kept)
        try:
            async with asyncio.timeout(self._patience):
                await kept.value()
        except Exception as error:
            raise self._broken(provider, "be opened", error) from error

    async def _end(self, provider: Provider, opened: Kept | Tenants) -> None:
        try:
            await opened.close(self._patience)
        except Exception as error:
            raise self._broken(provider, "be closed", error) from error

    def _broken(self, provider: Provider, what: str, error: Exception) -> ToolError:
        # What strangers raise may hold a password; what is raised in our own words was meant to be read.
        why = str(error) if isinstance(error, RemitError) else type(error).__name__
        return ToolError(f"toolset {self._plan.toolset!r}: {provider} cannot {what}: {why}; look into its provider")

    def _kept(self, provider: Provider) -> object:
        kept = self._once[provider]
        if not kept.usable:
            raise RejectedError(f"not done: {provider} broke down; the toolset must be opened again")
        return kept.now

    @contextlib.asynccontextmanager
    async def _around(self, provider: Provider, tenant: str) -> AsyncGenerator[object]:
        """Hold open what is kept once, or for a tenant, and what it was made of."""
        async with contextlib.AsyncExitStack() as stack:
            sources = self._plan.sources[provider]
            named = {name: await self._shared(source, tenant, stack) for name, source in sources.items()}
            if provider.subject:
                named[provider.subject] = tenant
            made = provider.make(**named)
            if inspect.isawaitable(made) and not _opens(made):
                made = await made
            yield await stack.enter_async_context(made) if _opens(made) else made

    async def _shared(self, source: Provider, tenant: str, stack: contextlib.AsyncExitStack) -> object:
        if source.lifetime == "once":
            return self._kept(source)
        try:
            return await self._tenants[source].take(tenant, stack)
        except Exception as error:
            raise _refused(source, error) from error

    # -- for a call ------------------------------------------------------------------------------------------------

    async def _for_call(
        self, source: Provider, context: ToolContext, stack: contextlib.AsyncExitStack, made: dict[Provider, object]
    ) -> object:
        """Give what a call needs; what several of its parameters need is made once."""
        if source not in made:
            if source.lifetime == "call":
                made[source] = await self._made(source, context, stack, made)
            else:
                made[source] = await self._shared(source, context.tenant, stack)
        return made[source]

    async def _made(
        self, source: Provider, context: ToolContext, stack: contextlib.AsyncExitStack, made: dict[Provider, object]
    ) -> object:
        sources = self._plan.sources[source]
        named = {name: await self._for_call(needed, context, stack, made) for name, needed in sources.items()}
        named[source.subject] = context
        try:
            # Whatever is not declared to be opened for the call may belong to somebody else.
            value = source.make(**named)
            if source.opens and _opens(value):
                return await stack.enter_async_context(value)
            return await value if inspect.isawaitable(value) else value
        except Exception as error:
            raise _refused(source, error) from error


def _opens(made: object) -> TypeGuard[contextlib.AbstractAsyncContextManager[object]]:
    return hasattr(type(made), "__aenter__")


def _refused(source: Provider, error: Exception) -> ToolError:
    """Say that a call was not made for want of something, without what a stranger's exception says."""
    if isinstance(error, (RejectedError, InputRequiredError)):
        return error
    name = type(error).__name__
    return RejectedError(f"not done: {source} cannot be had now ({name})", retryable=not isinstance(error, _SURE))
