"""Levels: how far of the tier a machine allows, found by trying."""

from typing import Literal

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Capabilities
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native.box import NativeBox
from remit.sandbox.native.packages import available
from remit.sandbox.native.zygotes import Zygote, start

Level = Literal["full", "without cgroup", "landlock only"]
"""How far of the tier a machine allows: all of it, no control group, or neither that nor namespaces."""

LEVELS: tuple[Level, ...] = ("full", "without cgroup", "landlock only")

_HINTS: dict[Level, str] = {
    "full": "give this process control groups for memory and pids, for example a systemd scope with Delegate=yes",
    "without cgroup": "allow unprivileged user namespaces (`user.max_user_namespaces`, AppArmor)",
    "landlock only": "Linux 5.13 or newer with `landlock` in its `lsm=`, and seccomp",
}
_WORDS: dict[Level, str] = {"full": "cgroup", "without cgroup": "namespaces", "landlock only": "Landlock and seccomp"}
_LACKS: dict[Level, tuple[str, ...]] = {
    "full": (),
    "without cgroup": (
        "memory is bounded by what a program may write, that of the kernel's (pipes, sockets) only by its descriptors",
    ),
    "landlock only": (
        "mounts, threads and /scratch, which need namespaces",
        "names, sizes and times of files outside can be asked for, their contents cannot",
    ),
}
_NO_LANDLOCK = "Landlock: the kernel has none (5.13 or newer with `landlock` in its `lsm=`); namespaces hold alone"


async def _none(_tool: str, _arguments: JsonObject) -> JsonValue:
    return None


async def _attempt(zygote: Zygote, level: Level) -> str:
    """Run a program at a level; say why that did not work, or nothing."""
    if level == "full" and zygote.ungrouped:
        return zygote.ungrouped
    if level == "landlock only" and not zygote.landlock:
        return "the kernel has no Landlock"
    try:
        control = zygote.order(Bounds(), (), namespaces=level != "landlock only", group=level == "full")
        box = NativeBox(control, Bounds(), files=level != "landlock only")
        await zygote.ready(control)
    except (ConfigError, OSError) as error:
        return str(error)
    try:
        result = await box.run("20 + 22", inputs={}, tools={}, bridge=_none)
    finally:
        await box.close()
    return "" if result.value == 42 else f"{result.status} {result.why}: {result.printed.strip()}"


async def probe(packages: tuple[str, ...], forced: Level | None) -> Capabilities:
    """Find the highest level that works here; at a forced one, only whether that does."""
    missing: list[str] = []
    zygote = await start((), groups=forced in (None, "full"))
    try:
        for level in LEVELS:
            why = "not tried" if forced not in (None, level) else await _attempt(zygote, level)
            if why and not zygote.alive:
                raise ConfigError(f"the zygote of the native sandbox is gone: {why}")
            if why:
                missing.append(f"{_WORDS[level]}: {why}; {_HINTS[level]}")
                continue
            unheld = () if zygote.landlock else (_NO_LANDLOCK,)
            return Capabilities(
                tier="native",
                available=True,
                level=level,
                missing=(*missing, *_LACKS[level], *unheld),
                packages=available(packages),
            )
        return Capabilities(tier="native", available=False, missing=tuple(missing))
    finally:
        await zygote.close()
