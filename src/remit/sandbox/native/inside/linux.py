"""Linux by ctypes: the few calls that Python's `os` has no name for. Errors are `OSError` that say what was tried."""

import ctypes
import os
import signal

CLONE_NEW = {
    "mount": 0x0002_0000,
    "cgroup": 0x0200_0000,
    "UTS": 0x0400_0000,
    "IPC": 0x0800_0000,
    "user": 0x1000_0000,
    "PID": 0x2000_0000,
    "network": 0x4000_0000,
}
"""The namespaces of a box."""

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18,
)  # fmt: skip
_MNT_DETACH = 2
_KEPT = {os.ST_RDONLY: MS_RDONLY, os.ST_NOSUID: MS_NOSUID, os.ST_NODEV: MS_NODEV, os.ST_NOEXEC: MS_NOEXEC}
_TIMES = {os.ST_NOATIME: 1024, os.ST_NODIRATIME: 2048, os.ST_RELATIME: 1 << 21}

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION = 0x2008_0522
_M_ARENA_MAX = -8

_MACHINES = {"x86_64": {"clone": 56, "capset": 126, "pivot_root": 155}, "aarch64": {"clone": 220, "capset": 91, "pivot_root": 41}}  # fmt: skip # noqa: E501

# Calls through PyDLL keep the interpreter's lock, so that a clone happens at a known place of the interpreter.
_libc = ctypes.PyDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """Pass a result on; raise the error of the last call when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, what: str, *arguments: object) -> int:
    """Call the kernel by number."""
    return check(_libc.syscall(ctypes.c_long(number), *arguments), what)


def own(name: str) -> int:
    """Find the number of a call on this machine."""
    return _MACHINES[os.uname().machine][name]


def clone(flags: int) -> int:
    """Fork into new namespaces: 0 in the child, its process id in the parent."""
    ctypes.pythonapi.PyOS_BeforeFork()
    try:
        zero = ctypes.c_ulong(0)
        number = ctypes.c_long(own("clone"))
        pid: int = _libc.syscall(number, ctypes.c_ulong(flags | signal.SIGCHLD), zero, zero, zero, zero)
    except BaseException:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        raise
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    number_of_error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    ctypes.set_errno(number_of_error)
    return check(pid, "new namespaces")


def prctl(option: int, value: int, what: str) -> None:
    """Set a property of this process."""
    zero = ctypes.c_ulong(0)
    check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), what)


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Be killed when the thread that made this process ends; changing the user id undoes it."""
    prctl(PR_SET_PDEATHSIG, by, "PR_SET_PDEATHSIG")


def bar_capabilities() -> None:
    """See to it that neither this process nor what it starts gets a capability that it has not, by whatever it runs."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability, "PR_CAPBSET_DROP")
        except OSError:
            # The kernel knows no more of them, or there was none to begin with.
            break


def drop_capabilities() -> None:
    """Give up every capability, for ever once they are barred."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    syscall(own("capset"), "capset", header, none)


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount something."""
    done = _libc.mount(
        source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), options.encode()
    )
    check(done, f"mount {source} at {target}")


def bind(source: str, target: str, flags: int) -> None:
    """Show a file or folder at another place, read-only with the flags given."""
    mount(source, target, None, MS_BIND)
    # Flags that the host set are locked in a user namespace: a remount that leaves one out is refused.
    there = os.statvfs(target).f_flag
    for seen, kept in (_KEPT | _TIMES).items():
        flags |= kept if there & seen else 0
    mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def pivot(root: str) -> None:
    """Make a folder the root and forget the old one."""
    os.chdir(root)
    syscall(own("pivot_root"), "pivot_root", b".", b".")
    check(_libc.umount2(b".", _MNT_DETACH), "umount of the old root")
    os.chdir("/")


def one_arena() -> None:
    """Keep threads from reserving 64 MiB of address space each, which would count as memory of the program."""
    mallopt, trim = getattr(_libc, "mallopt", None), getattr(_libc, "malloc_trim", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
    if trim is not None:
        # What loading left behind would be copied for every box.
        trim(ctypes.c_size_t(0))
