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

    def InterpreterPool(self, workers: int, waiting: int, key: bytes) -> _Pool: ...  # noqa: N802 - the class of that name


class MontySandbox:
    """Runs programs in Monty: a subset of Python, no network, processes or environment, no files but what is mounted.

    Programs have no clock, and chance with a fixed seed: they do the same when they run again.
    """

    def __init__(self, *, workers: int = 8, waiting: int = 24, key: bytes = b"") -> None:
        """Let at most so many programs run at once, and so many more wait for their tools, each in a worker of its own.

        With a secret `key`, programs are kept so that only who has it could have made them.
        """
        self._workers, self._waiting, self._key = workers, waiting, key
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
                deterministic=not why,
                pause=not why,
            )
        return self._known

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise `ConfigError` when the policy wants a stronger tier or the package is missing."""
        if TIERS.index(policy.least) > TIERS.index("interpreter"):
            would = ", ".join(TIERS[TIERS.index(policy.least) :])
            raise ConfigError(f"the policy wants {policy.least!r} at least, and this is 'interpreter'; use: {would}")
        if policy.language == "full":
            raise ConfigError("the policy wants all of Python, and 'interpreter' has a subset; use 'wasm' or stronger")
        if policy.packages:
            wanted = ", ".join(policy.packages)
            raise ConfigError(f"the tier 'interpreter' cannot import {wanted}; use 'native' or stronger")
        known = self.capabilities()
        if not known.available or self._pools is None:
            raise ConfigError("; ".join(known.missing))
        if self._pool is None:
            self._pool = self._pools.InterpreterPool(self._workers, self._waiting, self._key)
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
