"""The driver of remote machines: knows the key, asks for machines, and claims nothing that it cannot see."""

import asyncio
import os
import weakref
from concurrent.futures import ThreadPoolExecutor

from remit.core.errors import ConfigError
from remit.core.programs import Capabilities, SandboxPolicy
from remit.sandbox.remote.box import RemoteBox
from remit.sandbox.remote.run import Place
from remit.sandbox.remote.service import Service, Settings

_UNSEEN = (
    "proof: the service says that each box is a machine of its own; nothing here can verify that, nor who reads along",
    "bounds: memory, processor and disk are limits of a process that may become root in its machine; time is held here",
)


class RemoteSandbox:
    """Runs programs in machines of a service that speaks E2B's API, without a network of their own."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        key: str = "",
        packages: tuple[str, ...] = (),
        place: Place | None = None,
    ) -> None:
        """Use this key or `E2B_API_KEY`; `packages` is what the template has beyond the standard library."""
        self._settings, self._packages, self._place = settings or Settings(), packages, place or Place()
        self._key = key or os.environ.get("E2B_API_KEY", "")
        self._known: Capabilities | None = None
        self._service: Service | None = None
        self._boxes: weakref.WeakSet[RemoteBox] = weakref.WeakSet()

    def __repr__(self) -> str:
        """Show where it is, and no key."""
        return f"RemoteSandbox({self._settings.api!r})"

    def capabilities(self) -> Capabilities:
        """Say whether the service accepts the key, as found by asking once; what it gives cannot be verified."""
        if self._known is None:
            # In a thread, because there may be a loop here already.
            with ThreadPoolExecutor(1) as thread:
                why = thread.submit(asyncio.run, self._find()).result()
            self._known = Capabilities(
                tier="microvm",
                available=not why,
                level="" if why else "as the service says",
                missing=(why,) if why else _UNSEEN,
                packages=self._packages,
            )
        return self._known

    async def _find(self) -> str:
        if not self._key:
            return "a key: set E2B_API_KEY"
        service = Service(self._key, self._settings)
        try:
            return await service.check()
        finally:
            await service.close()

    async def open(self, policy: SandboxPolicy) -> RemoteBox:
        """Have a machine made; raise `ConfigError` when the service does not, or it lacks what the policy asks for."""
        if policy.mounts:
            raise ConfigError("remote machines mount nothing of this one: `put` the files, or use 'container'")
        lacking = sorted(set(policy.packages) - set(self._packages))
        if lacking:
            raise ConfigError(f"the template is not said to have {', '.join(lacking)}: RemoteSandbox(packages=...)")
        if not self._key:
            raise ConfigError("remote machines need a key: set E2B_API_KEY")
        if self._service is None:
            self._service = Service(self._key, self._settings)
        box = RemoteBox(self._service, await self._service.make(), policy.bounds, self._place)
        self._boxes.add(box)
        return box

    async def close(self) -> None:
        """End all machines and let go of connections; it can be used again."""
        for box in list(self._boxes):
            await box.close()
        service, self._service = self._service, None
        if service is not None:
            await service.close()
