"""What stands between us and the machine's emulator: gives up what the emulator does not need, then becomes it.

It runs as a script with the standard library alone. `python launch.py PARENT KVM BYTES FILES EMULATOR ARGUMENT...`
"""

import ctypes
import os
import resource
import stat
import struct
import sys

_NOBODY = 65534
_CREATE_RULESET, _ADD_RULE, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_FOLDER, _WRITE_FILE, _IOCTL = 1 << 0, 1 << 2, 1 << 3, 1 << 1, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_KINDS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Rights over files that each version of Landlock knows; later ones know those of 5."""
_NETWORK, _SIGNALS = 0b11, 0b11
_NEWNET, _NEWIPC, _NEWUTS, _NEWUSER = 0x40000000, 0x08000000, 0x04000000, 0x10000000
_SHOWN = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/nix/store", "/gnu/store")
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _SIGKILL = 1, 38, 9

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _namespaces() -> None:
    # A bolt behind the filter of system calls, which lets the emulator have sockets; not every machine allows it.
    alone = _NEWNET | _NEWIPC | _NEWUTS
    if _libc.unshare(alone) != 0:
        _libc.unshare(alone | _NEWUSER)


def _opened(paths: list[str]) -> list[int]:
    found: list[int] = []
    for path in paths:
        try:
            found.append(os.open(path, os.O_PATH | os.O_CLOEXEC))
        except OSError:
            continue
    return found


def _landlock(shown: list[int], devices: list[int]) -> None:
    """Let nothing be opened but these, where the kernel can hold to it."""
    version = _libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return
    handled = (1 << _KINDS.get(version, 16)) - 1
    rules = struct.pack("QQQ", handled, _NETWORK if version >= 4 else 0, _SIGNALS if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _libc.syscall(_CREATE_RULESET, rules, size, 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for opened in (*shown, *devices):
        rights = _READ if opened in shown else _READ_FILE | _WRITE_FILE | _IOCTL
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= ~_READ_FOLDER
        beneath = struct.pack("=Qi", rights & handled, opened)
        if _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, beneath, 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_add_rule")
    if _libc.syscall(_RESTRICT, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def _become_nobody(*, kvm: bool) -> None:
    if os.getuid() != 0:
        return
    device = os.stat("/dev/kvm") if kvm else None  # noqa: PTH116
    groups = [device.st_gid] if device and device.st_mode & 0o060 == 0o060 else []
    os.setgroups(groups)
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def main(parent: int, kvm: str, memory: int, files: list[int], command: list[str]) -> None:
    """Become the emulator; never returns."""
    os.setsid()
    _namespaces()
    _become_nobody(kvm=bool(kvm))
    for name, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, memory),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, memory + (2 << 30)),
    ):
        resource.setrlimit(name, (most, most))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    home = os.path.dirname(os.path.dirname(os.path.realpath(command[0])))  # noqa: PTH120
    _landlock([*_opened([*_SHOWN, home]), *files], _opened([kvm] if kvm else []))
    # After the change of user, which would undo it; and whoever died before it told nobody.
    _libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    os.execve(command[0], command, {})


if __name__ == "__main__":
    files = [int(number) for number in sys.argv[4].split(",") if number]
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), files, sys.argv[5:])
