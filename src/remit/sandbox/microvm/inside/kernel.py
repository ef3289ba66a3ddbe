"""What the first process asks of its kernel that Python has no function for."""

import ctypes
import fcntl
import os
import struct

# Calls by their numbers on x86_64, which is what machines are.
_FINIT_MODULE, _SECCOMP = 313, 317
_ARCHITECTURE = 0xC000003E
_RNDADDENTROPY, _RNDRESEEDCRNG = 0x40085203, 0x5207

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38

# Nothing here protects the host, which the machine does; they keep a program from what
# would let it out of its own bounds, or at the kernel that its next neighbour would otherwise have shared.
_REFUSED = {
    "socket": 41,
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "io_uring_setup": 425,
    "bpf": 321,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "open_tree": 428,
    "fsopen": 430,
    "memfd_create": 319,
    "memfd_secret": 447,
    "shmget": 29,
    "msgget": 68,
    "mq_open": 240,
    "personality": 135,
}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(done: int, what: str) -> int:
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return done


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount a file system; raise `OSError`."""
    done = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode() or None)
    _checked(done, f"mount of {target}")


def load(path: str) -> None:
    """Load a module; raise `OSError` when the kernel does not want it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.syscall(_FINIT_MODULE, descriptor, b"", 0), path)
    finally:
        os.close(descriptor)


def prctl(option: int, value: int) -> None:
    """Set a property of this process; raise `OSError`."""
    _checked(_libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def reseed(seed: bytes) -> None:
    """Have the kernel draw from now on as nobody else who began with its state; raise `OSError`."""
    descriptor = os.open("/dev/urandom", os.O_RDWR | os.O_CLOEXEC)
    try:
        entropy = struct.pack("ii", len(seed) * 8, len(seed)) + seed
        fcntl.ioctl(descriptor, _RNDADDENTROPY, entropy)
        fcntl.ioctl(descriptor, _RNDRESEEDCRNG)
    finally:
        os.close(descriptor)


def _step(code: int, yes: int, no: int, value: int) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def refuse_calls() -> None:
    """Let this process and all that it starts make none of the refused calls, which fail with `EPERM`."""
    numbers = sorted(_REFUSED.values())
    load_word, equal, above, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050001, 0x80000000
    steps = [_step(load_word, 0, 0, 4), _step(equal, 1, 0, _ARCHITECTURE), _step(give, 0, 0, kill)]
    steps.append(_step(load_word, 0, 0, 0))
    # The x32 face of the same kernel has its calls above this number.
    steps.append(_step(above, len(numbers) + 1, 0, 0x40000000))
    steps += [_step(equal, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    steps += [_step(give, 0, 0, allow), _step(give, 0, 0, refuse)]
    body = ctypes.create_string_buffer(b"".join(steps))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    prctl(PR_SET_NO_NEW_PRIVS, 1)
    filter_ = Filter(len(steps), ctypes.cast(body, ctypes.c_void_p))
    _checked(_libc.syscall(_SECCOMP, 1, 0, ctypes.byref(filter_)), "seccomp")
