"""Driver: opens boxes over one pool of interpreters, if the package is there and works."""

import importlib
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Box, Capabilities, SandboxPolicy

INSTALL = "pip install 'remit[sandbox]'"


class _Pool(Protocol):
    async def open(self, policy: SandboxPolicy) -> Box: ...

    async def close(self) -> None: ...


class _Pools(Protocol):
    def trial(self) -> str: ...

    def InterpreterPool(self, workers: int) -> _Pool: ...  # noqa: N802 - the class of that name


class MontySandbox:
    """Runs programs in Monty, which has a subset of Python and no files, network, processes or environment."""

    def __init__(self, *, workers: int = 8) -> None:
        """Let at most so many programs run or wait for a tool at once; more of them wait for a worker."""
        self._workers = workers
        self._pools: _Pools | None = None
        self._pool: _Pool | None = None
        self._known: Capabilities | None = None

    def capabilities(self) -> Capabilities:
        """Say what this machine can give; it is found out once, by running a program."""
        if self._known is None:
            why = self._try()
            self._known = Capabilities(
                tier="interpreter",
                available=not why,
                level="" if why else "full",
                missing=(why,) if why else (),
                language="subset",
            )
        return self._known

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise `ConfigError` when the policy wants a stronger tier or the package is missing."""
        if TIERS.index(policy.least) > TIERS.index("interpreter"):
            would = ", ".join(TIERS[TIERS.index(policy.least) :])
            raise ConfigError(f"the policy wants {policy.least!r} at least, and this is 'interpreter'; use: {would}")
        if policy.mounts:
            raise ConfigError("the tier 'interpreter' has no files, so it cannot mount any; use 'native' or stronger")
        known = self.capabilities()
        if not known.available or self._pools is None:
            raise ConfigError("; ".join(known.missing))
        if self._pool is None:
            self._pool = self._pools.InterpreterPool(self._workers)
        return await self._pool.open(policy)

    async def close(self) -> None:
        """End all workers; it can be used again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _try(self) -> str:
        try:
            self._pools = cast("_Pools", importlib.import_module("remit.sandbox.monty.pool"))
        except ImportError as error:
            return f"the interpreter is not installed ({error}): {INSTALL}"
        return self._pools.trial()
