"""System calls that programs may make, in one table: as a filter in classic BPF, or as a profile of Docker's.

Whatever is not here fails with EPERM, such as every way to make a process, a socket with an address, a mount or a
namespace. Calls in the manner of another machine (x32, i386) kill.
Source of the numbers: `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h` of Linux.
"""

import errno
import struct
from typing import Literal, assert_never

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue

_ALLOWED = """
read 0 63|write 1 64|readv 19 65|writev 20 66|pread64 17 67|pwrite64 18 68|preadv 295 69|pwritev 296 70
open 2 -|openat 257 56|creat 85 -|close 3 57|close_range 436 436|lseek 8 62|stat 4 -|fstat 5 80|lstat 6 -
newfstatat 262 79|statx 332 291|statfs 137 43|fstatfs 138 44|access 21 -|faccessat 269 48|faccessat2 439 439
readlink 89 -|readlinkat 267 78|getdents 78 -|getdents64 217 61|getcwd 79 17|chdir 80 49|fchdir 81 50|umask 95 166
dup 32 23|dup2 33 -|dup3 292 24|fcntl 72 25|flock 73 32|fsync 74 82|fdatasync 75 83|truncate 76 45|ftruncate 77 46
fallocate 285 47|fadvise64 221 223|rename 82 -|renameat 264 38|renameat2 316 276|mkdir 83 -|mkdirat 258 34|rmdir 84 -
link 86 -|linkat 265 37|unlink 87 -|unlinkat 263 35|symlink 88 -|symlinkat 266 36|chmod 90 -|fchmod 91 52
fchmodat 268 53|utime 132 -|utimes 235 -|utimensat 280 88|sendfile 40 71|copy_file_range 326 285|pipe 22 -|pipe2 293 59
mmap 9 222|munmap 11 215|mprotect 10 226|mremap 25 216|madvise 28 233|mincore 27 232|msync 26 227|brk 12 214
membarrier 324 283
nanosleep 35 101|clock_nanosleep 230 115|clock_gettime 228 113|clock_getres 229 114|gettimeofday 96 169|time 201 -
times 100 153|getitimer 36 102|setitimer 38 103|alarm 37 -|pause 34 -
poll 7 -|ppoll 271 73|select 23 -|pselect6 270 72|epoll_create 213 -|epoll_create1 291 20|epoll_ctl 233 21
epoll_wait 232 -|epoll_pwait 281 22|epoll_pwait2 441 441|eventfd2 290 19
futex 202 98|futex_waitv 449 449|set_robust_list 273 99|get_robust_list 274 100|rseq 334 293|set_tid_address 218 96
gettid 186 178|sched_yield 24 124|sched_getaffinity 204 123|sched_getparam 143 121|sched_getscheduler 145 120
sched_get_priority_max 146 125|sched_get_priority_min 147 126|getcpu 309 168|rt_sigaction 13 134|rt_sigprocmask 14 135
rt_sigreturn 15 139|rt_sigpending 127 136|rt_sigtimedwait 128 137|rt_sigsuspend 130 133|sigaltstack 131 132
restart_syscall 219 128|kill 62 129|tgkill 234 131
getpid 39 172|getppid 110 173|getpgid 121 155|getpgrp 111 -|getsid 124 156|getuid 102 174|geteuid 107 175
getgid 104 176|getegid 108 177|getgroups 115 158|getresuid 118 148|getresgid 120 150|getpriority 140 141
getrlimit 97 163|getrusage 98 165|sysinfo 99 179|uname 63 160|getrandom 318 278|arch_prctl 158 -|wait4 61 260
waitid 247 95|exit 60 93|exit_group 231 94
recvfrom 45 207|shutdown 48 210|getsockname 51 204|getpeername 52 205|getsockopt 55 209
"""
"""Name, number on x86_64, number on aarch64: allowed whatever the arguments. Other processes cannot be seen from a box,
so that signals reach nobody."""

_JUDGED = "ioctl 16 29|clone 56 220|prctl 157 167|prlimit64 302 261|socketpair 53 199|sendto 44 206"
"""Those whose arguments decide, by `_RULES`."""
_UNKNOWN = "clone3 435 435"
"""Told to be unknown, so that C libraries use `clone`, whose arguments a filter can see."""
_START = "execve 59 221"
"""What starts a program's own interpreter, where that happens behind the filter."""

_AROUND = (
    *("clone", "fork", "vfork", "execve", "execveat", "prctl", "prlimit64", "setrlimit", "seccomp", "capget", "capset"),
    *("setsid", "setpgid", "setuid", "setgid", "setgroups", "setresuid", "setresgid", "tkill", "pidfd_open"),
    *("pidfd_send_signal", "sched_setaffinity", "eventfd", "recvmsg", "sendmsg"),
)
"""What an engine and the keeper of a container do before a program runs, under a stricter filter, beside all above."""

_AUDIT = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_CLONE_THREAD = 0x0001_0000
_CLONE_NEW = 0x7E02_0080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""


class _Rule(msgspec.Struct, frozen=True):
    """Allow a call when one argument is as told."""

    argument: int
    has: Literal["one of", "any bit of"]
    values: tuple[int, ...]


_RULES = {
    # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what opening and wrapping files asks.
    "ioctl": _Rule(1, "one of", (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),
    "clone": _Rule(0, "any bit of", (_CLONE_THREAD,)),
    # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: what threads and allocators use.
    "prctl": _Rule(0, "one of", (15, 16, 0x5356_4D41)),
    "prlimit64": _Rule(0, "one of", (0,)),
    # AF_UNIX: both ends stay here.
    "socketpair": _Rule(0, "one of", (1,)),
    # Without an address it reaches the other end of a pair only.
    "sendto": _Rule(4, "one of", (0,)),
}

_LOAD, _EQUAL, _ANY_BIT, _GREATER, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_X32 = 0x4000_0000

_Instruction = tuple[int, int, int, int]
_DENY: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
_PASS: _Instruction = (_RETURN, 0, 0, _ALLOW)


def _read(table: str, machine: str) -> dict[str, int]:
    column = 1 if machine == "x86_64" else 2
    rows = [entry.split() for line in table.split("\n") for entry in line.split("|") if entry.strip()]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def _check(rule: _Rule) -> list[_Instruction]:
    low, high = _ARGUMENTS + 8 * rule.argument, _ARGUMENTS + 8 * rule.argument + 4
    code: list[_Instruction] = [(_LOAD, 0, 0, high), (_EQUAL, 1, 0, 0), _DENY, (_LOAD, 0, 0, low)]
    test = _EQUAL if rule.has == "one of" else _ANY_BIT
    for value in rule.values:
        code += [(test, 0, 1, value), _PASS]
    return [*code, _DENY]


def bpf(machine: str, *, starting: bool) -> bytes:
    """Write the filter of a program; raise `ConfigError` for a machine whose numbers are not known.

    With `starting`, a process may become another executable, as it must when the filter comes before its interpreter.
    """
    if machine not in _AUDIT:
        raise ConfigError(f"no filter of system calls for {machine!r}; there is one for: {', '.join(_AUDIT)}")
    code: list[_Instruction] = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, _AUDIT[machine]), (_RETURN, 0, 0, _KILL)]
    code.append((_LOAD, 0, 0, _NUMBER))
    if machine == "x86_64":
        code += [(_GREATER, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for number in _read(_ALLOWED + (_START if starting else ""), machine).values():
        code += [(_EQUAL, 0, 1, number), _PASS]
    for name, number in _read(_JUDGED, machine).items():
        check = _check(_RULES[name])
        code += [(_EQUAL, 0, len(check), number), *check]
    for number in _read(_UNKNOWN, machine).values():
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    code.append(_DENY)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _entries(name: str, rule: _Rule) -> list[JsonValue]:
    entries: list[JsonValue] = []
    for value in rule.values:
        argument: JsonObject = {"index": rule.argument, "value": value}
        match rule.has:
            case "one of":
                argument["op"] = "SCMP_CMP_EQ"
            case "any bit of":
                argument |= {"valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
            case _:
                assert_never(rule.has)
        entries.append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]})
    return entries


def profile() -> JsonObject:
    """Write the profile of a container: what programs may do, and what happens around them."""
    machines: list[JsonValue] = [
        {"architecture": f"SCMP_ARCH_{machine.upper()}", "subArchitectures": []} for machine in _AUDIT
    ]
    plain = {name for machine in _AUDIT for name in _read(_ALLOWED, machine)}
    names: list[JsonValue] = [*sorted(plain | set(_AROUND) - {"clone"})]
    # Processes and threads, but none in namespaces of its own.
    inside: JsonObject = {"index": 0, "value": _CLONE_NEW, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    calls: list[JsonValue] = [
        {"names": names, "action": "SCMP_ACT_ALLOW"},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [inside]},
        {"names": [*_read(_UNKNOWN, "x86_64")], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
    ]
    for name, rule in _RULES.items():
        if name not in _AROUND:
            calls += _entries(name, rule)
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.EPERM,
        "archMap": machines,
        "syscalls": calls,
    }
