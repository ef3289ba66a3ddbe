"""What a container is allowed, as the Docker API is told."""

import msgspec

from remit.core.programs import Bounds
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.containers.boot import BOOT
from remit.sandbox.containers.owner import labels

NOBODY = 65534
_KEEPER = 64_000_000
"""Bytes of memory of the first process, beside the program's."""
_PAGE = 4096
_NOWHERE = ("/tmp", "/run", "/var/tmp", "/dev/shm")
"""What some engines make writable though the root is not."""
_NAMES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""Files in which engines tell a container about the network of the host."""
_DESCRIPTORS, _PROCESSES = 256, 4096


def scratch(bounds: Bounds) -> str:
    """Write the options of the file system of `/scratch`, with a cap on bytes and on files."""
    pages = max(1, -(-bounds.disk // _PAGE))
    # Blocks, because podman takes a size for a quota; a file system counts its root among its inodes.
    caps = f"nr_blocks={pages},nr_inodes={bounds.files + 1}"
    return f"{caps},mode=0700,uid={NOBODY},gid={NOBODY},nosuid,nodev,noexec"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Of what and how a container is made."""

    image: str
    runtime: str | None
    profile: str
    """Our profile of system calls: its text for Docker, a path for podman."""
    bounds: Bounds
    binds: tuple[str, ...]
    volume: str | None
    """The volume that is `/scratch`, where the engine caps no files otherwise."""
    processes: bool
    """Whether the engine can count them."""


def container(wish: Wish) -> JsonObject:
    """Write the container of a box: no network, no rights, nothing to write but `/scratch`."""
    bounds = wish.bounds
    places: JsonObject = dict.fromkeys(_NOWHERE, f"ro,size={_PAGE},mode=0555")
    binds: list[JsonValue] = [*(f"/dev/null:{name}:ro" for name in _NAMES), *wish.binds]
    if wish.volume is None:
        places["/scratch"] = "rw," + scratch(bounds)
    else:
        binds.append(f"{wish.volume}:/scratch:nocopy")
    memory = bounds.memory + bounds.disk + _KEEPER
    limits: list[JsonValue] = [
        {"Name": "core", "Soft": 0, "Hard": 0},
        {"Name": "nofile", "Soft": _DESCRIPTORS, "Hard": _DESCRIPTORS},
        {"Name": "nproc", "Soft": _PROCESSES, "Hard": _PROCESSES},
        {"Name": "msgqueue", "Soft": 0, "Hard": 0},
    ]
    host: JsonObject = {
        "AutoRemove": True,
        "Binds": binds,
        "CapDrop": ["ALL"],
        "CgroupnsMode": "private",
        "IpcMode": "private",
        "LogConfig": {"Type": "none", "Config": {}},
        "Memory": memory,
        "MemorySwap": memory,
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "SecurityOpt": ["no-new-privileges", f"seccomp={wish.profile}"],
        "Tmpfs": places,
        "Ulimits": limits,
    }
    if wish.processes:
        # The first process, and one for the moment in which it forks.
        host["PidsLimit"] = bounds.processes + 2
    if wish.runtime is not None:
        host["Runtime"] = wish.runtime
    return {**_first_process(wish.image), "HostConfig": host}


def _first_process(image: str) -> JsonObject:
    named: JsonObject = {**labels()}
    return {
        "AttachStderr": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "Cmd": ["-I", "-B", "-c", BOOT],
        "Entrypoint": ["python3"],
        "Env": [],
        "Image": image,
        "Labels": named,
        "NetworkDisabled": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "Tty": False,
        "User": f"{NOBODY}:{NOBODY}",
        "WorkingDir": "/",
    }
